"""The rows of `context_rules.tsv`: words that decide what is said of a mention.

A row has four columns. `cue` is words in lower case: `a|b` is one of several, `[a|b]` one that may
be missing, `_` any one word. `kind` is what it says ("absent", "uncertain", "present", "history",
"family", "asked"), "nothing" for words that only look like it, "end" for what stops a reach, "now"
for a heading of what is seen. `direction` is where the mention stands: "forward" after the cue,
"backward" before it, "either" after it or, where none is, before it, "both"; "section" for the
heading of a section; "-" for nothing and end. `reach` is "sentence" (lists included), "phrase" (to
the next comma, "and" or verb), a number of words, or "-"; for an end, "all" or the kinds it ends.
"""

import csv
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any

from caselight.errors import LanguageError

COLUMNS = ("cue", "kind", "direction", "reach")
CERTAINTIES = ("absent", "uncertain", "present")
ABOUTS = ("history", "family", "asked")
_KINDS = (*CERTAINTIES, *ABOUTS, "nothing", "end", "now")
_DIRECTIONS = ("forward", "backward", "either", "both", "section", "-")
_MOST_SPELLINGS = 5000


@dataclass(frozen=True, slots=True)
class Rule:
    """One row."""

    kind: str
    direction: str
    reach: str
    ends: frozenset[str] = frozenset()
    """The kinds that an end ends."""

    @property
    def n_words(self) -> int | None:
        """How many words it reaches over; None where words do not count."""
        return int(self.reach) if self.reach.isdigit() else None


@dataclass(frozen=True, slots=True)
class ContextRules:
    """The rows, to be looked up by the words of a text."""

    trie: dict[str, Any] = field(repr=False)

    def match(self, words: list[str], first: int, last: int) -> tuple[int, tuple[Rule, ...]]:
        """The longest cue at a word.

        Returns:
            The place after its last word and its rows; `first` and none where there is no cue.
        """
        best, rules = first, ()
        open_nodes = [(self.trie, first)]
        while open_nodes:
            node, at = open_nodes.pop()
            if at > best and "" in node:
                best, rules = at, node[""]
            if at < last:
                open_nodes += [(node[w], at + 1) for w in (words[at], "_") if w and w in node]
        return best, rules


def read_context_rules(table: str, *, name: str) -> ContextRules:
    """Read the rows of a site, or our own.

    Args:
        table: tab-separated text with a header; lines that start with "#" are left out.
        name: what to call the table in an error.

    Raises:
        LanguageError: `language.bad_rules`, a row that is not as this module says.
    """
    trie: dict[str, Any] = {}
    numbered = [
        (number, line)
        for number, line in enumerate(table.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    rows = csv.reader((line for _, line in numbered), delimiter="\t", quoting=csv.QUOTE_NONE)
    for (number, _), row in zip(numbered, rows, strict=True):
        if number == numbered[0][0]:
            _check(tuple(row) == COLUMNS, name, number, "has other columns", "\t".join(COLUMNS))
            continue
        _check(len(row) == len(COLUMNS), name, number, f"has {len(row)} columns", "4")
        cue, rule = row[0], _rule(row, name, number)
        for spelling in _spellings(cue, name, number):
            node = trie
            for word in spelling:
                node = node.setdefault(word, {})
            node[""] = (*node.get("", ()), rule)
    if not trie:
        raise LanguageError(
            f"{name} has no rows; a row is {', '.join(COLUMNS)}, by tabs", code="language.bad_rules"
        )
    return ContextRules(trie)


@cache
def our_context_rules() -> ContextRules:
    """The rows that ship with the package."""
    table = files("caselight.language").joinpath("context_rules.tsv").read_text("utf-8")
    return read_context_rules(table, name="context_rules.tsv")


def _check(held: bool, name: str, number: int, found: str, expected: str) -> None:
    if not held:
        raise LanguageError(
            f"line {number} of {name} {found}; expected {expected}: correct the row",
            code="language.bad_rules",
        )


def _rule(row: list[str], name: str, number: int) -> Rule:
    _, kind, direction, reach = row
    _check(kind in _KINDS, name, number, f"has the kind {kind!r}", ", ".join(_KINDS))
    _check(direction in _DIRECTIONS, name, number, f"goes {direction!r}", ", ".join(_DIRECTIONS))
    needs = kind not in ("nothing", "end")
    _check(
        needs != (direction == "-"), name, number, f"is {kind} and goes {direction!r}", "another"
    )
    if kind == "end":
        ends = frozenset((*CERTAINTIES, *ABOUTS) if reach == "all" else reach.split(","))
        known = ends <= {*CERTAINTIES, *ABOUTS}
        _check(known, name, number, f"ends {reach!r}", "all, or kinds with commas between")
        return Rule(kind, direction, reach, ends)
    if needs and direction != "section":
        right = reach in ("sentence", "phrase") or (reach.isdecimal() and reach != "0")
        _check(right, name, number, f"reaches {reach!r}", "sentence, phrase or a number of words")
    return Rule(kind, direction, reach)


def _spellings(cue: str, name: str, number: int) -> list[tuple[str, ...]]:
    """Every way that a cue may be written, as words."""
    choices: list[tuple[str, ...]] = []
    n_spellings = 1
    for word in cue.split():
        bare = word.removeprefix("[").removesuffix("]")
        parts = tuple(bare.split("|"))
        whole = word in (bare, f"[{bare}]") and all(parts) and bare == bare.lower()
        _check(whole, name, number, f"has the word {word!r}", "lower-case words, a|b or [a|b]")
        choices.append((*parts, "") if word != bare else parts)
        n_spellings *= len(choices[-1])
    fits = 0 < n_spellings <= _MOST_SPELLINGS and bool(choices)
    _check(fits, name, number, f"has {n_spellings if choices else 0} spellings", "1 to 5000")
    spelled = {tuple(word for word in words if word) for words in product(*choices)}
    _check(() not in spelled, name, number, "may be no word at all", "one that always stands")
    return sorted(spelled)
