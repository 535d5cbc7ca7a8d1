"""Sentences of a report that may change places without changing what they say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

_Unit = TypeVar("_Unit")

_BREAK = re.compile(r"(?<=[.!?])(?P<close>[)\"'\u201d]*)\s+(?=[A-Z0-9(?\"'\u201c-])")
_NOT_AN_END = frozenset(
    {
        *("dr", "mr", "mrs", "ms", "prof", "st", "vs", "e.g", "i.e", "cf"),
        *("approx", "no", "fig", "lt", "rt", "bilat", "pl", "pulm", "vasc", "mediast"),
        *("subsegm", "neg", "pos", "prob", "poss", "susp", "mod", "min", "incr", "decr"),
    }
)
"""Words whose full stop is their own."""

_OPENING = re.compile(
    r"(?P<number>\(?\d{1,2}[.)])\s+(?=\S)|(?P<mark>[-*\u2022])\s+(?=\S)|"
    r"(?P<label>[A-Z][\w/&,()]*(?: [\w/&,()]+){0,3}(?::| -)) +(?=\S)"
)
_ENDS = re.compile(r"[.!?][)\"'\u201d]*$")
_LEANS = re.compile(
    r"(?:its?|this|that|these|those|they|their|there(?:fore|after)|also|again|however|similarly|"
    r"likewise|in addition|additionally|furthermore|moreover|thus|hence|then|which|and|but|"
    r"unchanged|stable|improv\w+|increased?|increasing|decreased?|decreasing|worse\w*|new|"
    r"resolved|similar|same|compatible|consistent|suggest\w*|represent\w*|measur\w+|concerning|"
    r"likely|probabl[ey]|possibl[ey]|correspond\w*|findings?|appearances?|given|due|secondary|"
    r"no (?:significant |interval )*change)\b",
    re.IGNORECASE,
)
"""A sentence that begins so speaks of the one before it."""

_SUMS_UP = re.compile(
    r"\b(?:other|others|otherwise|another|additional|remainder|remaining|rest|elsewhere|above|"
    r"former|latter|first|second|third|aforementioned|described|mentioned)\b",
    re.IGNORECASE,
)
"""A sentence with one of these speaks of all that stands before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sentences that stay together, in their order."""

    number: str
    """"1." or "(2)", else empty: it belongs to the place, not to the words."""
    label: str
    """"Lungs:" or a bullet, else empty: it belongs to the words."""
    sentences: tuple[str, ...]

    @property
    def pinned(self) -> bool:
        """Whether it has to stay behind what is before it."""
        return any(_SUMS_UP.search(sentence) for sentence in self.sentences)


Line = tuple[Group, ...]
"""What stands on one line; a paragraph that was wrapped is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The sentences of one section."""

    lines: tuple[Line, ...]
    movable: bool
    """Whether its lines are complete in themselves, so that they may change places."""


def read_layout(text: str) -> Layout:
    """Sentences, and which of them belong together; every word of the text is kept, in order.

    When in doubt two sentences stay together. A label holds all that follows it on its line.
    """
    lines = [line for paragraph in re.split(r"\n\s*\n", text) for line in _lines(paragraph)]
    return Layout(lines=tuple(_groups(line) for line in lines), movable=all(map(_complete, lines)))


def reordered(layout: Layout, rng: np.random.Generator) -> Layout:
    """The same groups in another order: within each line, and the lines among themselves.

    Nothing crosses a pinned group; numbers stay where they are.
    """
    lines = [_shuffled(line, [g.pinned for g in line], rng) for line in layout.lines]
    if layout.movable:
        leans = [bool(_LEANS.match(line[0].sentences[0])) for line in layout.lines]
        pinned = [
            leaning or any(group.pinned for group in line)
            for leaning, line in zip(leans, lines, strict=True)
        ]
        lines = _shuffled(lines, pinned, rng)
    numbers = iter([g.number for line in layout.lines for g in line if g.number])
    renumbered = tuple(
        tuple(replace(g, number=next(numbers)) if g.number else g for g in line) for line in lines
    )
    return replace(layout, lines=renumbered)


def split_sentences(line: str) -> list[str]:
    """Sentences of one line; one that begins without a capital or a digit is not told apart."""
    found, start = list[str](), 0
    for end in _BREAK.finditer(line):
        piece = line[start : end.end("close")]
        last = piece.rstrip(".!?)\"'\u201d").rsplit(maxsplit=1)[-1:]
        word = last[0].lstrip("(").lower() if last else ""
        # A number, an initial or a lone question mark opens a sentence and does not end one.
        if word in _NOT_AN_END or len(word) < 2 or not re.search(r"[^\W\d_]{2}", piece):
            continue
        found.append(piece)
        start = end.end()
    return [*found, line[start:]]


def _lines(paragraph: str) -> list[str]:
    lines = [" ".join(line.split()) for line in paragraph.splitlines() if line.strip()]
    return lines if all(map(_complete, lines)) else [" ".join(lines)]


def _complete(line: str) -> bool:
    return bool(_ENDS.search(line) or _OPENING.match(line))


def _groups(line: str) -> Line:
    groups: list[Group] = []
    for sentence in split_sentences(line):
        opening = _OPENING.match(sentence)
        words = sentence[opening.end() :] if opening else sentence
        if opening is None and groups and _stays(groups[-1], sentence):
            last = groups.pop()
            number, label, held = last.number, last.label, (*last.sentences, words)
        else:
            number = opening["number"] or "" if opening else ""
            label = opening["mark"] or opening["label"] or "" if opening else ""
            held = (words,)
        groups.append(Group(number=number, label=label, sentences=held))
    return tuple(groups)


def _stays(group: Group, sentence: str) -> bool:
    return bool(group.number or group.label or _LEANS.match(sentence))


def _shuffled(
    units: Sequence[_Unit], pinned: Sequence[bool], rng: np.random.Generator
) -> list[_Unit]:
    result: list[_Unit] = []
    free: list[_Unit] = []
    for unit, fixed in zip(units, pinned, strict=True):
        if fixed:
            result += [*_permuted(free, rng), unit]
            free = []
        else:
            free.append(unit)
    return result + _permuted(free, rng)


def _permuted(units: Sequence[_Unit], rng: np.random.Generator) -> list[_Unit]:
    return [units[int(k)] for k in rng.permutation(len(units))]
