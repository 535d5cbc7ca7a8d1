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

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

from caselight.language.context_rules import (
    ABOUTS,
    CERTAINTIES,
    ContextRules,
    Rule,
    our_context_rules,
)
from caselight.language.nouns import About, Certainty, Span
from caselight.language.small_words import (
    ASKS,
    AUXILIARIES,
    DEGREES,
    JOINS,
    PHRASE_ENDS,
    SEEN,
    VERBS,
)
from caselight.language.tokens import Tokens, read_tokens, split_sentences

_MASK = ""
"""Stands for a word of a mention, which is no part of a cue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What is said of one mention."""

    certainty: Certainty
    about: About
    cues: tuple[Span, ...]
    """The words that decided it, in the order of the text."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """The words of which a cue speaks."""

    kind: str
    first: int
    last: int
    forward: bool
    cue: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Sentence:
    first: int
    last: int
    section: str
    """The kind of the heading above, "now" for none."""
    heading: tuple[int, int] | None
    scopes: tuple[_Scope, ...]


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
    return _read(text, spans, rules)[0]


def find_cues(
    text: str, spans: Sequence[Span], rules: ContextRules | None = None
) -> tuple[Span, ...]:
    """Where a text has cues and headings, used or not, in order."""
    return _read(text, spans, rules)[1]


def _read(
    text: str, spans: Sequence[Span], rules: ContextRules | None
) -> tuple[tuple[Context, ...], tuple[Span, ...]]:
    rules = rules or our_context_rules()
    tokens = read_tokens(text)
    words = _marked(text, tokens)
    places = []
    for start, end in spans:
        first = tokens.at(start)
        last = max(first + 1, tokens.at(end - 1) + 1) if end > start else first + 1
        places.append((first, last))
        words[first:last] = [_MASK] * len(words[first:last])
    starts = sorted(first for first, _ in places)
    sentences: list[_Sentence] = []
    found: list[tuple[int, int]] = []
    section: tuple[str, tuple[int, int] | None] = ("now", None)
    for start, end in split_sentences(text):
        first, last = tokens.at(start), tokens.at(end - 1) + 1
        first, section = _heading(words, tokens, text, first, last, section, rules)
        cues = _cues(words, first, last, rules)
        found += [cue for *cue_, _ in cues for cue in [(cue_[0], cue_[1])]]
        if section[1]:
            found.append(section[1])
        scopes = _scopes(words, first, last, cues, starts)
        sentences.append(_Sentence(first, last, section[0], section[1], tuple(scopes)))
    begins = [sentence.first for sentence in sentences]
    read = []
    for place in places:
        at = bisect_right(begins, place[0]) - 1
        said = sentences[at] if at >= 0 else None
        read.append(_decide(words, place, said, tokens))
    covered = sorted({_place(tokens, cue) for cue in found})
    return tuple(read), tuple(covered)


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
    before: tuple[str, tuple[int, int] | None],
    rules: ContextRules,
) -> tuple[int, tuple[str, tuple[int, int] | None]]:
    """The first word after a sentence's heading, and the section that it stands in."""
    end, matched = rules.match(words, first, last)
    kinds = [rule.kind for rule in matched if rule.direction == "section"]
    if kinds and (words[end : end + 1] == [":"] or _alone(text, tokens, first, end)):
        return min(end + 1, last), (kinds[0], (first, end))
    colon = next((at for at in range(first, min(first + 5, last)) if words[at] == ":"), first)
    title = text[tokens.spans[first][0] : tokens.spans[colon][0]] if colon > first else ""
    if len(title) > 2 and title.isupper() and _MASK not in words[first:colon]:
        return first, ("now", None)
    return first, before


def _alone(text: str, tokens: Tokens, first: int, end: int) -> bool:
    """Whether words in capitals fill a line, as a heading without a colon does."""
    start, stop = tokens.spans[first][0], tokens.spans[end - 1][1]
    line = text[text.rfind("\n", 0, start) + 1 : start] + text[stop:].partition("\n")[0]
    return not line.strip() and text[start:stop].isupper() and "\n" in text[stop:]


_Cue = tuple[int, int, tuple[Rule, ...]]


def _cues(words: list[str], first: int, last: int, rules: ContextRules) -> list[_Cue]:
    """The cues of a sentence, the longest at each place, none over another."""
    cues = []
    at = first
    while at < last:
        end, matched = rules.match(words, at, last)
        matched = tuple(rule for rule in matched if rule.direction != "section")
        if matched:
            cues.append((at, end, matched))
        at = end if matched else at + 1
    return cues


def _scopes(
    words: list[str], first: int, last: int, cues: list[_Cue], mentions: list[int]
) -> list[_Scope]:
    """What each cue of a sentence reaches."""
    cuts = _cuts(words, first, last, cues)
    ends = {at: rule.ends for at, _, matched in cues for rule in matched if rule.kind == "end"}
    scopes: list[_Scope] = []
    for number, (start, end, matched) in enumerate(cues):
        for rule in matched:
            if rule.kind in ("nothing", "end"):
                continue
            forward = (end, _forward(words, last, rule, cues, number, ends, cuts))
            kind = _joined(words, rule.kind, start, scopes)
            if rule.direction == "either":
                at = bisect_right(mentions, end - 1)
                ahead = at < len(mentions) and mentions[at] < forward[1]
            else:
                ahead = rule.direction in ("forward", "both")
            if ahead:
                scopes.append(_Scope(kind, *forward, True, (start, end)))
            if not ahead or rule.direction == "both":
                back = _backward(words, first, rule, cues, number)
                scopes.append(_Scope(rule.kind, back, start, False, (start, end)))
    return scopes


