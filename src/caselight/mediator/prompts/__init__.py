"""Prompts: versioned files, filled for one request, and what must not come back out of them.

A prompt's digest goes on the record, so a file that has been used is never edited: the next wording
is `plan.v2.md`. The user's text stands between two lines that are drawn anew for every request,
which no text can have guessed, and the rules hold a canary that no honest answer repeats.

Stops: text that closes its own quotation, control tokens of the usual chat templates inside a text,
an answer that carries the rules out. Does not stop: a model that believes what a text says. That a
draft is closed (`plan.py`), that guards stand before and checks behind, is what limits the harm.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from string import Template
from typing import Any

from caselight.types import Turn

PLAN = "plan.v1"
MOST_NAMES = 40
"""Names of concepts that a prompt lists."""
RUN_WORDS = 8
"""So many words of the rules in a row are the rules; shorter runs are ordinary English."""

_SECTION = re.compile(r"^# (\w+)\n", re.MULTILINE)
_CONTROL = re.compile(r"<(?=[|/\uff5c]|[a-z_]+>)|\[(?=/?[A-Z_]+\])", re.IGNORECASE)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One file of prompts."""

    name: str
    """With its version: "plan.v1"."""
    digest: str
    """SHA-256 of the file, 64 hex digits."""
    sections: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A prompt with what belongs to one request; nothing of it is for a log."""

    turns: tuple[Turn, ...] = field(repr=False)
    secret: tuple[str, ...] = field(repr=False)
    """The canary and the name of the delimiters, in lower-case letters and digits."""
    runs: frozenset[tuple[str, ...]] = field(repr=False)
    """Every run of `RUN_WORDS` words of the rules."""

    def leaked_by(self, answer: str) -> bool:
        """Whether an answer holds half of a secret, or a run of the rules.

        Escapes of JSON are read, and letters between which something was put are found. Not found:
        a secret that was encoded, reversed or translated.
        """
        for words in (answer, _unescaped(answer)):
            letters = re.sub(r"[^a-z0-9]", "", words.casefold())
            for secret in self.secret:
                half = len(secret) // 2
                if any(secret[at : at + half] in letters for at in range(half + 1)):
                    return True
            if self.runs & _runs(words):
                return True
        return False


@cache
def read_prompt(name: str = PLAN) -> Prompt:
    """Read a prompt that ships with the package."""
    text = resources.files(__package__).joinpath(f"{name}.md").read_text("utf-8")
    parts = _SECTION.split(text)[1:]
    return Prompt(
        name=name,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        sections={key: part.strip() for key, part in zip(parts[::2], parts[1::2], strict=True)},
    )


def fill(
    prompt: Prompt,
    text: str,
    *,
    schema: Mapping[str, Any],
    names: Iterable[str] = (),
    equity: bool = False,
    token: Callable[[int], str] = secrets.token_hex,
) -> Filled:
    """Put one request into a prompt.

    Args:
        prompt: what `read_prompt` gave.
        text: the user's words, cleaned and without identifiers: the guards have been there before.
        schema: JSON schema of the answer.
        names: of concepts that the lexicon found in the text, or that are near; the first
            `MOST_NAMES` are listed.
        equity: with the line that asks not to narrow a search to a group of patients.
        token: number of bytes -> twice as many hex digits that nobody can guess.
    """
    canary, quote = token(12), token(8)
    rules = prompt.sections["system"]
    if equity:
        rules = rules.replace("$equity", "\n" + prompt.sections["equity"])
    begin, end = f"[begin {quote}]", f"[end {quote}]"
    listed = ", ".join(list(dict.fromkeys(plain(name) for name in names))[:MOST_NAMES])
    system = Template(rules).substitute(
        begin=begin,
        end=end,
        canary=canary,
        equity="",
        names=listed or "none in particular",
        schema=json.dumps(schema, separators=(",", ":")),
    )
    user = Template(prompt.sections["user"]).substitute(begin=begin, end=end, text=plain(text))
    # What the request itself brought may come back; only the wording of the rules may not.
    wording = re.sub(r"\$\w+", "\n", rules)
    return Filled(
        turns=(Turn(role="system", text=system), Turn(role="user", text=user)),
        secret=(canary, quote),
        runs=_runs(wording),
    )


def repair(prompt: Prompt, answer: str, problems: str) -> tuple[Turn, Turn]:
    """What is said after an answer that was no answer."""
    asked = Template(prompt.sections["repair"]).substitute(problems=plain(problems))
    return Turn(role="model", text=answer), Turn(role="user", text=asked)


def plain(text: str) -> str:
    """Break what a server could take for a control token of a chat template, such as `<|im_end|>`.

    A "<" before a number, as in "<5 mm", stays as it is.
    """
    return _CONTROL.sub(lambda found: f"{found.group()} ", text)


def _unescaped(text: str) -> str:
    """The text with the escapes that JSON knows read."""
    readable = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found.group(1), 16)), text)
    return re.sub(r"\\[nrtbf]", " ", readable)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    return frozenset(tuple(words[at : at + RUN_WORDS]) for at in range(len(words) - RUN_WORDS + 1))
