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
