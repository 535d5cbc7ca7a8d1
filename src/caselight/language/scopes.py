"""What each cue of a sentence reaches: the words of which it speaks."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import islice

from caselight.language.context_rules import ABOUTS, CERTAINTIES, ContextRules, Rule
from caselight.language.small_words import AUXILIARIES, DEGREES, JOINS, PHRASE_ENDS, SEEN, VERBS


@dataclass(frozen=True, slots=True)
class Scope:
    """The words of which a cue speaks."""

    kind: str
    first: int
    last: int
    forward: bool
    cue: tuple[int, int]


Cue = tuple[int, int, tuple[Rule, ...]]


def find_cues(words: list[str], first: int, last: int, rules: ContextRules) -> list[Cue]:
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


def find_scopes(
    words: list[str], first: int, last: int, cues: list[Cue], mentions: list[int]
) -> list[Scope]:
    """What each cue of a sentence reaches."""
    breaks = _breaks(words, first, last, cues)
    ends = {at: rule.ends for at, _, matched in cues for rule in matched if rule.kind == "end"}
    scopes: list[Scope] = []
    for number, (start, end, matched) in enumerate(cues):
        for rule in matched:
            if rule.kind in ("nothing", "end"):
                continue
            ahead = rule.direction != "backward"
            if ahead:
                reach = _forward(words, last, rule, cues, number, ends, breaks)
                at = bisect_left(mentions, end)
                if rule.direction == "either":
                    ahead = at < len(mentions) and mentions[at] < reach
            if ahead:
                kind = _joined(words, rule.kind, start, scopes)
                scopes.append(Scope(kind, end, reach, True, (start, end)))
            if not ahead or rule.direction == "both":
                back = _backward(words, first, rule, cues, number)
                scopes.append(Scope(rule.kind, back, start, False, (start, end)))
    return scopes


@dataclass(frozen=True, slots=True)
class _Breaks:
    """The commas and "and"s of a sentence after which a cue speaks no more."""

    stated: set[int]
    """Something else is stated after them."""
    seen: set[int]
    """After them something is said to be seen: of a denied list ("no A, B is seen") the end of
    it, of anything else another statement."""
    listed: set[int]
    """An "or" comes later: a list goes on."""


def _breaks(words: list[str], first: int, last: int, cues: list[Cue]) -> _Breaks:
    stops = {at for at, _, matched in cues if any(rule.kind == "end" for rule in matched)}
    breaks = _Breaks(set(), set(), set())
    listed = verb = seen = False
    for at in range(last - 1, first - 1, -1):
        word = words[at]
        if at in stops:
            listed = verb = seen = False
        if word in JOINS:
            after = next(islice((w for w in words[at + 1 : at + 3] if w not in JOINS), 1), "")
            begins = after in DEGREES or after[:1].isdigit()
            if (verb and after not in ("or", "nor")) or (begins and (not listed or after == "no")):
                breaks.stated.add(at)
            elif seen and after not in ("or", "nor"):
                breaks.seen.add(at)
            elif listed:
                breaks.listed.add(at)
            verb = seen = False
        elif word in ("or", "nor", "/"):
            listed = True
        elif word in VERBS and SEEN & set(words[at + 1 : at + 4]):
            seen = True
        elif word in VERBS:
            verb = True
    return breaks


def _forward(
    words: list[str],
    last: int,
    rule: Rule,
    cues: list[Cue],
    number: int,
    ends: dict[int, frozenset[str]],
    breaks: _Breaks,
) -> int:
    """Where the cue of a number stops that looks forward."""
    end = cues[number][1]
    sort = CERTAINTIES if rule.kind in CERTAINTIES else ABOUTS
    if rule.n_words is not None:
        last = min(last, end + rule.n_words)
    for later in range(number + 1, len(cues)):
        start, _, matched = cues[later]
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
        stops = at in breaks.stated or (rule.kind != "absent" and at in breaks.seen)
        if rule.reach == "phrase":
            stops = word in PHRASE_ENDS and at not in breaks.listed
        if depth < 0 or (stops and at > end):
            return at
    return last


def _joined(words: list[str], kind: str, start: int, scopes: list[Scope]) -> str:
    """A doubt inside a denial is denied: "no findings suspicious for"."""
    for scope in reversed(scopes[-2:]):
        inside = scope.forward and scope.kind == "absent" and scope.last == start
        if kind == "uncertain" and inside and not JOINS & set(words[scope.first : start]):
            return "absent"
    return kind


def _backward(words: list[str], first: int, rule: Rule, cues: list[Cue], number: int) -> int:
    """The first word that the cue of a number reaches which looks backward."""
    start = cues[number][0]
    sort = CERTAINTIES if rule.kind in CERTAINTIES else ABOUTS
    floor = first if rule.n_words is None else max(first, start - rule.n_words)
    for cue_start, cue_end, matched in (cues[at] for at in range(number - 1, -1, -1)):
        if any(one.kind in sort or rule.kind in one.ends for one in matched):
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
