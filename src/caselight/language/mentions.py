"""Where a text names what a lexicon knows: the longest names first, each word once.

1. Names: sequences of words, compared folded (`words.py`), over hyphens and slashes but over no
   comma, full stop or line end. A word that is no word of the lexicon may be a misspelled one
   (`spelling.py`).
2. Shared heads: "pleural or pericardial effusion" names both.
3. Abbreviations (`short_forms.py`), whose meaning the rest of the text decides.
4. Pairs: in "a mass in the right upper lobe" the mass is a lung mass, and the lobe is named, too.
   A pair reaches over words that only join its halves, so that a denial between them stands before
   the word that it denies: in "the heart is not enlarged", "enlarged" is the mention.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from caselight.language import short_forms
from caselight.language.lexicon import Lexicon
from caselight.language.nouns import Mention, Named, Specialty
from caselight.language.phrases import HALF
from caselight.language.short_forms import BESIDE, Choice
from caselight.language.word_lists import JOINS
from caselight.language.words import Word, words

_AND = frozenset({"and", "or", "nor"})
_PREFIXES = frozenset({"non", "micro", "hyper", "hypo", "intra", "retro", "peri", "sub"})
"""Joined to what follows even where they are words of a name themselves."""
_REACH = 8
"""Words between the halves of a pair, at most."""
_MOST_HEADS = 2
"""Words of a shared head, at most: "wet or dry macular degeneration"."""
_INSIDE_GAPS = frozenset({" ", "-", "/", "\u2010", "\u2011", "\u2013", ""})


@dataclass(frozen=True, slots=True)
class _Hit:
    """Words from `first` up to `end` that name something."""

    first: int
    end: int
    key: str
    named: Named


def find_mentions(
    text: str, lexicon: Lexicon, *, specialty: Specialty | None = None
) -> tuple[Mention, ...]:
    """Return what a text names, in its order; spans do not overlap.

    Args:
        text: a question, a report, a caption; English, any length.
        lexicon: what is looked for.
        specialty: of the question or the archive, where it is known; helps to decide abbreviations.

    Returns:
        Mentions with nothing but `span`, `concept` and `named` set. An abbreviation whose meaning
        the text does not decide is left out; `abbreviation_choices` names it.
    """
    return _read(text, lexicon, specialty)[0]


def abbreviation_choices(
    text: str, lexicon: Lexicon, *, specialty: Specialty | None = None
) -> tuple[Choice, ...]:
    """Return every abbreviation of a text that could mean two things, and what was made of it."""
    return _read(text, lexicon, specialty)[1]


def _read(
    text: str, lexicon: Lexicon, specialty: Specialty | None
) -> tuple[tuple[Mention, ...], tuple[Choice, ...]]:
    reading = _Reading(text, lexicon)
    hits = _shared_heads(reading, _names(reading))
    short, choices = _abbreviations(reading, hits, specialty)
    hits = _pairs(reading, sorted([*hits, *short], key=lambda hit: hit.first))
    mentions = tuple(
        Mention(
            span=(reading.words[hit.first].span[0], reading.words[hit.end - 1].span[1]),
            concept=hit.key,
            named=hit.named,
        )
        for hit in hits
        if not hit.key.startswith(HALF)
    )
    return mentions, choices


class _Reading:
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


def _names(reading: _Reading) -> list[_Hit]:
    """The longest name from each word on, left to right."""
    hits: list[_Hit] = []
    names, lengths, bases = reading.phrases.names, reading.phrases.lengths, reading.bases
    at, n = 0, len(bases)
    while at < n:
        hit = None
        for length in lengths.get(bases[at], ()):
            end = at + length
            if end <= n and reading.same_clause(at, end):
                key = names.get(tuple(bases[at:end]))
                if key is not None and not (length == 1 and reading.is_short(at)):
                    hit = _hit(reading, at, end, key)
                    break
        if hit is not None:
            hits.append(hit)
        at = hit.end if hit else at + 1
    return hits


def _hit(reading: _Reading, first: int, end: int, key: str) -> _Hit:
    if not reading.misspelled.isdisjoint(range(first, end)):
        return _Hit(first, end, key, "misspelled")
    if key.startswith(HALF):
        return _Hit(first, end, key, "name")
    main = reading.lexicon.main_phrases[key]
    return _Hit(first, end, key, "name" if tuple(reading.bases[first:end]) == main else "synonym")


def _shared_heads(reading: _Reading, hits: Sequence[_Hit]) -> list[_Hit]:
    """Names that lack their last words because a second name, after "or", has them."""
    bases, out = reading.bases, list(hits)
    for hit in reversed(hits):
        joint = hit.first - 1
        if hit.end - hit.first == 1 or joint < 0:
            continue
        if bases[joint] not in _AND and reading.clause[joint] == reading.clause[hit.first]:
            continue
        before = joint if bases[joint] in _AND else hit.first
        for n_head, n_own in ((h, o) for h in range(1, _MOST_HEADS + 1) for o in (2, 1)):
            first = before - n_own
            if n_head >= hit.end - hit.first or first < 0:
                continue
            phrase = (*bases[first:before], *bases[hit.end - n_head : hit.end])
            key = reading.phrases.names.get(phrase)
            inside = [one for one in out if one.first < before and one.end > first]
            if (
                key is None
                or key.startswith(HALF)
                or not reading.same_clause(first, before)
                or any(one.first < first or one.end > before for one in inside)
            ):
                continue
            out = [one for one in out if one not in inside]
            out.append(_Hit(first, before, key, "synonym"))
            break
    return sorted(out, key=lambda hit: hit.first)


def _abbreviations(
    reading: _Reading, hits: Sequence[_Hit], specialty: Specialty | None
) -> tuple[list[_Hit], tuple[Choice, ...]]:
    lexicon = reading.lexicon
    taken = {at for hit in hits for at in range(hit.first, hit.end)}
    open_ = {
        at: keys
        for at in range(len(reading.words))
        if at not in taken
        and (keys := short_forms.candidates(reading.words, at, lexicon, shouted=reading.shouted))
    }
    if not open_:
        return [], ()
    sure = {hit.key for hit in hits if not hit.key.startswith(HALF)}
    said = {word.folded for at, word in enumerate(reading.words) if at not in open_}
    # Several abbreviations beside each other are no everyday English, either.
    clinical = bool(sure) or len(open_) > 1 or short_forms.is_clinical(said)
    alone = {
        at
        for at in open_
        if not short_forms.needs_context(reading.words[at], lexicon, shouted=reading.shouted)
    }
    sure |= {keys[0] for at, keys in open_.items() if at in alone and len(keys) == 1}
    spoken = [
        word.raw.lower() if at in open_ else word.folded for at, word in enumerate(reading.words)
    ]
    found, choices = [], []
    for at, keys in open_.items():
        if at not in alone and not clinical:
            continue
        word = reading.words[at]
        context = short_forms.Context(
            near=sure,
            adjoining={hit.key for hit in hits if at in (hit.end, hit.first - 1)},
            said={*spoken[:at], *spoken[at + 1 :]},
            beside={*spoken[max(0, at - BESIDE) : at], *spoken[at + 1 : at + 1 + BESIDE]},
            specialty=specialty,
        )
        points = short_forms.weigh(keys, lexicon, context)
        chosen = short_forms.choose(points)
        if chosen is not None:
            found.append(_Hit(at, at + 1, chosen, "abbreviation"))
        if len(keys) > 1:
            choices.append(Choice(span=word.span, meanings=points, chosen=chosen))
    return found, tuple(choices)


def _pairs(reading: _Reading, hits: Sequence[_Hit]) -> list[_Hit]:
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


def _places(reading: _Reading, hits: Sequence[_Hit], n: int, step: int) -> Iterator[_Hit]:
    """What stands in one phrase with a hit on one side of it, up to the first anatomy.

    Other findings may stand between: in "the aorta is dilated and tortuous" it is both.
    """
    linked = True
    m = n + step
    while 0 <= m < len(hits):
        first, last = sorted((hits[m - step], hits[m]), key=lambda hit: hit.first)
        between = [reading.bases[at] for at in range(first.end, last.first)]
        if reading.clause[first.first] != reading.clause[last.first] or len(between) > _REACH:
            return
        place = hits[m].key in reading.lexicon and (
            reading.lexicon[hits[m].key].category == "anatomy"
        )
        # "And" joins two findings of one place, but not a finding to the next place.
        if not all(_joins(word) or (not place and word in _AND) for word in between):
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
