"""Names and ids of people, taken out of a text."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from caselight.data.name_words import (
    AFFIXES,
    EPONYMOUS,
    HONORIFICS,
    PARTICLES,
    PLAIN_WORDS,
    TITLES,
)

NAME_MARK = "[name]"
ID_MARK = "[id]"

_LETTER = r"[^\W\d_][\u0300-\u036f]*"
# An apostrophe inside a word is its own, as in O'Brien; a genitive's is not.
_WORD = rf"(?:{_LETTER})+(?:['\u2019](?![sS](?![^\W\d_]))(?:{_LETTER})+)*"
_TOKEN = re.compile(rf"\[(?:name|id)\]|(?P<word>{_WORD})")
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_BETWEEN = re.compile(r"[^\S\n]*(?:[,^=-][^\S\n]*|\n[^\S\n]*)?")
_AFTER_POINT = re.compile(r"\.[^\S\n]*(?:[,^-][^\S\n]*|\n[^\S\n]*)?")
_UMLAUTS = {"\u00e4": "ae", "\u00f6": "oe", "\u00fc": "ue", "\u00e5": "aa", "\u00f8": "oe"}
_SPELLED_OUT = {
    "\u00f8": "o",
    "\u0142": "l",
    "\u0111": "d",
    "\u0131": "i",
    "\u00e6": "ae",
    "\u0153": "oe",
    "\u00fe": "th",
    "\u00f0": "d",
}
_LINES = re.compile(r"[^\n]*(?:\n|$)")
_SHORTEST_PART = 3
_SHORTEST_ID = 4
_SHORTEST_NUMBER = 5
"""Shorter ones are years and measures as often as ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    people: dict[str, frozenset[int]]
    """Folded word to the people who have it in their name."""
    initials: frozenset[tuple[str, int]]
    ids: re.Pattern[str] | None
    east_asian: re.Pattern[str] | None


@dataclass(slots=True, kw_only=True)
class _Token:
    """One word of the text."""

    start: int
    end: int
    folded: str
    people: frozenset[int]
    """Whose name it may be; empty for every other word."""
    initial_of: frozenset[int]
    capital: bool
    plain: bool
    """Whether it takes more than the word itself to call it a name."""
    shouted: bool
    """Whether its whole line is in capitals, so that its own say nothing."""
    taken: bool = False


def remove_names(text: str, names: Sequence[str]) -> tuple[str, int]:
    """Take the names and ids of known people out of a text.

    Words are compared whole, without case and diacritics, in any order, so "SMITH, John" and
    "J. Smith" go as well as "Dr. Smith" (the title stays). What is a word of its own ("Small",
    "Long", "White", "May", "Anonymous") and parts shorter than three letters go only where they
    are written with a capital and stand beside a title, an initial or another part of the same
    person's name; where everything is in capitals, only beside a title with a full stop or a part
    that is no plain word. A name before a noun that makes an eponym of it ("Baker cyst") stays,
    unless such a neighbour says that a person is meant. Chinese, Japanese and Korean names go as a
    whole, and the family name before a form of address. Ids go where they stand alone and have
    four characters, five if all are digits; shorter ones behind "ID", "MRN" or "No.".

    Does not find: names that `names` does not hold, nicknames, misspellings.

    Args:
        text: any text.
        names: DICOM person names ("FAMILY^GIVEN^MIDDLE^PREFIX^SUFFIX", further alphabets behind
            "="), "Family, Given" or "Given Family"; whatever holds a digit is an id.

    Returns:
        The text with "[name]" and "[id]" in their places, and the number of places; the same text
        and 0 where nothing is found.
    """
    known = _read_names(names)
    count = 0
    for pattern, mark in ((known.ids, ID_MARK), (known.east_asian, NAME_MARK)):
        if pattern is not None:
            text, found = pattern.subn(mark, text)
            count += found
    if not known.people:
        return text, count
    tokens = list(_tokens(text, known))
    _take(tokens, text)
    parts: list[str] = []
    done, previous = 0, None
    for token in tokens:
        if not token.taken:
            continue
        # A name across two lines leaves a mark on each, so that no line changes its kind.
        if (
            previous is None
            or not _beside(previous, token, text)
            or "\n" in text[done : token.start]
        ):
            parts += [text[done : token.start], NAME_MARK]
            count += 1
        done, previous = token.end, token
    return ("".join([*parts, text[done:]]) if parts else text), count


