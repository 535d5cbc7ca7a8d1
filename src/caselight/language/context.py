"""What a sentence says of the things that it mentions: affirmed, denied, doubted, of whom.

Rules over words (`context_rules.tsv`): a cue reaches forward or backward to the end of its
sentence, its phrase or a number of words, unless something ends it: a word such as "but", a new
statement after a comma or "and", or another cue of the same sort. Longer cues win, so "no change
in" denies nothing. A heading ("FAMILY HISTORY:") speaks for its section. What is asked for is
uncertain unless a cue says otherwise.

It knows no grammar: a statement begun without a verb, an article or a word of degree ("no effusion,
pneumonia") reads as the next item of a list.

Source: Chapman et al., J Biomed Inform 34 (2001), 301-310 (NegEx); Harkema et al., J Biomed Inform
42 (2009), 839-851 (ConText).
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from caselight.language.context_rules import ABOUTS, CERTAINTIES, ContextRules, our_context_rules
from caselight.language.nouns import About, Certainty, Span
from caselight.language.scopes import Scope, find_cues, find_scopes
from caselight.language.small_words import ASKS, VERBS
from caselight.language.tokens import Tokens, read_tokens, split_sentences

_NOTS = {"no", "not", "without"}
"""A mention that holds one of these ("heart is not enlarged") denies itself."""
_FAR = 60
"""Words beyond which no question mark speaks of a mention."""
_MASK = ""
"""Stands for a word of a mention, which is no part of a cue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is said of one mention."""

    certainty: Certainty
    about: About
    cues: tuple[Span, ...]
    """The words that decided it, in the order of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What is said of mentions, and all the words that could have said something."""

    contexts: tuple[Context, ...]
    """One a span, in the order of the spans."""
    cues: tuple[Span, ...]
    """In the order of the text."""


@dataclass(frozen=True, slots=True)
class _Section:
    """What a heading says of the text below it."""

    kind: str
    heading: tuple[int, int] | None
    alone: bool
    """Whether it speaks for one sentence only."""


_NOW = _Section("now", None, False)


@dataclass(frozen=True, slots=True)
class _Sentence:
    first: int
    last: int
    section: _Section


def read_context(
    text: str, spans: Sequence[Span], rules: ContextRules | None = None
) -> tuple[Context, ...]:
    """Read what a text says of each of its mentions.

    Args:
        text: a report, a section or a question, in English.
        spans: the mentions, places in the text, in any order.
        rules: rows of a site; None for our own.

    Returns:
        One a span, in the order of the spans.
    """
    return scan_context(text, spans, rules).contexts


def scan_context(text: str, spans: Sequence[Span], rules: ContextRules | None = None) -> Scan:
    """Read the same, and where the text has cues and headings, used or not."""
    rules = rules or our_context_rules()
    tokens = read_tokens(text)
    words = _marked(text, tokens)
    places = []
    for start, end in spans:
        first = tokens.at(start)
        last = max(first + 1, tokens.at(end - 1) + 1) if end > start else first + 1
        places.append((first, last))
        words[first:last] = [_MASK] * len(words[first:last])
    starts = sorted({first for first, _ in places})
    sentences: list[_Sentence] = []
    found: list[tuple[int, int]] = []
    over: defaultdict[int, list[Scope]] = defaultdict(list)
    section = _NOW
    for start, end in split_sentences(text):
        first, last = tokens.at(start), tokens.at(end - 1) + 1
        first, section = _heading(words, tokens, text, first, last, section, rules)
        cues = find_cues(words, first, last, rules)
        found += [(cue[0], cue[1]) for cue in cues]
        found += [section.heading] if section.heading else []
        for scope in find_scopes(words, first, last, cues, starts):
            reached = slice(bisect_left(starts, scope.first), bisect_left(starts, scope.last))
            for at in starts[reached]:
                over[at].append(scope)
        sentences.append(_Sentence(first, last, section))
        if section.alone:
            section = _NOW
    begins = [sentence.first for sentence in sentences]
    read = []
    for place in places:
        at = bisect_right(begins, place[0]) - 1
        said = sentences[at] if at >= 0 else None
        read.append(_decide(words, place, said, over[place[0]], tokens))
    covered = sorted({_place(tokens, cue) for cue in found})
    return Scan(contexts=tuple(read), cues=tuple(covered))


def _place(tokens: Tokens, cue: tuple[int, int]) -> Span:
    return tokens.spans[cue[0]][0], tokens.spans[cue[1] - 1][1]


def _marked(text: str, tokens: Tokens) -> list[str]:
    """The words, with a question mark that stands behind a word told from one before it."""
    return [
        "??" if word == "?" and start and not text[start - 1].isspace() else word
        for word, (start, _) in zip(tokens.words, tokens.spans, strict=True)
    ]


def _heading(
    words: list[str],
    tokens: Tokens,
    text: str,
    first: int,
    last: int,
    before: _Section,
    rules: ContextRules,
) -> tuple[int, _Section]:
    """The first word after a sentence's heading, and the section that it stands in."""
    end, matched = rules.match(words, first, last)
    headings = [rule for rule in matched if rule.direction == "section"]
    if headings and (words[end : end + 1] == [":"] or _alone(text, tokens, first, end)):
        alone = headings[0].reach == "sentence"
        return min(end + 1, last), _Section(headings[0].kind, (first, end), alone)
    colon = next((at for at in range(first, min(first + 5, last)) if words[at] == ":"), first)
    title = text[tokens.spans[first][0] : tokens.spans[colon][0]] if colon > first else ""
    if len(title) > 2 and title.isupper() and _MASK not in words[first:colon]:
        return first, _NOW
    return first, before


