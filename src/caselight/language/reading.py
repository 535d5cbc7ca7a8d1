"""All that a text says, in one value."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from caselight.language.context import read_context, read_cues
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
    contexts = read_context(text, spans, rules)
    completed = [
        replace(mention, certainty=said.certainty, about=said.about, cues=said.cues)
        for mention, said in zip(named, contexts, strict=False)
    ]
    of_patient = [said.about != "family" for said in contexts[len(named) :]]
    modifiers = read_modifiers(text)
    dates, changes = read_dates(text, today=today), read_changes(text)
    understood = [
        *spans,
        *modifiers.spans(),
        *(one.span for one in dates),
        *(one.span for one in changes),
        *read_cues(text, spans[: len(named)], rules),
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
"""A text as words in the form that names are kept in, and what was found among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from caselight.language import short_forms
from caselight.language.lexicon import Lexicon
from caselight.language.nouns import Named
from caselight.language.words import Word, words

_PREFIXES = frozenset({"non", "micro", "hyper", "hypo", "intra", "retro", "peri", "sub"})
"""Joined to what follows even where they are words of a name themselves."""
_INSIDE_GAPS = frozenset({" ", "-", "/", "\u2010", "\u2011", "\u2013", ""})


@dataclass(frozen=True, slots=True)
class Hit:
    """Words from `first` up to `end` that name something."""

    first: int
    end: int
    key: str
    named: Named


class Reading:
    """A text as words in the form that names are kept in."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.lexicon, self.phrases = lexicon, lexicon.phrases
        # "the" is in no name: "mass in the lung" is "mass in lung".
        split = [word for word in words(text) if word.folded != "the"]
        self.words: list[Word] = _joined(split, text, self.phrases.bases)
        self.shouted = short_forms.is_shouted(self.words)
        self.bases: list[str] = []
        self.misspelled: set[int] = set()
        for at, word in enumerate(self.words):
            base = self.phrases.bases.get(word.folded)
            if base is None and (base := lexicon.spelling.meant(word.folded, self.phrases.bases)):
                self.misspelled.add(at)
            self.bases.append(base or word.folded)
        # One clause to a run of words: a comma or a full stop between two ends one.
        self.clause, number, end = [], 0, 0
        for word in self.words:
            gap = text[end : word.span[0]]
            if gap not in _INSIDE_GAPS and not _is_inside(gap):
                number += 1
            self.clause.append(number)
            end = word.span[1]

    def is_short(self, at: int) -> bool:
        """Whether a word in capitals is an abbreviation, though it were a name without them."""
        raw = self.words[at].raw
        return raw in self.phrases.shorts and raw.isupper() and not self.shouted

    def same_clause(self, first: int, end: int) -> bool:
        """Whether the words from one up to another stand in one clause."""
        return self.clause[first] == self.clause[end - 1]


def _joined(split: Sequence[Word], text: str, bases: Mapping[str, str]) -> list[Word]:
    """Make one word of two that a name has as one: "non-proliferative", "pneumo thorax"."""
    out: list[Word] = []
    for word in split:
        if out and (out[-1].folded not in bases or out[-1].folded in _PREFIXES):
            before = out[-1]
            span = (before.span[0], word.span[1])
            joined = before.folded + word.folded
            if joined in bases and text[before.span[1] : word.span[0]] in (" ", "-"):
                out[-1] = Word(span, before.raw + word.raw, joined)
                continue
        out.append(word)
    return out


def _is_inside(gap: str) -> bool:
    """Whether what stands between two words leaves them in one clause."""
    return "\n" not in gap and all(
        c.isspace() or c in "-/\u2010\u2011\u2013'\u2019\""
        for c in gap.replace("the", "").replace("The", "").replace("THE", "")
    )
