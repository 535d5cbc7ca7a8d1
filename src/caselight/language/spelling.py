"""Misspelled words of a lexicon: "pnuemothorax", "cardiomegally"."""

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LEAST_LETTERS = 6
"""Shorter words are left as they are: too many are near to each other."""
TWO_ERRORS_LETTERS = 9
"""Words so long may hold two errors; shorter ones one."""
_TURNS = (
    *(
        "a",
        "ab",
        "an",
        "ante",
        "anti",
        "bi",
        "de",
        "dis",
        "dys",
        "endo",
        "epi",
        "eu",
        "ex",
        "extra",
    ),
    *(
        "hemi",
        "hyper",
        "hypo",
        "im",
        "in",
        "infra",
        "inter",
        "intra",
        "ir",
        "macro",
        "mal",
        "micro",
    ),
    *("non", "para", "per", "peri", "post", "pre", "re", "sub", "supra", "un", "uni"),
)
"""Beginnings that turn the meaning of a word; two words that differ in one are two words."""


@dataclass(frozen=True, eq=False, repr=False)
class Spelling:
    """The words of a lexicon, by where a misspelled one would be looked for."""

    by_letter: Mapping[str, Sequence[str]]
    """First letter, or second one, to words."""

    @classmethod
    def of(cls, words: Sequence[str]) -> "Spelling":
        """Arrange words that are long enough."""
        by_letter: dict[str, list[str]] = defaultdict(list)
        for word in sorted(words):
            if len(word) >= LEAST_LETTERS - 1 and word.isalpha():
                for letter in {word[0], word[1]}:
                    by_letter[letter].append(word)
        return cls(by_letter=by_letter)

    def meant(self, word: str, bases: Mapping[str, str]) -> str | None:
        """Return the one word of the lexicon that a misspelled one can be.

        Args:
            word: folded, and no word of the lexicon.
            bases: `Phrases.bases`; two words of one base are one.

        Returns:
            The base; None for a short word, an English one, one that is near to no word of the
            lexicon or to two, and one that differs from it in what turns its meaning.
        """
        if len(word) < LEAST_LETTERS or not word.isascii() or not word.isalpha():
            return None
        if word in english_words():
            return None
        # Takes longer to load than the rest of the room, and many texts do without.
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        allowed = 1 + (len(word) >= TWO_ERRORS_LETTERS)
        near = extract(
            word,
            self.by_letter.get(word[0], ()),
            scorer=OSA.distance,
            score_cutoff=allowed,
            limit=8,
        )
        if not near:
            return None
        least = near[0][1]
        if least > 1 and near[0][0][0] != word[0]:
            return None
        meant = {bases[one] for one, distance, _ in near if distance == least}
        return meant.pop() if len(meant) == 1 and not _turned(word, near[0][0]) else None


@functools.cache
def english_words() -> frozenset[str]:
    """Return everyday and clinical words that are near to a word of the lexicon, but are none."""
    text = Path(__file__).with_name("english.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def _turned(word: str, other: str) -> bool:
    """Whether two words part in their beginnings as "hypo-" and "hyper-" do."""
    end = 0
    while end < min(len(word), len(other)) and word[-1 - end] == other[-1 - end]:
        end += 1
    heads = (word[: len(word) - end], other[: len(other) - end])
    return any(head in _TURNS for head in heads) and all(
        not head or head in _TURNS for head in heads
    )