def _alone(text: str, tokens: Tokens, first: int, end: int) -> bool:
    """Whether words in capitals fill a line, as a heading without a colon does."""
    start, stop = tokens.spans[first][0], tokens.spans[end - 1][1]
    line = text[text.rfind("\n", 0, start) + 1 : start] + text[stop:].partition("\n")[0]
    return not line.strip() and text[start:stop].isupper() and "\n" in text[stop:]


def _decide(
    words: list[str],
    place: tuple[int, int],
    said: _Sentence | None,
    over: list[Scope],
    tokens: Tokens,
) -> Context:
    """What the cues of its sentence make of a mention."""
    if said is None or not said.first <= place[0] < said.last:
        return Context(certainty="present", about="now", cues=())
    over.sort(key=lambda scope: (scope.forward, -scope.cue[0] if scope.forward else scope.cue[0]))
    sure = next((scope for scope in over if scope.kind in CERTAINTIES), None)
    whom = next((scope for scope in reversed(over) if scope.kind in ABOUTS), None)
    cues = {scope.cue for scope in (sure, whom) if scope}
    about = whom.kind if whom else said.section.kind
    if whom is None and said.section.heading and about != "now":
        cues.add(said.section.heading)
    certainty = sure.kind if sure else "present"
    if sure is None and _NOTS & set(tokens.words[place[0] : place[1]]):
        certainty = "absent"
    mark, asks = _question(words, place, said)
    if mark is not None:
        cues.add((mark, mark + 1))
        certainty = certainty if sure else "uncertain"
        about = "asked" if whom is None and asks else about
    if about == "asked" and not sure:
        certainty = "uncertain"
    return Context(
        certainty=cast("Certainty", certainty),
        about=cast("About", about),
        cues=tuple(sorted(_place(tokens, cue) for cue in cues)),
    )


def _question(words: list[str], place: tuple[int, int], said: _Sentence) -> tuple[int | None, bool]:
    """The question mark that doubts a mention, and whether it makes it a question.

    One in brackets, or behind the mention in the middle of a sentence, only doubts it.
    """
    behind = words[place[1] : min(said.last, place[1] + _FAR)]
    within = words[max(said.first, place[0] - _FAR) : place[0]]
    bracketed = within.count("(") > within.count(")")
    if words[said.last - 1] == "??" and said.last - place[1] <= _FAR:
        near = not ({",", "and", "("} | VERBS) & set(behind)
        if near or (words[said.first] in ASKS and "(" not in behind):
            return said.last - 1, not bracketed
    return (place[1], False) if behind[:1] == ["??"] else (None, False)
