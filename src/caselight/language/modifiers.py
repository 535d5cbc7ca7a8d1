"""Side, severity and size, given to the mention of whose phrase they are.

A sentence is parted into phrases (at commas, "and", "with" and the like) and these into pieces (at
prepositions and verbs). What stands before a mention in its piece is said of it: a side of every
mention that follows in the piece, a severity or a size of the last one, "left lower lobe nodule".
With no mention after it in its piece, it is said of the first thing that the phrase names: "nodule
in the left upper lobe measuring 5 mm". A side before a colon, or in an opening "on the left, ...",
holds until the next side. What fits nothing is left out.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, takewhile

from caselight.language.degrees import fits, read_severities, read_sizes
from caselight.language.nouns import Found, Mention, Severity, Side, Span, T
from caselight.language.sides import read_sides
from caselight.language.small_words import PHRASE_PARTS, PIECE_PARTS
from caselight.language.tokens import Tokens, read_tokens, split_sentences

_NEAR = 4
"""Phrases over which a modifier without a mention of its own looks for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modifiers:
    """What a text says of side, severity and size, before it is known of what."""

    sides: tuple[Found[Side], ...]
    severities: tuple[Found[Severity], ...]
    sizes: tuple[Found[tuple[float, float]], ...]

    def spans(self) -> Iterator[Span]:
        """Where they all stand, in no order."""
        yield from (one.span for one in self.sides)
        yield from (one.span for one in self.severities)
        yield from (one.span for one in self.sizes)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a mention stands."""

    first: int
    last: int
    """Tokens: its first and the one after its last."""
    number: int
    """In the list of mentions."""


@dataclass(slots=True)
class _Phrase:
    """Words between two boundaries, in pieces."""

    first: int
    opened_by: str
    """The boundary before it, "" at the start of a sentence."""
    pieces: list[list[_Place]]
    starts: list[int]
    """The first token of each piece."""
    closed_by: str = ""
    head: _Place | None = None
    """What it speaks of: the last mention of the first piece that has one."""


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What was found for each mention, by its number."""

    sides: defaultdict[int, set[Side]]
    severities: dict[int, Severity]
    sizes: dict[int, tuple[float, float]]


def read_modifiers(text: str) -> Modifiers:
    """Read every side, severity and size of a text."""
    return Modifiers(
        sides=read_sides(text), severities=read_severities(text), sizes=read_sizes(text)
    )


def attach(text: str, mentions: Sequence[Mention], modifiers: Modifiers) -> tuple[Mention, ...]:
    """Give each mention what the text says of its side, severity and size.

    Args:
        text: the text of which the mentions are.
        mentions: in any order; a value that one has already stays.
        modifiers: those of the same text.

    Returns:
        The mentions, in their order.
    """
    tokens = read_tokens(text)
    words = list(tokens.words)
    places = sorted(
        (
            _Place(*_cover(tokens, words, mention.span), number)
            for number, mention in enumerate(mentions)
        ),
        key=lambda place: place.first,
    )
    sides = _placed(tokens, words, modifiers.sides)
    severities = _placed(tokens, words, modifiers.severities)
    sizes = _placed(tokens, words, modifiers.sizes)
    found = _Gathered(defaultdict(set), {}, {})
    for start, end in split_sentences(text):
        first, last = tokens.at(start), tokens.at(end - 1) + 1
        phrases = _part(words, first, last, _within(places, first, last))
        _give_sides(phrases, _inside(sides, first, last), found)
        for at, severity in _inside(severities, first, last):
            word = text[slice(*severity.span)]
            for place in _targets(phrases, at)[-1:]:
                if fits(word, mentions[place.number].concept):
                    found.severities.setdefault(place.number, severity.value)
        for at, size in _inside(sizes, first, last):
            for place in _targets(phrases, at)[-1:]:
                found.sizes.setdefault(place.number, size.value)
    return tuple(_complete(mention, number, found) for number, mention in enumerate(mentions))


