"""The layer `characters`: what a reader cannot see, or sees as another letter."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from caselight.mediator.guards.confusables import ALL, CYRILLIC
from caselight.mediator.guards.findings import Action, Finding

LAYER = "characters"
_TAGS = range(0xE0000, 0xE0080)
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_SHAPED = frozenset(("<wide>", "<narrow>", "<font>", "<circle>", "<square>"))
_LIGATURES = range(0xFB00, 0xFB07)
_ENCLOSED = (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
"""Where alphabets of squared, circled and flag letters begin; not all of them decompose."""
_MOST_MARKS = 3
"""Combining marks on one letter: Vietnamese needs two, and no report more."""
_FLOOD = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+"
)
_MIXED = re.compile(r"[\w\u0300-\u036f]*[\u0400-\u052f][\w\u0300-\u036f]*")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_SUSPECT = ("tag", "bidi", "variation", "combining")
_MANY_VARIATIONS = 8
"""Fewer come with emoji; more spell out bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A text as a reader sees it."""

    text: str
    hidden: str
    """What tag characters and variation selectors spelled, which a language model would read."""
    finding: Finding


def clean(text: str) -> Cleaned:
    """Take out what cannot be seen, and write look-alikes as what they look like.

    Stops: control, zero-width, format and tag characters, direction overrides, variation selectors,
    unassigned characters, floods of combining marks; fullwidth, mathematical, circled and squared
    letters; Cyrillic letters in a word with Latin ones. What tags and selectors spell is handed on.
    Does not stop: a word written wholly in another alphabet (the learned layers fold it for
    themselves, see `skeleton`), words misspelled on purpose, pictures made of letters.

    Signs that clinical texts use come through: plus-minus, degree, micro, superscripts, subscripts,
    fractions, accents, Greek letters, arrows, comparison signs. Spaces of every width become a
    plain one. Cleaning twice changes nothing more.

    Args:
        text: any text, lone surrogates included.

    Returns:
        The text for the planner, what was hidden in it, and how often each kind was met.
    """
    counts: Counter[str] = Counter()
    hidden = ""
    if not (text.isascii() and text.replace("\n", "").replace("\t", "").isprintable()):
        hidden = _spelled(text)
        parts: list[str] = []
        for character in text.replace("\r\n", "\n"):
            plain, kind = _plain(character)
            parts.append(plain)
            if kind is not None:
                counts[kind] += 1
        text = unicodedata.normalize("NFC", "".join(parts))
        text, counts["combining"] = _FLOOD.subn(r"\1", text)
        folded = _MIXED.sub(_unmixed, text)
        counts["homoglyph"] = sum(a != b for a, b in zip(folded, text, strict=True))
        text = unicodedata.normalize("NFC", folded)
    if counts["variation"] < _MANY_VARIATIONS:
        del counts["variation"]
    action: Action = "ask" if any(counts[kind] for kind in _SUSPECT) else "pass"
    found = tuple(sorted((kind, count) for kind, count in counts.items() if count))
    return Cleaned(
        text=text, hidden=hidden, finding=Finding(layer=LAYER, action=action, counts=found)
    )


def skeleton(text: str) -> str:
    """What the learned layers read: no case, accents, look-alikes or runs of blanks."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.translate(ALL))
        text = "".join(c for c in decomposed if not unicodedata.combining(c)).translate(ALL)
    return " ".join(text.lower().split())


@lru_cache(maxsize=8192)
def _plain(c: str) -> tuple[str, str | None]:
    """A character as it is shown, and what was wrong with it."""
    if c in "\n\t":
        return c, None
    if c in "\r\x0b\x0c\x85\u2028\u2029":
        return "\n", None
    code, category = ord(c), unicodedata.category(c)
    if category == "Zs" or c in _BLANKS:
        return " ", "blank" if c in _BLANKS else None
    if category in ("Cc", "Cs", "Co", "Cn"):
        return "", "control" if category == "Cc" else "unassigned"
    if code in _TAGS:
        return "", "tag"
    if c in _BIDI:
        return "", "bidi"
    if category == "Cf":
        return "", "zero_width"
    if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
        return "", "variation"
    for start in _ENCLOSED:
        if start <= code < start + 26:
            return chr(ord("A") + code - start), "shaped"
    if 0x1F150 <= code < 0x1F16A:
        return chr(ord("A") + code - 0x1F150), "shaped"
    shape = unicodedata.decomposition(c).split(" ", 1)[0]
    if shape in _SHAPED or code in _LIGATURES:
        plain = unicodedata.normalize("NFKC", c)
        if any(d.isalnum() for d in plain) or shape in ("<wide>", "<narrow>"):
            return plain, None if code in _LIGATURES else "shaped"
    return c, None


def _unmixed(word: re.Match[str]) -> str:
    return word[0].translate(CYRILLIC) if _LATIN.search(word[0]) else word[0]


def _spelled(text: str) -> str:
    """The text that tag characters spell, and the bytes that variation selectors count."""
    tags = "".join(chr(ord(c) - 0xE0000) for c in text if 0xE0020 <= ord(c) < 0xE007F)
    numbers = bytes(
        code - 0xFE00 if code <= 0xFE0F else code - 0xE0100 + 16
        for code in map(ord, text)
        if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF
    )
    if len(numbers) < _MANY_VARIATIONS:
        return tags
    return f"{tags} {numbers.decode('utf-8', 'ignore')}".strip()
