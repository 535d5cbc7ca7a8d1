"""From words to a plan: guarded, read, routed, and drafted by a model where that may help.

The lexicon makes a plan of every text that the guards let through. A model is asked only where one
is configured, the words are not plain already, and nobody is named in them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from caselight.config import Config
from caselight.errors import QueryRefused
from caselight.language.lexicon import Lexicon, open_lexicon
from caselight.mediator.adopt import adopted
from caselight.mediator.drafting import Drafted, draft
from caselight.mediator.guards import Verdict, guard, read_text
from caselight.mediator.plan import Plan
from caselight.mediator.planner import Understood, plan_by_lexicon, understand
from caselight.mediator.templates import OURS, Template, read_templates
from caselight.protocols import LanguageModel
from caselight.types import Target

_MOST_NAMES = 24
"""Names of concepts that a model is given to choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mediated:
    """What became of a text."""

    verdict: Verdict
    plan: Plan | None
    """None where the guards refused the text, or nothing can be seen in it."""
    understood: Understood | None
    drafted: Drafted | None
    """What came of asking a model; None where none was asked."""

    def refusal(self, text: str) -> QueryRefused:
        """Why a text has no plan, without a word of it."""
        if self.verdict.verdict != "refuse":
            return QueryRefused("there is nothing in the question; say what to look for")
        layers = [one.layer for one in self.verdict.layers if one.action == "refuse"]
        if "length" in layers:
            return QueryRefused(
                f"the question has {len(text):,} characters, more than `guards.max_characters`; "
                "shorten it, or raise the setting",
                code="query.too_long",
            )
        return QueryRefused(
            f"the guards refused the question ({', '.join(layers)}): it reads as orders to a "
            "machine; ask in other words, `caselight guard` says what each layer found",
            code="query.injection",
        )


class Mediator:
    """Reads questions with the tables that some settings name; holds no home and no index."""

    def __init__(
        self,
        config: Config,
        *,
        model: LanguageModel | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the tables.

        Args:
            config: the sections `guards`, `language` and `mediator`.
            model: that drafts, from `backends.open_model`; None for none.
            clock: seconds, for a model's deadline.

        Raises:
            LanguageError: `language.bad_lexicon`.
            MediatorError: `mediator.bad_templates`.
        """
        self.config = config
        self.lexicon: Lexicon = open_lexicon([Path(one) for one in config.language.lexicons])
        named = config.mediator.templates
        self.templates: Mapping[str, Template] = read_templates(
            OURS if named is None else Path(named), self.lexicon
        )
        self._model, self._clock = model, clock

    def mediate(
        self,
        text: str,
        *,
        target: Target = "study",
        k: int = 10,
        filters: Mapping[str, str] | None = None,
    ) -> Mediated:
        """Make a plan of a text, or refuse it.

        Args:
            text: the user's words.
            target: what is searched.
            k: hits wanted.
            filters: the user's own.
        """
        verdict = guard(text, self.config.guards)
        cleaned = read_text(text, most=self.config.guards.max_characters).cleaned.text.strip()
        if verdict.verdict == "refuse" or not cleaned:
            return Mediated(verdict=verdict, plan=None, understood=None, drafted=None)
        understood = understand(cleaned, self.lexicon)
        plan = plan_by_lexicon(
            understood,
            self.lexicon,
            target=target,
            k=k,
            filters=filters,
            templates=self.templates,
        )
        drafted = self._drafted(cleaned, plan, understood, verdict)
        if drafted is not None and drafted.draft is not None:
            plan = adopted(
                drafted.draft,
                plan,
                understood,
                self.lexicon,
                model=drafted.model,
                prompt=drafted.prompt,
            )
        elif drafted is not None:
            note = f"the lexicon planned alone: {drafted.why}"
            plan = plan.model_copy(update={"notes": (*plan.notes, note)})
        return Mediated(verdict=verdict, plan=plan, understood=understood, drafted=drafted)

    def _drafted(
        self, text: str, plan: Plan, understood: Understood, verdict: Verdict
    ) -> Drafted | None:
        """Ask the model, if there is one and it may see the words."""
        if self._model is None or plan.route == "direct" or verdict.identifiers:
            return None
        names = dict.fromkeys(self.lexicon[one.concept].name for one in understood.mentions)
        return draft(
            text,
            self._model,
            settings=self.config.mediator,
            names=list(names)[:_MOST_NAMES],
            clock=self._clock,
        )
