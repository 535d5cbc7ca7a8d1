"""A language model that says what it was told to: for tests, demonstrations and red teams."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from caselight.errors import MediatorError
from caselight.types import Completion, Turn

EMPTY = "{}"
"""What is answered to words that are not in the table: a draft that adds nothing."""
_MOST_BYTES = 4_000_000


class ScriptedModel:
    """Answers from a table, or by a function of the turns.

    A table holds the answer to the user's own words, found between the prompt's lines; the answer
    is text, so it may be wrong, half, verbose, or full of fields that nobody asked for. A function
    may raise `MediatorError` as a server would.
    """

    def __init__(
        self,
        answers: Mapping[str, str] | Callable[[Sequence[Turn]], str] = {},  # noqa: B006 -- read only
        *,
        name: str = "scripted",
        delay_s: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Make one.

        Args:
            answers: the user's words -> what is answered; or a function of the turns.
            name: for the plan and the record.
            delay_s: seconds that every answer takes; past the deadline it is as if none came.
            sleep: what passes the time.
        """
        self.name = name
        self._answers = answers
        self._delay_s = delay_s
        self._sleep = sleep

    def complete(
        self,
        turns: Sequence[Turn],
        *,
        schema: Mapping[str, Any],  # noqa: ARG002 -- a script keeps to no schema
        deadline_s: float,
    ) -> Completion:
        """Answer as the script says; see `protocols.LanguageModel`."""
        self._sleep(max(0.0, min(self._delay_s, deadline_s)))
        if self._delay_s > deadline_s:
            raise MediatorError(
                f"the scripted model did not answer within {deadline_s:g} s; "
                "give it longer (mediator.timeout_s)",
                code="mediator.too_slow",
            )
        if callable(self._answers):
            text = self._answers(turns)
        else:
            asked = next(turn.text for turn in turns if turn.role == "user")
            _, _, rest = asked.partition("\n")
            text = self._answers.get(rest.rpartition("\n")[0].strip(), EMPTY)
        return Completion(
            text=text,
            n_prompt_tokens=sum(estimated_tokens(turn.text) for turn in turns),
            n_answer_tokens=estimated_tokens(text),
            counted="estimated",
            held_by="script",
        )


def estimated_tokens(text: str) -> int:
    """Tokens that a text may have: one for every four characters, rounded up."""
    return -(-len(text) // 4)


def read_script(path: Path) -> dict[str, str]:
    """Read a table of answers: a JSON object, the user's words -> an answer.

    An answer is an object, which is written out, or text, which stays as it is.

    Raises:
        MediatorError: `mediator.bad_script`.
    """
    wrong = MediatorError(
        f"{path.name} is no script of a language model: expected a JSON object of the user's words "
        "and what is answered to each; correct mediator.script",
        code="mediator.bad_script",
    )
    try:
        with path.open("rb") as file:
            table = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        raise wrong from None
    if not isinstance(table, dict):
        raise wrong
    return {
        words.strip(): answer if isinstance(answer, str) else json.dumps(answer)
        for words, answer in table.items()
    }
