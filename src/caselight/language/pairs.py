"""What is found, and where: "a mass in the right upper lobe" is a lung mass."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from caselight.language.hits import Hit, Reading
from caselight.language.lexicon import Lexicon
from caselight.language.word_lists import AND, JOINS

_REACH = 8
"""Words between the halves of a pair, at most."""
_BETWEEN = 3
"""Findings between a finding and its place, at most."""


def pair_up(reading: Reading, hits: Sequence[Hit]) -> list[Hit]:
    """What is found, made that which is found there, where its place stands in the same phrase."""
    out = list(hits)
    for n, hit in enumerate(hits):
        for other in (*_places(reading, hits, n, -1), *_places(reading, hits, n, 1)):
            key = _found_there(reading.lexicon, hit.key, other.key)
            if key is not None:
                out[n] = replace(
                    hit, key=key, named="synonym" if hit.named == "name" else hit.named
                )
                break
    return out


def _places(reading: Reading, hits: Sequence[Hit], n: int, step: int) -> Iterator[Hit]:
    """What stands in one phrase with a hit on one side of it, up to the first anatomy.

    Other findings may stand between: in "the aorta is dilated and tortuous" it is both.
    """
    linked = True
    m = n + step
    while 0 <= m < len(hits) and abs(m - n) <= _BETWEEN + 1:
        first, last = sorted((hits[m - step], hits[m]), key=lambda hit: hit.first)
        between = [reading.bases[at] for at in range(first.end, last.first)]
        if reading.clause[first.first] != reading.clause[last.first] or len(between) > _REACH:
            return
        place = hits[m].key in reading.lexicon and (
            reading.lexicon[hits[m].key].category == "anatomy"
        )
        # "And" joins two findings of one place, but not a finding to the next place.
        if not all(_joins(word) or (not place and word in AND) for word in between):
            return
        if linked or place:
            yield hits[m]
        if place:
            return
        linked = False
        m += step


def _joins(word: str) -> bool:
    """Whether a word between the halves of a pair leaves them together, as numbers do, too."""
    return word in JOINS or word[0].isdigit()


def _found_there(lexicon: Lexicon, what: str, where: str) -> str | None:
    pairs = lexicon.phrases.pairs
    if (what, where) in pairs:
        return pairs[what, where]
    if where not in lexicon or lexicon[where].category != "anatomy":
        return None
    return next((pairs[what, up] for up in lexicon.wholes(where) if (what, up) in pairs), None)
