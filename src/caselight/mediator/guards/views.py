"""The layer `encodings`: what a text says once it is decoded."""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from caselight.mediator.guards.findings import Finding

LAYER = "encodings"
MOST_VIEWS = 8
DEEPEST = 3
"""Base64 of hex of ROT13 is read; one more wrapping is not."""
_SHORTEST = 6
"""Bytes; what is shorter says nothing."""
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:0x|\\x|\\u00|U\+00)?[0-9A-Fa-f]{2}[\s:,]{0,2}){6,}(?![0-9A-Za-z])"
)
_BINARY = re.compile(r"(?<!\d)(?:[01]{8}\s?){4,}(?!\d)")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}[^%\s]{0,8}){3,}")
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9A-Fa-f]+|[A-Za-z]+);")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_](?:[^\w\n]|_){1,3}){4,}[^\W_](?![^\W_])")
_SPELLED = 5
_INNER = re.compile(r"(?<=[A-Za-z])[013456789@$!|+](?=[A-Za-z])")
_MANY_INNER = 3
"""Signs between two letters; "HbA1c" has one, and few lines have three of its kind."""
_SIGNS = "013456789@$!|+"
_LEET = str.maketrans(_SIGNS, "oieasgtbgasilt")
_COMMON_WORDS = """
about above access after again all always and answer any before bypass command data disregard
everything execute following forget from give ignore information instruction instructions
message now only output override password patient please previous print prompt records repeat
respond reveal rules safety say secret show system tell that the them this user what with
without word write you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())
"""Words of orders and of everyday English, by which a text that was turned is known."""
_WORD = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A text decoded out of another."""

    kind: str
    text: str


def decoded_views(text: str, hidden: str = "", *, longest: int) -> tuple[View, ...]:
    """Decode what a text may hold in a form that people do not read and models do.

    Stops: base64, hexadecimal and binary numbers, percent and HTML escapes, ROT13, words written
    backwards, "i g n o r e" and "1gn0r3", each also inside another, three deep.
    Does not stop: ciphers with a key, Morse, pig Latin, texts cut over several queries, any
    encoding whose result is not mostly letters.

    Args:
        text: a cleaned text.
        hidden: what invisible characters spelled, read like any other view.
        longest: characters; a view is cut there.

    Returns:
        At most `MOST_VIEWS`, the shallow ones first, without the text itself.
    """
    views: list[View] = [View(kind="hidden", text=hidden[:longest])] if hidden else []
    seen = {text, hidden}
    layer = [text, hidden] if hidden else [text]
    for _ in range(DEEPEST):
        found: list[str] = []
        for one in layer:
            for kind, decode in _DECODERS.items():
                for view in decode(one):
                    view = view[:longest]
                    if view not in seen and len(views) < MOST_VIEWS:
                        seen.add(view)
                        views.append(View(kind=kind, text=view))
                        found.append(view)
        layer = found
    return tuple(views)


def encodings(views: tuple[View, ...]) -> Finding:
    """Say which views there are; ask where a clinical question has no reason to hold one."""
    counts: dict[str, int] = {}
    for view in views:
        counts[view.kind] = counts.get(view.kind, 0) + 1
    odd = any(kind in counts for kind in ("hidden", "base64", "hex", "binary", "rot13", "reversed"))
    return Finding(
        layer=LAYER, action="ask" if odd else "pass", counts=tuple(sorted(counts.items()))
    )


def _legible(data: bytes) -> str | None:
    """The text in some bytes, where most of it is letters."""
    if len(data) < _SHORTEST:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    letters = sum(c.isalpha() or c == " " for c in text)
    return text if letters >= 0.75 * len(text) and text.isprintable() else None


def _base64(text: str) -> Iterator[str]:
    for found in _BASE64.finditer(text):
        bare = found[0].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            data = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        plain = _legible(data)
        # A long word is base64 too, of bytes that are rarely letters: seldom, but then no text.
        if plain is not None and (" " in plain or not found[0].isalpha()):
            yield plain


def _hex(text: str) -> Iterator[str]:
    for found in _HEX.finditer(text):
        digits = re.sub(r"0x|\\x|\\u00|U\+00|[\s:,]", "", found[0])
        if len(digits) % 2 == 0 and (plain := _legible(bytes.fromhex(digits))) is not None:
            yield plain


def _binary(text: str) -> Iterator[str]:
    for found in _BINARY.finditer(text):
        bits = re.sub(r"\s", "", found[0])
        data = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        if (plain := _legible(data.ljust(_SHORTEST))) is not None:
            yield plain


def _percent(text: str) -> Iterator[str]:
    if _PERCENT.search(text):
        yield unquote(text, errors="replace")


def _entities(text: str) -> Iterator[str]:
    if _ENTITY.search(text):
        yield html.unescape(text)


def _rot13(text: str) -> Iterator[str]:
    turned = codecs.encode(text, "rot13")
    if _says_more(turned, text):
        yield turned


def _reversed(text: str) -> Iterator[str]:
    turned = text[::-1]
    if _says_more(turned, text):
        # Word by word, so that each stands where it stood.
        yield " ".join(word[::-1] for word in text.split())
        yield turned


def _says_more(turned: str, text: str) -> bool:
    common = len(_COMMON.intersection(_WORD.findall(turned.lower())))
    return common >= 2 and common > len(_COMMON.intersection(_WORD.findall(text.lower())))


def _spaced(text: str) -> Iterator[str]:
    # "T 1 N 0 M 0" is a stage: too few letters to be a word.
    if any(sum(map(str.isalpha, run)) >= _SPELLED for run in _SPACED.findall(text)):
        yield _SPACED.sub(_closed, text)


def _closed(run: re.Match[str]) -> str:
    """Letters that stand apart, together; a wider gap than the common one is a space."""
    gaps = re.findall(r"(?:[^\w]|_)+", run[0])
    usual = min(map(len, gaps))
    return re.sub(r"(?:[^\w]|_)+", lambda gap: " " if len(gap[0]) > usual else "", run[0])


def _leet(text: str) -> Iterator[str]:
    if any(sign in text for sign in _SIGNS):
        plain = re.sub(r"\S+", _with_letters, text)
        if _says_more(plain, text) or len(_INNER.findall(text)) >= _MANY_INNER:
            yield plain


def _with_letters(word: re.Match[str]) -> str:
    """Signs read as letters, in a word that has letters as well."""
    return word[0] if word[0].isdigit() else word[0].translate(_LEET)


_DECODERS: dict[str, Callable[[str], Iterator[str]]] = {
    "base64": _base64,
    "hex": _hex,
    "binary": _binary,
    "percent": _percent,
    "entities": _entities,
    "rot13": _rot13,
    "reversed": _reversed,
    "spaced": _spaced,
    "leet": _leet,
}
