"""Abbreviations in a text: which words are some, and which of their meanings is meant.

An abbreviation counts where its letters stand as the lexicon writes them. In lower case ("r/o pe"),
or in a text that is all capitals, it counts where it is no everyday word, and, with two letters,
only beside something clinical. Of several meanings the one is taken that most of the text speaks
for; where none stands out, none is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from caselight.language.lexicon import Lexicon
from caselight.language.nouns import Concept, Span, Specialty
from caselight.language.word_lists import CLINICAL, EVERYDAY
from caselight.language.words import Word

WRITTEN_OUT, CLUE_BESIDE, CLUE, KIN, SAME_SPECIALTY = 10, 4, 1, 1, 1
"""What speaks for a meaning: its own name before or after it, as in "pulmonary embolism (PE)", a
clue word within `BESIDE` words or anywhere, a related concept, a concept of its specialty."""
BESIDE = 5
_UNITS = frozenset({"mm", "cm", "mg", "ml", "ms", "mv", "cc", "m"})
_SHOUTED_WORDS = 3
_FEW_LETTERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An abbreviation in a text, and what it may mean there."""

    span: Span
    meanings: Mapping[str, int]
    """Key to how much of the text speaks for it, best first."""
    chosen: str | None
    """The meaning that is meant; None where the text does not say."""


def candidates(
    words: Sequence[Word], at: int, lexicon: Lexicon, *, shouted: bool
) -> tuple[str, ...]:
    """Return the meanings that a word may have as an abbreviation, before the context is asked.

    Args:
        words: the text's.
        at: which of them.
        lexicon: holds the abbreviations.
        shouted: whether the text is all capitals, so that capitals say nothing.
    """
    raw, phrases = words[at].raw, lexicon.phrases
    if at and raw.lower() in _UNITS and words[at - 1].raw[-1:].isdigit():
        return ()
    for one in (raw, raw.removesuffix("s")):
        if one in phrases.shorts and not shouted:
            return phrases.shorts[one]
        low = one.lower()
        if one != raw and len(low) <= _FEW_LETTERS:
            continue  # "gas" is no plural
        written = phrases.lower.get(low, ())
        if written and low not in EVERYDAY and (shouted or one == low):
            return tuple(dict.fromkeys(key for short in written for key in phrases.shorts[short]))
    return ()


def needs_context(word: Word, lexicon: Lexicon, *, shouted: bool) -> bool:
    """Whether an abbreviation counts only beside something clinical."""
    as_written = word.raw in lexicon.phrases.shorts and not shouted
    return len(word.raw) <= _FEW_LETTERS and not as_written


def is_clinical(words: Collection[str]) -> bool:
    """Whether any of these folded words speaks of patients and findings."""
    return not CLINICAL.isdisjoint(words)


def is_shouted(words: Sequence[Word]) -> bool:
    """Whether a text is all capitals."""
    return len(words) >= _SHOUTED_WORDS and not any(c.islower() for word in words for c in word.raw)


class Context:
    """What of a text speaks for the meanings of its abbreviations."""

    def __init__(
        self,
        lexicon: Lexicon,
        *,
        near: Collection[str],
        said: Collection[str],
        specialty: Specialty | None,
    ) -> None:
        """Keep what the whole text says.

        Args:
            lexicon: knows how concepts hang together.
            near: keys of what the text names for certain.
            said: its folded words.
            specialty: of the question, where it is known.
        """
        self._lexicon, self._near, self._said = lexicon, frozenset(near), frozenset(said)
        self._special = {specialty, *(lexicon[key].specialty for key in near)}
        self._anywhere: dict[str, int] = {}

    def weigh(
        self, keys: Sequence[str], *, beside: Collection[str], adjoining: str | None
    ) -> dict[str, int]:
        """Say how much speaks for each meaning of one abbreviation.

        Args:
            keys: the meanings.
            beside: folded words within `BESIDE` words of it.
            adjoining: key of what is named directly before or after it.

        Returns:
            Key to points, most first; in the order of the lexicon where they are equal.
        """
        points = {}
        for key in keys:
            if key not in self._anywhere:
                self._anywhere[key] = self._points(self._lexicon[key])
            clues = len(set(self._lexicon[key].clues) & set(beside))
            written_out = WRITTEN_OUT * (key == adjoining)
            points[key] = self._anywhere[key] + (CLUE_BESIDE - CLUE) * clues + written_out
        return dict(sorted(points.items(), key=lambda item: -item[1]))

    def _points(self, concept: Concept) -> int:
        """What speaks for a concept wherever its abbreviation stands in the text."""
        points = CLUE * len(self._said & set(concept.clues))
        kin = {concept.key, *concept.is_a, *concept.site, *concept.part_of}
        # Who writes it out elsewhere means, if anything, something else by the abbreviation.
        for key in self._near - {concept.key}:
            other = self._lexicon[key]
            points += KIN * bool(kin & {key, *other.is_a, *other.site, *other.part_of})
        return points + SAME_SPECIALTY * (concept.specialty in self._special)


def choose(points: Mapping[str, int]) -> str | None:
    """Return the meaning with most points; None where two share that, or nothing speaks for one."""
    ranked = list(points.items())
    if len(ranked) == 1:
        return ranked[0][0]
    return ranked[0][0] if ranked[0][1] > ranked[1][1] else None