def _cuts(words: list[str], first: int, last: int, cues: list[_Cue]) -> set[int]:
    """The commas and "and"s after which something else is stated."""
    stops = {at for at, _, matched in cues if any(rule.kind == "end" for rule in matched)}
    cuts = set()
    listed = verb = False
    for at in range(last - 1, first - 1, -1):
        word = words[at]
        if at in stops:
            listed = verb = False
        if word in JOINS:
            after = words[at + 1 : at + 2]
            if after and after[0] in JOINS:
                after = words[at + 2 : at + 3]
            degree = bool(after) and after[0] in DEGREES and (not listed or after[0] == "no")
            if (verb or degree) and after not in (["or"], ["nor"]):
                cuts.add(at)
            verb = False
        elif word in ("or", "nor"):
            listed = True
        elif word in VERBS and not SEEN & set(words[at + 1 : at + 4]):
            verb = True
    return cuts


def _forward(
    words: list[str],
    last: int,
    rule: Rule,
    cues: list[_Cue],
    number: int,
    ends: dict[int, frozenset[str]],
    cuts: set[int],
) -> int:
    """Where the cue of a number stops that looks forward."""
    end = cues[number][1]
    sort = CERTAINTIES if rule.kind in CERTAINTIES else ABOUTS
    if rule.n_words is not None:
        last = min(last, end + rule.n_words)
    for start, _, matched in islice(cues, number + 1, None):
        if start >= last:
            break
        same = any(one.kind in sort and one.direction in ("forward", "either") for one in matched)
        if same or rule.kind in ends.get(start, ()):
            last = start
            break
    depth = 0
    for at in range(end, last):
        word = words[at]
        depth += (word == "(") - (word == ")")
        stops = word in PHRASE_ENDS if rule.reach == "phrase" else at in cuts
        if depth < 0 or (stops and at > end):
            return at
    return last


def _joined(words: list[str], kind: str, start: int, scopes: list[_Scope]) -> str:
    """A doubt inside a denial is denied: "no findings suspicious for"."""
    for scope in reversed(scopes[-2:]):
        inside = scope.forward and scope.kind == "absent" and scope.last == start
        if kind == "uncertain" and inside and not JOINS & set(words[scope.first : start]):
            return "absent"
    return kind


def _backward(words: list[str], first: int, rule: Rule, cues: list[_Cue], number: int) -> int:
    """The first word that the cue of a number reaches which looks backward."""
    start = cues[number][0]
    floor = first if rule.n_words is None else max(first, start - rule.n_words)
    for cue_start, cue_end, matched in (cues[at] for at in range(number - 1, -1, -1)):
        ends = any(rule.kind in one.ends for one in matched)
        if ends or (rule.kind in CERTAINTIES and any(one.kind in CERTAINTIES for one in matched)):
            floor = max(floor, cue_end)
            break
        if cue_start < floor:
            break
    at = start
    while at > floor and (words[at - 1] in AUXILIARIES or words[at - 1] in (":", "-", ",", "(")):
        at -= 1
    listed = False
    while at > floor:
        word = words[at - 1]
        listed |= word in ("and", "or", "nor")
        if word in VERBS or word in (";", ":"):
            break
        if (word == "," and not listed) or (rule.reach == "phrase" and word in PHRASE_ENDS):
            break
        at -= 1
    return at


def _decide(
    words: list[str], place: tuple[int, int], said: _Sentence | None, tokens: Tokens
) -> Context:
    """What the cues of its sentence make of a mention."""
    if said is None or not said.first <= place[0] < said.last:
        return Context(certainty="present", about="now", cues=())
    over = [scope for scope in said.scopes if scope.first <= place[0] < scope.last]
    over.sort(key=lambda scope: (scope.forward, -scope.cue[0] if scope.forward else scope.cue[0]))
    sure = next((scope for scope in over if scope.kind in CERTAINTIES), None)
    whom = next((scope for scope in reversed(over) if scope.kind in ABOUTS), None)
    cues = {scope.cue for scope in (sure, whom) if scope}
    about = whom.kind if whom else said.section
    if whom is None and said.heading and about != "now":
        cues.add(said.heading)
    certainty = sure.kind if sure else "present"
    mark = _question(words, place, said)
    if mark is not None:
        cues.add((mark, mark + 1))
        certainty = certainty if sure else "uncertain"
        about = "asked" if whom is None and mark == said.last - 1 else about
    if about == "asked" and not sure:
        certainty = "uncertain"
    return Context(
        certainty=cast("Certainty", certainty),
        about=cast("About", about),
        cues=tuple(sorted(_place(tokens, cue) for cue in cues)),
    )


def _question(words: list[str], place: tuple[int, int], said: _Sentence) -> int | None:
    """The question mark behind a mention that asks for it."""
    if words[said.last - 1] == "??":
        asks = words[said.first] in ASKS
        if asks or not {",", "and"} & set(words[place[1] : said.last]):
            return said.last - 1
    behind = place[1]
    return behind if words[behind : behind + 1] == ["??"] else None
