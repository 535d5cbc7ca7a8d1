"""Words as they are compared: without case, accents, British spelling, plural."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from caselight.language.nouns import Span

# Combining marks, soft hyphens and zero-width joiners stand inside a word, not between two.
_INSIDE = "\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff"
_WORD = re.compile(rf"\b[A-Za-z]/[A-Za-z]\b|[^\W_](?:[^\W_]|[{_INSIDE}])*(?:['\u2019]s\b)?")
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200d\u2060\ufeff]")
_OWNER = re.compile(r"['\u2019]s$")
_BRITISH = re.compile(
    r"(?P<e>ae(?=[a-df-qs-z])|oe(?=a|[a-z]{2}))"  # haemorrhage, oedema; not aerated, does, toe
    r"|(?P<or>(?<=tum)our|(?<=col)our|(?<=od)our|(?<=lab)our)"
    r"|(?P<er>(?<=fib)re(?=s?$)|(?<=cent)re(?=[sd]?$)|(?<=calib)re(?=s?$)|(?<=met)re(?=s?$))"
    r"|(?P<iz>(?<=...)is(?=(?:e[ds]?|ing|ations?)$))"  # visualised
    r"|(?P<gray>^grey)|(?P<sulf>^sulph)|(?P<leuk>^leuc(?=o))|(?P<ysm>(?<=aneur)ism)"
)
_NO_PLURAL = 3
"""Shorter words get no plural: "a", "is", "of" stand in names, too."""


class Word(NamedTuple):
    """A word of a text."""

    span: Span
    raw: str
    """As it is written, without a possessive ending and what cannot be seen."""
    folded: str

    def __repr__(self) -> str:
        """Say where it stands; the words of a query are shown nowhere."""
        return f"Word(span={self.span})"


def words(text: str) -> list[Word]:
    """Split a text into words, in order; hyphens and slashes part them, but "r/o" is one."""
    found = []
    for match in _WORD.finditer(text):
        raw = match[0]
        if not raw.isalnum():
            raw = _OWNER.sub("", _UNSEEN.sub("", raw))
        found.append(Word(match.span(), raw, fold(raw)))
    return found


def fold(word: str) -> str:
    """Return a word in lower case, without accents, in American spelling.

    Folding twice changes nothing. Both sides of every comparison are folded, so that what the rules
    make of a word that they were not written for does no harm.
    """
    plain = word.lower() if word.isascii() else _without_accents(word)
    while (american := _BRITISH.sub(lambda found: found.lastgroup or "", plain)) != plain:
        plain = american
    return plain


def fold_phrase(phrase: str) -> tuple[str, ...]:
    """Return the folded words of a name; articles are left out, as they are in texts."""
    return tuple(word.folded for word in words(phrase) if word.folded != "the")


def fold_names(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return each name with its folded words, as `fold_phrase` makes them; fast for many names."""
    known: dict[str, str] = {}
    found = {}
    for name in names:
        raw = _WORD.findall(name)
        for word in raw:
            if word not in known:
                known[word] = " ".join(fold_phrase(word))
        found[name] = tuple(folded for word in raw if (folded := known[word]))
    return found


def _without_accents(word: str) -> str:
    plain, before = word, ""
    while plain != before:
        before = plain
        apart = unicodedata.normalize("NFKD", plain.casefold())
        plain = "".join(c for c in apart if unicodedata.category(c) not in ("Mn", "Cf"))
    return plain


def plurals(word: str) -> Iterator[str]:
    """Make the plurals that a folded word may have, English and Latin; some do not exist."""
    if len(word) < _NO_PLURAL or not word.isalpha():
        return
    yield f"{word}es" if word.endswith(("s", "x", "z", "ch", "sh")) else f"{word}s"
    for ending, plural in _PLURALS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            yield word[: -len(ending)] + plural


_PLURALS = (
    *(("y", "ies"), ("is", "es"), ("us", "i"), ("um", "a"), ("a", "ae"), ("ma", "mata")),
    *(("ix", "ices"), ("ex", "ices"), ("ax", "aces"), ("nx", "nges"), ("on", "a")),
    *(("men", "mina"), ("f", "ves"), ("us", "era"), ("ns", "ntes")),
)
