"""Findings named in a report: present, absent or uncertain, and on which side.

A small reader by rules, for matching texts softly and for counting: names from a list
(`finding_words.py`), and what denies or doubts them from another (`context_words.py`). A denial
reaches from its word to the end of the sentence or to a word such as "but"; one that follows its
finding ("was not seen") reaches back to the last verb. It reads English alone, knows some 70
findings, and takes a finding that it does not know for nothing; it is no reader of records.

Source: Chapman et al., J Biomed Inform 34 (2001), 301-310 (NegEx); Harkema et al., J Biomed Inform
42 (2009), 839-851 (ConText).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from caselight.data import context_words as words
from caselight.data.finding_words import MIDLINE, NAMES

Polarity = Literal["present", "absent", "uncertain"]
Side = Literal["left", "right", "bilateral"]
_RANK: dict[Polarity, int] = {"present": 0, "uncertain": 1, "absent": 2}

_Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a text says of one finding."""

    name: str
    """A key of `finding_words.NAMES`."""
    polarity: Polarity
    side: Side | None
    """None where the text gives none, or the finding has none."""


def _whole(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b")


_NAMES = [(name, _whole(spellings)) for name, spellings in NAMES.items()]
_CUES = [
    ("deny_before", _whole(words.DENY_BEFORE)),
    ("deny_after", _whole(words.DENY_AFTER)),
    ("doubt_before", _whole(words.DOUBT_BEFORE)),
    ("doubt_after", _whole(words.DOUBT_AFTER)),
    ("no_claim", _whole(words.NO_CLAIM)),
    ("nothing", _whole(words.NO_DENIAL)),
    ("end", _whole(words.ENDS)),
    ("end_denial", _whole(words.ENDS_DENIAL)),
]
_VERB = _whole(words.VERBS)
_SENTENCE = re.compile(r"(?:[^.;!?]|[.](?=\S))+")
_SIDE = re.compile(r"\b(?:left|right|bilateral(?:ly)?|both|bi(?:apical|basilar|basal|hilar))\b")
_NEAR_SIDE = re.compile(r"[,:]|\b(?:and|or|is|are|was|were|which|but|there)\b")
"""A side before its finding stands in the same phrase."""


def read_findings(text: str) -> tuple[Finding, ...]:
    """Read the findings that a text names.

    Args:
        text: a report, a section or a caption, in English.

    Returns:
        Each name and side once, in order of the alphabet; present wins over uncertain, and that
        over absent. Words of history ("history of ...") are left out.
    """
    found: dict[tuple[str, Side | None], Polarity] = {}
    plain = re.sub(r"[\s\-\u2010-\u2013]+", " ", text.casefold())
    mentions, cues = _spans(plain, _NAMES), _spans(plain, _CUES)
    for sentence in _SENTENCE.finditer(plain):
        inside = _inside(mentions, sentence)
        if not inside:
            continue
        for name, polarity, side in _read_sentence(sentence[0], inside, _inside(cues, sentence)):
            known = found.get((name, side))
            if known is None or _RANK[polarity] < _RANK[known]:
                found[name, side] = polarity
    return tuple(
        Finding(name=name, polarity=polarity, side=side)
        for (name, side), polarity in sorted(found.items(), key=lambda item: str(item[0]))
    )


def agreement(a: Sequence[Finding], b: Sequence[Finding]) -> float | None:
    """How far two texts name the same findings, as a soft target.

    Two findings match when their names are equal and their sides are equal or one is not given.
    Uncertain findings count for neither side.

    Returns:
        Matches over all findings present in either, 0..1; 0 when one text denies what the other
        has; 1 when neither has any and both deny one in common; None when the two say nothing that
        could be compared.
    """
    has_a, has_b = _of(a, "present"), _of(b, "present")
    denied_a, denied_b = _of(a, "absent"), _of(b, "absent")
    if not has_a and not has_b:
        return 1.0 if any(_match(x, y) for x in denied_a for y in denied_b) else None
    for has, denied in ((has_a, denied_b), (has_b, denied_a)):
        if any(_match(x, y) for x in has for y in denied):
            return 0.0
    left = list(has_b)
    matched = 0
    for one in sorted(has_a, key=lambda finding: finding.side is None):
        fits = [other for other in left if _match(one, other)]
        if fits:
            left.remove(min(fits, key=lambda other: other.side != one.side))
            matched += 1
    return matched / (len(has_a) + len(has_b) - matched)


def _of(findings: Sequence[Finding], polarity: Polarity) -> list[Finding]:
    """Findings of one polarity; a side-less denial yields to the same finding present on a side."""
    present = {finding.name for finding in findings if finding.polarity == "present"}
    return [
        finding
        for finding in findings
        if finding.polarity == polarity
        and not (polarity == "absent" and finding.side is None and finding.name in present)
    ]


def _match(a: Finding, b: Finding) -> bool:
    return a.name == b.name and (a.side is None or b.side is None or a.side == b.side)


def _spans(plain: str, patterns: Sequence[tuple[str, re.Pattern[str]]]) -> list[_Span]:
    """What a list of patterns finds: of overlapping spans the longest, equal ones all; in order."""
    found = [(m.start(), m.end(), kind) for kind, cue in patterns for m in cue.finditer(plain)]
    kept: list[_Span] = []
    for start, end, kind in sorted(found, key=lambda span: (span[0] - span[1], span[0])):
        if all(end <= s or start >= e or (start, end) == (s, e) for s, e, _ in kept):
            kept.append((start, end, kind))
    return sorted(kept)


def _inside(spans: Sequence[_Span], sentence: re.Match[str]) -> list[_Span]:
    """The spans of a sentence, counted from its start."""
    first, last = sentence.span()
    return [(s - first, e - first, kind) for s, e, kind in spans if first <= s and e <= last]


def _read_sentence(
    sentence: str, mentions: Sequence[_Span], cues: Sequence[_Span]
) -> list[tuple[str, Polarity, Side | None]]:
    read = []
    for i, (start, end, name) in enumerate(mentions):
        polarity = _polarity(sentence, start, end, cues)
        if polarity is not None:
            before = mentions[i - 1][1] if i else 0
            after = mentions[i + 1][0] if i + 1 < len(mentions) else len(sentence)
            side = None if name in MIDLINE else _side(sentence, before, start, after)
            read.append((name, polarity, side))
    return read


def _polarity(sentence: str, start: int, end: int, cues: Sequence[_Span]) -> Polarity | None:
    """What the words around a mention make of it; None where they make no claim."""
    if re.search(r"\bnot\b", sentence[start:end]):
        return "absent"
    before = [cue for cue in cues if cue[1] <= start]
    before = before[_last(before, "end") + 1 :]
    if any(kind == "no_claim" for _, _, kind in before):
        return None
    after = [cue for cue in cues if cue[0] >= end]
    stop = min((cue[0] for cue in after if cue[2] == "end"), default=len(sentence))
    verb = _VERB.search(sentence, end, stop)
    for cue_start, _, kind in after:
        between = sentence[end:cue_start]
        if cue_start > stop or (verb is not None and verb.start() < cue_start):
            break
        if kind == "deny_after":
            return "absent"
        if kind == "doubt_after" and "," not in between:
            return "uncertain"
    doubt, denial = _last(before, "doubt_before"), _last(before, "deny_before")
    if denial > _last(before, "end_denial") and (
        doubt < denial or "," not in sentence[before[denial][1] : before[doubt][0]]
    ):
        return "absent"
    return "present" if doubt < 0 else "uncertain"


def _last(cues: Sequence[_Span], kind: str) -> int:
    """Where the last cue of a kind stands; -1 for none."""
    return max((i for i, cue in enumerate(cues) if cue[2] == kind), default=-1)


def _side(sentence: str, before: int, start: int, after: int) -> Side | None:
    """The side in the phrase before a mention, else the first after it and before the next."""
    lead = sentence[before:start]
    cut = max((m.end() for m in _NEAR_SIDE.finditer(lead)), default=0)
    sides = [m[0] for m in _SIDE.finditer(lead[cut:])] or [
        m[0] for m in _SIDE.finditer(sentence[start:after])
    ]
    if not sides:
        return None
    if {"left", "right"} <= set(sides) or sides[0] not in ("left", "right"):
        return "bilateral"
    return "left" if sides[0] == "left" else "right"
