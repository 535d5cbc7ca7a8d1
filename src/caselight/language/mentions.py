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

from collections.abc import Sequence

from caselight.language import short_forms
from caselight.language.hits import Hit, Reading
from caselight.language.lexicon import Lexicon
from caselight.language.nouns import Mention, Specialty
from caselight.language.pairs import pair_up
from caselight.language.phrases import HALF
from caselight.language.short_forms import BESIDE, Choice
from caselight.language.word_lists import AND

_MOST_HEADS = 2
"""Words of a shared head, at most: "wet or dry macular degeneration"."""
_LONGEST = 12
"""No name has more words."""


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
    reading = Reading(text, lexicon)
    hits = _shared_heads(reading, _names(reading))
    short, choices = _abbreviations(reading, hits, specialty)
    hits = pair_up(reading, sorted([*hits, *short], key=lambda hit: hit.first))
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


def _names(reading: Reading) -> list[Hit]:
    """The longest name from each word on, left to right."""
    hits: list[Hit] = []
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


def _hit(reading: Reading, first: int, end: int, key: str) -> Hit:
    if not reading.misspelled.isdisjoint(range(first, end)):
        return Hit(first, end, key, "misspelled")
    if key.startswith(HALF):
        return Hit(first, end, key, "name")
    main = reading.lexicon.main_phrases[key]
    return Hit(first, end, key, "name" if tuple(reading.bases[first:end]) == main else "synonym")


def _shared_heads(reading: Reading, hits: Sequence[Hit]) -> list[Hit]:
    """Names that lack their last words because a second name, after "or", has them."""
    bases, by_first = reading.bases, {hit.first: hit for hit in hits}
    for hit in reversed(hits):
        joint = hit.first - 1
        if hit.end - hit.first == 1 or joint < 0:
            continue
        if bases[joint] not in AND and reading.clause[joint] == reading.clause[hit.first]:
            continue
        before = joint if bases[joint] in AND else hit.first
        found = _without_head(reading, before, hit)
        if found is None:
            continue
        # What is read there already, such as the anatomy "pleural", becomes part of it, or stays.
        near = range(max(0, found.first - _LONGEST), before)
        inside = [by_first[at] for at in near if at in by_first and by_first[at].end > found.first]
        if all(one.first >= found.first and one.end <= before for one in inside):
            for one in inside:
                del by_first[one.first]
            by_first[found.first] = found
    return [by_first[first] for first in sorted(by_first)]


def _without_head(reading: Reading, before: int, hit: Hit) -> Hit | None:
    """The name that the words before a place and the last words of a hit make."""
    for n_head in range(1, min(_MOST_HEADS, hit.end - hit.first - 1) + 1):
        head = reading.bases[hit.end - n_head : hit.end]
        for n_own in (2, 1):
            first = before - n_own
            if first < 0 or not reading.same_clause(first, before):
                continue
            key = reading.phrases.names.get((*reading.bases[first:before], *head))
            if key is not None and not key.startswith(HALF):
                return Hit(first, before, key, "synonym")
    return None


def _abbreviations(
    reading: Reading, hits: Sequence[Hit], specialty: Specialty | None
) -> tuple[list[Hit], tuple[Choice, ...]]:
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
    adjoining = {hit.end: hit.key for hit in hits} | {hit.first - 1: hit.key for hit in hits}
    context = short_forms.Context(lexicon, near=sure, said=set(spoken), specialty=specialty)
    found, choices = [], []
    for at, keys in open_.items():
        if at not in alone and not clinical:
            continue
        beside = {*spoken[max(0, at - BESIDE) : at], *spoken[at + 1 : at + 1 + BESIDE]}
        points = context.weigh(keys, beside=beside, adjoining=adjoining.get(at))
        chosen = short_forms.choose(points)
        if chosen is not None:
            found.append(Hit(at, at + 1, chosen, "abbreviation"))
        if len(keys) > 1:
            span = reading.words[at].span
            choices.append(Choice(span=span, meanings=points, chosen=chosen))
    return found, tuple(choices)
