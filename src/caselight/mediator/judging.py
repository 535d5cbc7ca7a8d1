"""A plan with what is needed to hold hits against it: what the verb `search` is given."""

from collections.abc import Sequence
from typing import Any

from caselight.language.lexicon import Lexicon
from caselight.language.mentions import find_mentions
from caselight.language.reading import read_text
from caselight.mediator.plan import Plan
from caselight.mediator.validate import Check, reordered, validate
from caselight.types import HitCheck, HitReason

DEEPER = 4
"""So many times the hits that are wanted are found, so that enough are left of them."""


class Judge:
    """Holds hits against one plan."""

    def __init__(self, plan: Plan, lexicon: Lexicon, *, places: float) -> None:
        """Take a plan.

        Args:
            plan: what was asked.
            lexicon: that it was made with.
            places: what full agreement is worth: so many places up the list, 0 or more.
        """
        self.plan, self._lexicon, self._places = plan, lexicon, places

    def depth(self, k: int) -> int:
        """How many hits are to be found for k to be left."""
        return DEEPER * k if self.plan.criteria else k

    def check(self, text: str) -> HitCheck:
        """Hold the text of one hit against the plan."""
        mentions = read_text(text, lambda text: find_mentions(text, self._lexicon)).mentions
        return _said(validate(self.plan, text, mentions, is_a=self._is_a))

    def order(self, checks: Sequence[HitCheck]) -> list[int]:
        """The places of the hits that stay, best first."""
        return reordered(checks, [self._places] * len(checks))

    def for_the_record(self) -> dict[str, Any]:
        """What the log says of the plan besides its digest: nothing that the words said."""
        plan = self.plan
        return {
            "route": plan.route,
            "intent": plan.intent,
            "rewrites": len(plan.rewrites),
            "include": sum(one.rule == "include" for one in plan.criteria),
            "exclude": sum(one.rule == "exclude" for one in plan.criteria),
            "lexicon": plan.lexicon,
            "template": plan.template,
            "model": plan.model,
            "prompt": plan.prompt,
        }

    def _is_a(self, one: str, other: str) -> bool:
        return one == other or other in self._lexicon.ancestors(one)


def _said(check: Check) -> HitCheck:
    return HitCheck(
        decision=check.decision,
        agreement=round(check.agreement, 6),
        reasons=tuple(
            HitReason(
                rule=reason.criterion.rule,
                concept=reason.criterion.concept,
                why=reason.criterion.why,
                finds=reason.finds,
                span=reason.span,
                quote=reason.quote,
            )
            for reason in check.reasons
        ),
    )
