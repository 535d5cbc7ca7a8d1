"""All that a text says, in one value."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from caselight.language.context import scan_context
from caselight.language.context_rules import ContextRules
from caselight.language.modifiers import attach, read_modifiers
from caselight.language.nouns import Found, Mention, Span
from caselight.language.patients import AgeRange, Sex, read_ages, read_sexes
from caselight.language.small_words import FUNCTION_WORDS
from caselight.language.times import Change, When, read_changes, read_dates
from caselight.language.tokens import read_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a text says. Of its words it holds places only."""

    mentions: tuple[Mention, ...]
    """In the order of the text, with context, side, severity and size."""
    age_years: AgeRange | None = field(repr=False)
    """What all ages said of the patient agree on; None where there are none, or they disagree."""
    sex: Sex | None = field(repr=False)
    """None where it is not said, or both are."""
    dates: tuple[Found[When], ...]
    changes: tuple[Found[Change], ...]
    """Comparisons with earlier studies and what they found."""
    unread: tuple[Span, ...]
    """Words that nothing understood, function words left out, in order."""

    @property
    def compares(self) -> bool:
        """Whether the text speaks of an earlier study or of change since."""
        return bool(self.changes)


def read_text(
    text: str,
    find: Callable[[str], Iterable[Mention]],
    *,
    rules: ContextRules | None = None,
    today: date | None = None,
) -> Reading:
    """Read a text: what it names, and what it says of that and of the patient.

    Args:
        text: a question, a report or a section, in English.
        find: the mentions of a text; their context and modifiers are filled in here.
        rules: context rules of a site; None for our own.
        today: the day from which "last year" counts; without one it is not resolved.

    Returns:
        The reading; of an empty text an empty one.
    """
    named = sorted(find(text), key=lambda mention: mention.span)
    ages, sexes = read_ages(text), read_sexes(text)
    # An age or a sex may be a relative's: they are read in context, as mentions are.
    spans = [mention.span for mention in named]
    spans += [age.span for age in ages] + [sex.span for sex in sexes]
    scan = scan_context(text, spans, rules)
    completed = [
        replace(mention, certainty=said.certainty, about=said.about, cues=said.cues)
        for mention, said in zip(named, scan.contexts, strict=False)
    ]
    of_patient = [said.about != "family" for said in scan.contexts[len(named) :]]
    modifiers = read_modifiers(text)
    dates, changes = read_dates(text, today=today), read_changes(text)
    understood = [
        *spans,
        *modifiers.spans(),
        *(one.span for one in dates),
        *(one.span for one in changes),
        *scan.cues,
    ]
    said_sexes = {one.value for one, own in zip(sexes, of_patient[len(ages) :], strict=True) if own}
    return Reading(
        mentions=attach(text, completed, modifiers),
        age_years=_agreed([one.value for one, own in zip(ages, of_patient, strict=False) if own]),
        sex=said_sexes.pop() if len(said_sexes) == 1 else None,
        dates=dates,
        changes=changes,
        unread=_unread(text, understood),
    )


def _agreed(ages: Sequence[AgeRange]) -> AgeRange | None:
    """The ages that fit all that was said; None where there are none."""
    if not ages:
        return None
    least, greatest = max(least for least, _ in ages), min(greatest for _, greatest in ages)
    return (least, greatest) if least <= greatest else None


def _unread(text: str, understood: Sequence[Span]) -> tuple[Span, ...]:
    """The words that no span covers and that mean something."""
    covered: list[Span] = []
    for start, end in sorted(understood):
        if covered and start <= covered[-1][1]:
            covered[-1] = (covered[-1][0], max(end, covered[-1][1]))
        else:
            covered.append((start, end))
    tokens = read_tokens(text)
    left = []
    for word, span in zip(tokens.words, tokens.spans, strict=True):
        at = bisect_right(covered, span[0], key=lambda one: one[0]) - 1
        inside = at >= 0 and span[0] < covered[at][1]
        if not inside and word[0].isalnum() and word not in FUNCTION_WORDS:
            left.append(span)
    return tuple(left)
