"""Concepts as rows of a TSV file, which a site can read, write and edit.

The first line names the columns, in any order; `key`, `name` and `category` must be there. Several
values in a cell are parted by "; ". Empty lines and lines that begin with "#" are skipped.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from caselight.errors import LanguageError
from caselight.language.nouns import Category, Concept, Specialty

COLUMNS = (
    *("key", "name", "category", "specialty", "is_a", "part_of", "site", "synonyms"),
    *("abbreviations", "clues", "sided", "sex", "radlex", "ids"),
)
_LISTS = frozenset(
    ("is_a", "part_of", "site", "synonyms", "abbreviations", "clues", "ids"),
)
_ONE_OF: dict[str, tuple[str, ...]] = {
    "category": get_args(Category),
    "specialty": ("", *get_args(Specialty)),
    "sided": ("", "yes"),
    "sex": ("", "F", "M"),
}
_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_RADLEX = re.compile(r"RID\d+")


@dataclass(frozen=True, slots=True)
class Row:
    """A concept and where it was read."""

    concept: Concept
    where: str
    """File and line, as an error names them."""


def read_rows(path: Path) -> Iterator[Row]:
    """Read the rows of one file, in its order.

    Raises:
        LanguageError: `language.bad_lexicon`, for what is no such file; file and line are named.
    """
    header: list[str] | None = None
    name = path.name
    for number, line in enumerate(_lines(path), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.rstrip("\r\n").split("\t")]
        where = f"{name}, line {number}"
        if header is None:
            header = _header(cells, where)
        elif len(cells) != len(header):
            raise _bad(
                f"{where} has {len(cells)} cells, expected the {len(header)} of the first line; "
                "part cells by tabs"
            )
        else:
            yield Row(_concept(dict(zip(header, cells, strict=True)), where), where)
    if header is None:
        raise _bad(f"{path.name} is empty; write a line of column names and a row a concept")


def write_rows(concepts: Iterable[Concept]) -> Iterator[str]:
    """Return the lines of a file, that of the columns first; each ends in a newline."""
    yield "\t".join(COLUMNS) + "\n"
    for concept in concepts:
        yield "\t".join(_cell(concept, column) for column in COLUMNS) + "\n"


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from file
    except OSError as error:
        raise _bad(f"{path} cannot be read ({error.strerror}); name a file of rows") from None
    except UnicodeDecodeError:
        raise _bad(
            f"{path.name} is not UTF-8 text; save it as UTF-8, cells parted by tabs"
        ) from None


def _header(cells: list[str], where: str) -> list[str]:
    unknown = [cell for cell in cells if cell not in COLUMNS]
    missing = [name for name in ("key", "name", "category") if name not in cells]
    if unknown or missing or len(set(cells)) != len(cells):
        what = f"the unknown column {unknown[0]!r}" if unknown else "a missing or doubled column"
        raise _bad(
            f"{where} has {what}; expected key, name and category, and as wanted "
            f"{', '.join(COLUMNS[3:])}, parted by tabs"
        )
    return cells


def _concept(cells: dict[str, str], where: str) -> Concept:
    for column, allowed in _ONE_OF.items():
        if cells.get(column, allowed[0]) not in allowed:
            raise _bad(
                f"{where} has the {column} {cells[column]!r}; write one of "
                f"{', '.join(one or '(nothing)' for one in allowed)}"
            )
    if not _KEY.fullmatch(cells["key"]):
        raise _bad(
            f"{where} has the key {cells['key']!r}; write lower-case words joined by hyphens"
        )
    if not any(c.isalnum() for c in cells["name"]):
        raise _bad(f"{where} has no name; write one")
    if cells.get("radlex") and not _RADLEX.fullmatch(cells["radlex"]):
        raise _bad(f"{where} has the radlex {cells['radlex']!r}; write RID and digits, or nothing")
    values: dict[str, Any] = {column: text for column, text in cells.items() if text}
    for column in _LISTS & values.keys():
        values[column] = tuple(one for part in values[column].split(";") if (one := part.strip()))
    if "sided" in values:
        values["sided"] = True
    return Concept(**values)


def _cell(concept: Concept, column: str) -> str:
    value = getattr(concept, column)
    if isinstance(value, tuple):
        value = "; ".join(" ".join(one.replace(";", ",").split()) for one in value)
    elif isinstance(value, bool):
        value = "yes" if value else ""
    return " ".join((value or "").split())


def _bad(message: str) -> LanguageError:
    return LanguageError(message, code="language.bad_lexicon")
