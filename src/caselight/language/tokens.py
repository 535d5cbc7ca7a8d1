"""A text as words and sentences, each with its place in the text as it was given."""

import re
from bisect import bisect_left
from dataclasses import dataclass

from caselight.language.nouns import Span
from caselight.language.small_words import ABBREVIATIONS, LEADS_ON, TITLES

_TOKEN = re.compile(
    r"\+/-|(?<!\w)[A-Za-z]/[A-Za-z](?!\w)|(?<!\w)[Ww]/(?=\s?\w)|\d+(?:[.,]\d+)*"
    r"|[^\W\d]\w*(?:['\u2019][^\W\d]+)*|[^\w\s]"
)
_STOP = re.compile(
    r"(?<=[^\W\d_])[.](?=[A-Z][a-z])|[.!?;]+[\]\"'\u201d]?(?=\s|\Z)|[.]\)(?=\s|\Z)|\n"
)
"""A question mark before a closing bracket ends no sentence, "(scar?) at the base"."""
_BULLET = re.compile(r"\s*(?:[-*\u2022\u2013]\s|\(?\d{1,2}[.)]\s|[A-Z][A-Za-z /]{2,40}:)")
_LONG_LINE = 50
"""A line at least this long was broken by a margin, not by an end."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Words and marks of a text, in order; `spans[i]` is where `words[i]` stands."""

    words: list[str]
    """Lower-case. "isn't" is two words, "cannot" is "can" and "not", "w/o" is "without"."""
    spans: list[Span]

    def at(self, place: int) -> int:
        """The first token that ends after a place in the text."""
        return bisect_left(self.spans, place + 1, key=lambda span: span[1])


_SAME = {"w/o": ("without",), "w/": ("with",), "\u00b1": ("+/-",)}


def read_tokens(text: str) -> Tokens:
    """Read a text's words and marks; a hyphen inside a word only parts its halves."""
    words: list[str] = []
    spans: list[Span] = []
    for found in _TOKEN.finditer(text):
        start, end = found.span()
        word = found[0].lower().replace("\u2019", "'")
        if word == "-" and text[start - 1 : start].isalnum() and text[end : end + 1].isalnum():
            continue
        if word == "cannot" or (word.endswith("n't") and len(word) > 3):
            words += [word[:-3], "not"]
            spans += [(start, end - 3), (end - 3, end)]
            continue
        words += _SAME.get(word, (word,))
        spans.append((start, end))
    return Tokens(words, spans)


def split_sentences(text: str) -> tuple[Span, ...]:
    """Split a text into sentences, in order, without the white space around them.

    A sentence ends at ". ! ? ;" before white space, at a blank line, and at the end of a line
    that is neither full nor leads into the next. A point in a number or after an abbreviation
    ends nothing; a question mark that stands before a word ("? fracture") does not either.
    """
    cuts = [found.end() for found in _STOP.finditer(text) if _ends(text, found)]
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        inside = text[start:end]
        left = len(inside) - len(inside.lstrip())
        right = len(inside.rstrip())
        if left < right:
            found.append((start + left, start + right))
    return tuple(found)


def _ends(text: str, stop: re.Match[str]) -> bool:
    """Whether a stop is the end of a sentence."""
    start, end = stop.span()
    if stop[0] == "\n":
        return _line_ends(text, start)
    before = text[max(0, start - 24) : start]
    mark = stop[0].rstrip("\"'\u201d])")
    if mark == "?":
        return bool(before.strip()) and not before[-1].isspace()
    if mark != "." or not before:
        return True
    word = re.search(r"[\w.]*\Z", before)
    last = word[0].lower().lstrip(".") if word else ""
    after = text[end : end + 24].lstrip()
    if last in TITLES or (len(last) == 1 and last.isalpha() and after[:1].isupper()):
        return False
    if last.isdigit() and len(last) < 3 and _BULLET.match(text, start - len(last)):
        line = text.rfind("\n", 0, start) + 1
        return bool(text[line : start - len(last)].strip())
    return not (last in ABBREVIATIONS and (after[:1].islower() or after[:1].isdigit()))


def _line_ends(text: str, at: int) -> bool:
    """Whether a line break ends a sentence, too."""
    line = text[max(text.rfind("\n", 0, at) + 1, at - 200) : at].rstrip()
    after = text[at + 1 : at + 60]
    if not line or not after.split("\n", 1)[0].strip() or _BULLET.match(after):
        return True
    if after.lstrip()[:1].islower() or line[-1] in ",-/(":
        return False
    words = line.split()
    return words[-1].lower() not in LEADS_ON and len(line) < _LONG_LINE
