"""An answer held against its plan: each hit kept, dropped or left unchecked, with the words for it.

A hit is dropped where its own text affirms what the words exclude, or denies what they ask for and
affirms none of it; it is kept where it affirms something that is asked for. Where the text says
neither, or there is none, the hit is left as it was: silence is no evidence. What a template or a
model added can move a hit and never drop it. Nothing is added, and the order is a matter of
`reordered`, which moves hits by how well they meet the plan and keeps the order of equals.

Source: paper 000, section 5 ("structured review"); the steps with evidence after S-Chain (arXiv
2510.22728).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from caselight.language.nouns import Mention, Severity, Span
from caselight.mediator.plan import Criterion, Plan
from caselight.types import Decision, Finds

IsA = Callable[[str, str], bool]
"""Whether the first concept is the second, or a kind of it, by key."""
_RANK: tuple[Severity, ...] = ("trivial", "mild", "moderate", "severe")
_DOUBTED = 0.5
"""What a doubted finding counts, of one that is affirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What a hit's text says of one criterion."""

    criterion: Criterion
    finds: Finds
    span: Span | None = None
    """Where the text says so; None where it is silent."""
    quote: str | None = field(default=None, repr=False)
    """The words of that span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What became of one hit."""

    decision: Decision
    reasons: tuple[Reason, ...]
    agreement: float
    """-1..1: the weighted share of what is included that is met, less that of what is denied or
    violated; 0 where nothing could be checked."""


class Decided(Protocol):
    """A hit of which something became."""

    @property
    def decision(self) -> Decision:
        """See `Check`."""
        ...

    @property
    def agreement(self) -> float:
        """See `Check`."""
        ...


def validate(plan: Plan, text: str | None, mentions: Sequence[Mention], *, is_a: IsA) -> Check:
    """Hold one hit against the plan.

    Args:
        plan: what was asked.
        text: the hit's own report text; None or empty where it has none.
        mentions: what that text mentions, as `language.reading` reads it.
        is_a: of the lexicon.

    Returns:
        One reason a criterion, in the plan's order.
    """
    if not (text or "").strip() or not plan.criteria:
        silent = tuple(Reason(criterion=one, finds=_nothing(one)) for one in plan.criteria)
        return Check(decision="unchecked", reasons=silent, agreement=0.0)
    reasons = tuple(_reason(one, text or "", mentions, is_a) for one in plan.criteria)
    found = {reason.finds for reason in reasons if reason.criterion.why == "asked"}
    decision: Decision = "unchecked"
    if "violated" in found or ("denied" in found and "met" not in found):
        decision = "dropped"
    elif any(reason.finds == "met" for reason in reasons):
        decision = "kept"
    return Check(decision=decision, reasons=reasons, agreement=_agreement(reasons))


def reordered(checks: Sequence[Decided], scores: Sequence[float]) -> list[int]:
    """The places of the hits that stay, best first; a subset of what came, never more.

    Args:
        checks: of the hits in their order.
        scores: what agreement is worth beside the place it had: the calibrated gain of each hit in
            places, 0 or more; zeros keep the order.

    Returns:
        Places, 0 to N - 1; those of dropped hits are left out.
    """
    stay = [i for i, check in enumerate(checks) if check.decision != "dropped"]
    return sorted(stay, key=lambda i: (i - scores[i] * checks[i].agreement, i))


def _nothing(criterion: Criterion) -> Finds:
    return "silent" if criterion.rule == "include" else "clear"


def _reason(criterion: Criterion, text: str, mentions: Sequence[Mention], is_a: IsA) -> Reason:
    """The strongest thing that a text says of a criterion: what is affirmed wins."""
    of_it = [
        mention
        for mention in mentions
        if mention.about == "now" and is_a(mention.concept, criterion.concept)
    ]
    affirmed = [m for m in of_it if m.certainty == "present" and _fits(criterion, m)]
    doubted = [m for m in of_it if m.certainty == "uncertain" and _fits(criterion, m)]
    # "No effusion" speaks of every kind of effusion; "no loculated effusion" of that kind alone.
    denied = [
        mention
        for mention in mentions
        if mention.about == "now"
        and mention.certainty == "absent"
        and is_a(criterion.concept, mention.concept)
        and _side_fits(criterion, mention)
    ]
    include = criterion.rule == "include"
    for said, finds in (
        (affirmed, "met" if include else "violated"),
        (doubted, "doubted"),
        (denied, "denied" if include else "clear"),
    ):
        if said:
            start, end = said[0].span
            return Reason(
                criterion=criterion,
                finds=finds,  # type: ignore[arg-type]
                span=said[0].span,
                quote=text[start:end],
            )
    return Reason(criterion=criterion, finds=_nothing(criterion))


def _fits(criterion: Criterion, mention: Mention) -> bool:
    """Whether a mention has the side, at least the severity and the size that are asked for."""
    if not _side_fits(criterion, mention):
        return False
    if (
        criterion.severity is not None
        and mention.severity is not None
        and _RANK.index(mention.severity) < _RANK.index(criterion.severity)
    ):
        return False
    if criterion.size_mm is None or mention.size_mm is None:
        return True
    least, greatest = criterion.size_mm
    if greatest is not None and mention.size_mm[0] > greatest:
        return False
    return least <= mention.size_mm[1]


def _side_fits(criterion: Criterion, mention: Mention) -> bool:
    """Whether the sides are equal, either is both, or one of them is not said."""
    asked, said = criterion.side, mention.side
    return asked is None or said is None or asked == said or said == "bilateral"


def _agreement(reasons: Sequence[Reason]) -> float:
    total = sum(reason.criterion.weight for reason in reasons)
    worth = {"met": 1.0, "doubted": _DOUBTED, "denied": -1.0, "violated": -1.0}
    gained = sum(
        reason.criterion.weight * (worth.get(reason.finds, 0.0) if _counts(reason) else 0.0)
        for reason in reasons
    )
    return gained / total if total else 0.0


def _counts(reason: Reason) -> bool:
    """A doubted exclusion speaks neither for nor against."""
    return not (reason.criterion.rule == "exclude" and reason.finds == "doubted")