def _cover(tokens: Tokens, words: list[str], span: Span) -> tuple[int, int]:
    """The tokens of a span; its words part no phrase ("left and right") and are blanked."""
    first, last = tokens.at(span[0]), tokens.at(max(span[0], span[1] - 1)) + 1
    words[first:last] = [""] * len(words[first:last])
    return first, last


def _placed(
    tokens: Tokens, words: list[str], some: Sequence[Found[T]]
) -> list[tuple[int, Found[T]]]:
    return [(_cover(tokens, words, one.span)[0], one) for one in some]


def _within(places: list[_Place], first: int, last: int) -> list[_Place]:
    start = bisect_left(places, first, key=lambda place: place.first)
    return list(takewhile(lambda place: place.first < last, islice(places, start, None)))


def _inside(some: list[tuple[int, Found[T]]], first: int, last: int) -> list[tuple[int, Found[T]]]:
    start = bisect_left(some, first, key=lambda one: one[0])
    return list(takewhile(lambda one: one[0] < last, islice(some, start, None)))


def _part(words: list[str], first: int, last: int, places: list[_Place]) -> list[_Phrase]:
    """The phrases of a sentence."""
    phrases = [_Phrase(first, "", [[]], [first])]
    waiting = deque(places)
    for at in range(first, last):
        word, now = words[at], phrases[-1]
        while waiting and waiting[0].first <= at:
            place = waiting.popleft()
            if now.head is None or now.pieces[-1][-1:] == [now.head]:
                now.head = place
            now.pieces[-1].append(place)
        # "left and right effusions": nothing is named yet, so the phrase goes on.
        if word in PHRASE_PARTS and not (word in ("and", "or") and now.head is None):
            now.closed_by = word
            phrases.append(_Phrase(at + 1, word, [[]], [at + 1]))
        elif word in PIECE_PARTS:
            now.pieces.append([])
            now.starts.append(at + 1)
    return phrases


def _give_sides(
    phrases: list[_Phrase], sides: list[tuple[int, Found[Side]]], found: _Gathered
) -> None:
    """Sides of a sentence; one before a colon or in an opening holds for what follows."""
    starts = [phrase.first for phrase in phrases]
    held: dict[int, Side] = {}
    for at, side in sides:
        number = bisect_right(starts, at) - 1
        phrase = phrases[number]
        opening = number == 0 and phrase.closed_by == "," and len(phrase.pieces) > 1
        targets = _targets(phrases, at)
        if phrase.closed_by == ":" or (opening and not phrase.pieces[0]):
            held[number] = side.value
            targets = [place for place in targets if place in phrase.pieces[-1]]
        for place in targets:
            found.sides[place.number].add(side.value)
    holds: set[Side] = set()
    for number, phrase in enumerate(phrases):
        for place in chain.from_iterable(phrase.pieces):
            found.sides[place.number] = found.sides[place.number] or holds
        holds = {held[number]} if number in held else holds


def _targets(phrases: list[_Phrase], at: int) -> list[_Place]:
    """The mentions of which a modifier may be said, the one for a single value last."""
    number = bisect_right(phrases, at, key=lambda phrase: phrase.first) - 1
    phrase = phrases[number]
    piece = bisect_right(phrase.starts, at) - 1
    after = [place for place in phrase.pieces[piece] if place.last > at]
    head = phrase.head
    if after:
        # "nodule in the left lung": the side is the lung's and the nodule's.
        return [head, *after] if head is not None and head.last <= at else after
    if head is not None:
        return [head]
    before = next(
        (one.head for one in reversed(phrases[max(0, number - _NEAR) : number]) if one.head), None
    )
    if before is not None:
        return [before] if phrase.opened_by in (",", "(", ":") else []
    later = next((one for one in phrases[number + 1 : number + 1 + _NEAR] if one.head), None)
    return [later.head] if later and later.head else []


def _complete(mention: Mention, number: int, found: _Gathered) -> Mention:
    sides = found.sides.get(number, set())
    side: Side | None = "bilateral" if len(sides) > 1 else next(iter(sides), None)
    return replace(
        mention,
        side=mention.side or side,
        severity=mention.severity or found.severities.get(number),
        size_mm=mention.size_mm or found.sizes.get(number),
    )