def _read_names(names: Sequence[str]) -> _Names:
    people: dict[str, set[int]] = {}
    initials: set[tuple[str, int]] = set()
    ids: set[str] = set()
    east_asian: set[str] = set()
    for person, name in enumerate(names):
        if any(character.isdigit() for character in name):
            ids.add(name.strip())
            if len(re.split(r"[\s^,=]+", name.strip())) == 1:
                continue
        for group in name.split("="):
            if _EAST_ASIAN.search(group):
                east_asian.update(_east_asian_patterns(group))
                continue
            # DICOM keeps prefix and suffix apart; elsewhere they are known by their spelling.
            own, passed = (group.split("^")[:3], TITLES) if "^" in group else ([group], AFFIXES)
            for word in re.findall(_WORD, " ".join(own)):
                for spelling in _foldings(word) - passed:
                    people.setdefault(spelling, set()).add(person)
                    initials.add((spelling[0], person))
    return _Names(
        people={word: frozenset(owners) for word, owners in people.items()},
        initials=frozenset(initials),
        ids=_id_pattern(ids),
        east_asian=re.compile("|".join(sorted(east_asian, key=len, reverse=True)))
        if east_asian
        else None,
    )


def _foldings(word: str) -> set[str]:
    """A word without case, diacritics and apostrophes, and as a keyboard without umlauts has it."""
    if word.isascii():
        return {_fold(word)}
    lowered = word.casefold()
    composed = unicodedata.normalize("NFC", lowered)
    umlauts = "".join(_UMLAUTS.get(letter, letter) for letter in composed)
    return {_fold(lowered), _fold(umlauts)} - {""}


def _fold(word: str) -> str:
    if word.isascii():
        return word.lower().replace("'", "")
    spelled = "".join(_SPELLED_OUT.get(letter, letter) for letter in word.casefold())
    return "".join(c for c in unicodedata.normalize("NFKD", spelled) if c.isalpha())


def _east_asian_patterns(group: str) -> Iterator[str]:
    parts = [re.escape(part) for part in re.split(r"[\^\s\u3000]+", group) if part]
    if len(parts) == 1 and len(parts[0]) >= _SHORTEST_PART:
        yield parts[0]
    if len(parts) > 1:
        gap = r"[\s\u3000^\u30fb]?"
        yield parts[0] + gap + parts[1]
        yield parts[1] + gap + parts[0]
    if parts:
        yield f"{parts[0]}(?={HONORIFICS.pattern})"


def _id_pattern(ids: set[str]) -> re.Pattern[str] | None:
    alone: list[str] = []
    labelled: list[str] = []
    for name in sorted(ids, key=len, reverse=True):
        bare = name.lstrip("0") if name.isdigit() else name
        shortest = _SHORTEST_NUMBER if name.isdigit() else _SHORTEST_ID
        target = alone if len(bare) >= shortest else labelled
        target.append(("0*" if name.isdigit() else "") + re.escape(bare))
    patterns = [
        f"{before}(?:{'|'.join(found)})"
        for before, found in (
            ("", alone),
            (r"(?:(?<=\bID[:# ])|(?<=\bMRN[:# ])|(?<=\b(?:ID|No)[:.] )|(?<=\bMRN: ))", labelled),
        )
        if found
    ]
    if not patterns:
        return None
    # Not a part of a longer number, date or uid.
    return re.compile(
        rf"(?<![\w])(?<![\w][./-])(?:{'|'.join(patterns)})(?![\w]|[./-]\w)", re.IGNORECASE
    )


