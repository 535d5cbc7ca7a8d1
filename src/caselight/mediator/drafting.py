"""A draft by a language model: asked for, checked, mended once, and counted.

Nothing that a model does raises here. It may be slow, silent, wrong, verbose or hostile; what comes
back is a value that holds a draft, or the reason why there is none, and the search goes on with the
lexicon's plan.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from caselight.config import MediatorSettings
from caselight.errors import MediatorError
from caselight.mediator.backends.schema import closed_schema
from caselight.mediator.plan import Draft
from caselight.mediator.prompts import Filled, Prompt, fill, read_prompt, repair
from caselight.protocols import LanguageModel
from caselight.types import Completion

MOST_CHARACTERS = 4_000
"""Longer questions are not given to a model; the lexicon reads them."""
_MOST_REPAIRED = 4_000
"""Characters of a wrong answer that are shown to the model again."""
_MOST_PROBLEMS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What came of asking a model."""

    draft: Draft | None = field(repr=False)
    """None where there is none; the lexicon's plan is used then, and a note says so."""
    code: str | None
    """Why there is none, `mediator.` and a word; None where there is one."""
    why: str | None
    """The same as a sentence that may be shown: nothing of the question or the answer is in it."""
    model: str
    prompt: str
    """SHA-256 of the prompt file, 64 hex digits."""
    n_answers: int
    """How often the model answered: 1, or 2 with a repair; 0 where it never did."""
    repaired: bool
    """Whether the draft is from the second answer."""
    n_prompt_tokens: int
    n_answer_tokens: int
    counted: Literal["server", "estimated"] | None
    """Who counted the tokens; None where there was no answer."""
    held_by: Literal["json_schema", "tool", "prompt", "script"] | None
    """As in `types.Completion`."""
    seconds: float
    energy_j: float | None
    """None where it is unknown, which is not 0."""
    energy_method: str | None

    @property
    def event(self) -> str | None:
        """What the record should be told of, one of `audit.record.EVENTS`; mostly nothing."""
        return "draft.leaked" if self.code == "mediator.leaked" else None


def draft(
    text: str,
    model: LanguageModel,
    *,
    settings: MediatorSettings,
    names: Iterable[str] = (),
    prompt: Prompt | None = None,
    clock: Callable[[], float] = time.monotonic,
    token: Callable[[int], str] = secrets.token_hex,
) -> Drafted:
    """Ask a model for a draft of a plan.

    Args:
        text: the user's words, cleaned and without identifiers: the guards come first.
        model: what is asked.
        settings: the section `mediator`.
        names: of concepts that the lexicon found in the text, or that are near.
        prompt: another prompt file; None is `prompts.PLAN`.
        clock: seconds, from any beginning.
        token: number of bytes -> twice as many hex digits that nobody can guess.
    """
    prompt = prompt or read_prompt()
    began = clock()
    heard: list[Completion] = []
    found: Draft | None = None
    failure: MediatorError | None = None
    try:
        _check_length(text)
        schema = closed_schema(Draft)
        filled = fill(prompt, text, schema=schema, names=names, equity=settings.equity, token=token)
        turns = filled.turns
        while found is None:
            left_s = began + settings.timeout_s - clock()
            if left_s <= 0:
                raise _too_slow(settings.timeout_s)
            heard.append(model.complete(turns, schema=schema, deadline_s=left_s))
            found, problems = _read(heard[-1].text, filled, last=len(heard) == 2)
            turns = (*turns, *repair(prompt, heard[-1].text[:_MOST_REPAIRED], problems))
    except MediatorError as error:
        failure = error
    tokens = [(one.n_prompt_tokens, one.n_answer_tokens) for one in heard]
    n_prompt, n_answer = (sum(counts) for counts in zip(*tokens, strict=True)) if tokens else (0, 0)
    energy_j, method = _energy(n_prompt + n_answer, heard, settings)
    return Drafted(
        draft=found,
        code=failure.code if failure else None,
        why=str(failure) if failure else None,
        model=model.name,
        prompt=prompt.digest,
        n_answers=len(heard),
        repaired=found is not None and len(heard) == 2,
        n_prompt_tokens=n_prompt,
        n_answer_tokens=n_answer,
        counted=_counted(heard),
        held_by=heard[-1].held_by if heard else None,
        seconds=clock() - began,
        energy_j=energy_j,
        energy_method=method,
    )


def _check_length(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise MediatorError(
            f"the question has {len(text):,} characters and a language model is given at most "
            f"{MOST_CHARACTERS:,}; shorten it",
            code="mediator.too_long",
        )


def _too_slow(timeout_s: float) -> MediatorError:
    return MediatorError(
        f"the model's first answer could not be read, and {timeout_s:g} s were over before it "
        "could be mended; give it longer (mediator.timeout_s)",
        code="mediator.too_slow",
    )


def _read(answer: str, filled: Filled, *, last: bool) -> tuple[Draft | None, str]:
    """The draft in an answer, or what is wrong with it."""
    if filled.leaked_by(answer):
        raise MediatorError(
            "the model's answer held parts of its own instructions and was thrown away; the "
            "question may be an attack",
            code="mediator.leaked",
        )
    # Some models cannot help but introduce what they write.
    begin, end = answer.find("{"), answer.rfind("}")
    try:
        return Draft.model_validate_json(answer[begin : end + 1] if begin < end else answer), ""
    except ValidationError as error:
        if last:
            raise MediatorError(
                "the model gave no draft that can be read, twice; use a larger model, or a server "
                "that holds it to a grammar",
                code="mediator.bad_plan",
            ) from None
        wrong = error.errors(include_input=False, include_url=False, include_context=False)
    return None, "\n".join(
        f"- {'.'.join(str(part) for part in one['loc'])[:80] or 'all of it'}: {one['msg'][:160]}"
        for one in wrong[:_MOST_PROBLEMS]
    )


def _counted(heard: Sequence[Completion]) -> Literal["server", "estimated"] | None:
    if not heard:
        return None
    return "server" if all(one.counted == "server" for one in heard) else "estimated"


def _energy(
    n_tokens: int, heard: Sequence[Completion], settings: MediatorSettings
) -> tuple[float | None, str | None]:
    """Joules by the site's own figure; a server elsewhere cannot be metered from here."""
    each = settings.joules_per_token
    if each is None or not heard:
        return None, None
    return n_tokens * each, f"mediator.joules_per_token ({each:g} J) x tokens ({_counted(heard)})"
