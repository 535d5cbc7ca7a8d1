"""Pages of documentation: what they promise, and a runner that holds them to it."""

import functools
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.homes import Answer, door

ROOT = Path(__file__).parents[2]
GUIDES = tuple(sorted((ROOT / "docs" / "guide").glob("*.md")))
PAGES = (
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
TOY = ROOT / "configs" / "toy.toml"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of a page, and what the page says it prints."""

    words: tuple[str, ...]
    promised: tuple[str, ...]


def name(page: Path) -> str:
    """A page as a reader names it."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, kind: str) -> list[str]:
    """Fenced blocks of one kind, in order."""
    return [body for found, body in _BLOCK.findall(page.read_text("utf-8")) if found == kind]


def steps(page: Path) -> Iterator[tuple[str, Any]]:
    """Everything of a page that runs: ("console", Command) and ("python", source), in order."""
    for kind, body in _BLOCK.findall(page.read_text("utf-8")):
        if kind == "console":
            for command in commands(body):
                yield kind, command
        elif kind == "python":
            yield kind, body


def commands(block: str) -> list[Command]:
    """Read a console block."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif line.strip():
            found[-1][1].append(line)
    return [Command(words=tuple(shlex.split(a)), promised=tuple(b)) for a, b in found]


def run_command(
    command: Command, *, small: Sequence[str] = ("train", "tune", "adapt", "evaluate", "compare")
) -> Answer:
    """Run one command of a page in the working folder and hold it to what the page prints.

    Args:
        command: one that begins with `caselight`.
        small: subcommands that get the toy settings, unless they name a file of their own.
    """
    program, *words = command.words
    assert program == "caselight", f"{command.words} is no command of ours; pages run only those"
    if words[0] in small and "--config" not in words:
        words += ["--config", str(TOY)]
    answer = door(*words)
    refused = [line for line in command.promised if line.startswith("caselight: ")]
    shown = f"{shlex.join(command.words)}\n{answer.out}{answer.err}"
    assert answer.status == 0 or refused, shown
    said = (answer.err if refused else answer.out).splitlines()
    for line in refused or command.promised:
        pattern = ".*".join(re.escape(part) for part in line.split("..."))
        assert any(re.fullmatch(pattern, one.rstrip()) for one in said), f"{line!r} not in\n{shown}"
    if refused:
        assert answer.status in (1, 2), shown
    return answer


@functools.cache
def first_steps() -> tempfile.TemporaryDirectory[str]:
    """A folder in which the first steps of docs/README.md have been taken, once."""
    folder = tempfile.TemporaryDirectory(prefix="caselight-docs-")
    (block,) = blocks(ROOT / "docs" / "README.md", "console")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.name)
        for command in commands(block):
            run_command(command)
    return folder


def same_shape(promised: Any, found: Any, *, bits: Sequence[int] = (), at: str = "") -> None:
    """Check that an object has exactly the keys a page shows.

    Text on the page says in words what a value is and is not compared, and a list shows what each
    of its elements is. `_N` in a key stands for every width in `bits`.
    """
    if isinstance(promised, dict):
        wide = {
            full: value
            for key, value in promised.items()
            for full in ([key.replace("_N", f"_{n}") for n in bits] if "_N" in key else [key])
        }
        assert isinstance(found, dict), at
        assert set(wide) == set(found), at
        for key, value in wide.items():
            same_shape(value, found[key], bits=bits, at=f"{at}.{key}")
    elif isinstance(promised, list):
        assert isinstance(found, list), at
        for place, one in enumerate(found):
            same_shape(promised[0], one, bits=bits, at=f"{at}[{place}]")


def table(page: Path, header: str) -> dict[str, tuple[str, ...]]:
    """Rows of the one table whose header starts so: first cell, without backticks, to the rest."""
    rows = tables(page, header)
    assert len(rows) == 1, f"{name(page)} has {len(rows)} tables that start with {header!r}"
    return rows[0]


def tables(page: Path, header: str) -> list[dict[str, tuple[str, ...]]]:
    """All tables whose header starts so."""
    found: list[dict[str, tuple[str, ...]]] = []
    lines = page.read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if not line.startswith(header):
            continue
        rows: dict[str, tuple[str, ...]] = {}
        for row in lines[number + 2 :]:
            if not row.startswith("|"):
                break
            first, *rest = (cell.strip().replace("&#124;", "|") for cell in row[1:-1].split("|"))
            assert first not in rows, f"{first} stands twice in {name(page)}"
            rows[first.strip("`")] = tuple(rest)
        found.append(rows)
    return found


def anchors(page: Path) -> set[str]:
    """The fragments that headings of a page make, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def run_python(source: str, scope: dict[str, Any], *, where: str) -> None:
    """Run one Python block; blocks of a page share their names."""
    run: Callable[[Any, dict[str, Any]], None] = exec
    run(compile(source, where, "exec"), scope)