def _tokens(text: str, known: _Names) -> Iterator[_Token]:
    lines = _LINES.finditer(text)
    line_end, shouted = -1, False
    for found in _TOKEN.finditer(text):
        word = found["word"]
        if word is None:
            continue
        while found.start() > line_end:
            line = next(lines)
            line_end = line.end()
            shouted = not any(c.islower() for c in _TOKEN.sub(_without_marks, line[0]))
        folded = _fold(word)
        letters = {letter for letter in (folded[:1],) if len(folded) == 1 and word[0].isupper()}
        yield _Token(
            start=found.start(),
            end=found.end(),
            folded=folded,
            people=frozenset().union(*(known.people.get(x, ()) for x in _foldings(word))),
            initial_of=frozenset(p for letter, p in known.initials if letter in letters),
            capital=word[0].isupper(),
            plain=len(folded) < _SHORTEST_PART or folded in PLAIN_WORDS | PARTICLES,
            shouted=shouted,
        )


def _without_marks(found: re.Match[str]) -> str:
    return found["word"] or ""


def _take(tokens: list[_Token], text: str) -> None:
    """Mark the tokens that are names, until no neighbour of a name is left."""
    open_ones = {i for i, token in enumerate(tokens) if token.people or token.initial_of}
    asked = set(open_ones)
    while asked:
        found = [i for i in asked if _is_name(tokens, i, text)]
        for i in found:
            tokens[i].taken = True
        open_ones.difference_update(found)
        # Only what looks at a token just taken can change, so that a long row of initials takes no
        # longer than any other words: see `_is_name` and `_eponym` for how far each looks.
        asked = {j for i in found for j in (i - 2, i - 1, i + 1)} & open_ones


def _is_name(tokens: list[_Token], i: int, text: str) -> bool:
    """Whether the word itself, or what stands beside it, makes it a name."""
    token = tokens[i]
    before = tokens[i - 1] if i and _beside(tokens[i - 1], token, text) else None
    after = tokens[i + 1] if i + 1 < len(tokens) and _beside(token, tokens[i + 1], text) else None
    owners = token.people | token.initial_of
    beside = [other for other in (before, after) if other is not None]
    part = any(other.taken and owners & (other.people | other.initial_of) for other in beside)
    if not token.people:
        return part
    titled = before is not None and _is_title(before, text)
    if not token.plain:
        return titled or part or not _eponym(tokens, i, text)
    if token.folded in PARTICLES and after is not None and after.taken:
        return part
    if not token.capital:
        return False
    return part or titled or (not token.shouted and any(_supports(token, o, text) for o in beside))


def _supports(token: _Token, other: _Token, text: str) -> bool:
    """Whether two plain words, or a plain word and an initial, name one person together."""
    if other.initial_of & token.people and text[other.end : other.end + 1] == ".":
        return len(token.folded) > 1
    both_long = min(len(token.folded), len(other.folded)) > 1 and token.folded != other.folded
    return bool(both_long and other.capital and other.people & token.people)


def _is_title(token: _Token, text: str) -> bool:
    """Whether a word is a title here; "MR" and "DR" without a full stop are ways of imaging."""
    if token.folded not in TITLES:
        return False
    word = text[token.start : token.end]
    return text[token.end : token.end + 1] == "." or word.istitle()


def _eponym(tokens: list[_Token], i: int, text: str) -> bool:
    """Whether a name stands for a thing: "Baker cyst", "Baker's cyst"."""
    if i + 1 == len(tokens):
        return False
    gap = text[tokens[i].end : tokens[i + 1].start]
    noun = tokens[i + 1]
    if gap.lower() in ("'", "\u2019") and noun.folded == "s" and i + 2 < len(tokens):
        gap, noun = text[noun.end : tokens[i + 2].start], tokens[i + 2]
    return noun.folded in EPONYMOUS and gap in (" ", "-") and not noun.taken


def _beside(token: _Token, other: _Token, text: str) -> bool:
    """Whether nothing but what joins the parts of a name stands between two words."""
    gap = text[token.end : other.start]
    if len(token.folded) == 1 or token.folded in TITLES:
        return bool(_BETWEEN.fullmatch(gap) or _AFTER_POINT.fullmatch(gap))
    return bool(_BETWEEN.fullmatch(gap))
