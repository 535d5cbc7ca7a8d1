"""Tables of public datasets read a row at a time, and joins that do not fill the memory."""

import csv
import gzip
import hashlib
import io
import sqlite3
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TypeVar

from caselight.errors import DataError

Cells = Mapping[str, str]
"""One row of a table: column to cell, as it stands in the file."""
T = TypeVar("T")

MAX_LINE = 1 << 20
"""Characters a line may have: a table without line ends would otherwise be read whole."""


class WrongCellError(Exception):
    """A row that cannot be taken; the text is the reason and never holds the cell."""


def cell(cells: Cells, column: str, read: Callable[[object], T]) -> T:
    """Read one cell with a reader of `data.columns`.

    Raises:
        WrongCellError: naming the column and what it was expected to hold.
    """
    try:
        return read(cells.get(column))
    except ValueError as expected:
        raise WrongCellError(
            f"column {column} was expected to hold {expected}; copy the table again from its source"
        ) from None


def read_csv(
    path: Path, *, needs: Sequence[str], delimiter: str = ","
) -> Iterator[tuple[int, Cells | str]]:
    """Every row of a CSV, or of one in gzip, as (line it starts on, its cells or why it has none).

    Args:
        path: the file; one whose name ends in .gz is unpacked while it is read.
        needs: columns that the header must name; others are kept as they come.
        delimiter: what stands between cells.

    Raises:
        DataError: data.not_found, data.missing_column, data.truncated, data.empty_file;
            data.bad_row where quotes are broken, since the rows after that cannot be told apart.
    """
    with _opened(path) as lines:
        reader = csv.reader(_whole_lines(lines, path), strict=True, delimiter=delimiter)
        header: list[str] | None = None
        while True:
            start = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as broken:
                raise DataError(
                    f"{path.name}:{start} cannot be read as CSV ({broken}); copy the table again",
                    code="data.bad_row",
                ) from None
            if row is None:
                break
            if header is None:
                header = [name.strip() for name in row]
                _check_header(header, needs, path)
            elif any(row):
                yield start, _cells(header, row)
    if header is None:
        raise DataError(f"{path.name} is empty; copy it again", code="data.empty_file")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Every line of a text that is not empty, with its number and without its end.

    Raises:
        DataError: data.truncated, data.bad_row for a line of more than `MAX_LINE` characters.
    """
    with _opened(path) as lines:
        for number, line in enumerate(_whole_lines(lines, path), start=1):
            if line.strip():
                yield number, line.rstrip("\r\n")


class Lookup:
    """Key to value on disk, so that a join of a million rows costs no memory."""

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary database, gone when it is closed.
        # What is forgotten is closed by the thread that collects it, a decoding one perhaps.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE pair (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
        )
        self.close = weakref.finalize(self, self._database.close)

    def put(self, key: str, value: str = "") -> bool:
        """Keep a pair; False, and nothing is changed, where the key is known already."""
        done = self._database.execute("INSERT OR IGNORE INTO pair VALUES (?, ?)", (key, value))
        return done.rowcount == 1

    def get(self, key: str) -> str | None:
        """The value of a key, or None."""
        found = self._database.execute("SELECT value FROM pair WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def counts(self) -> dict[str, int]:
        """How many keys have each value, in order of value."""
        rows = self._database.execute(
            "SELECT value, count(*) FROM pair GROUP BY value ORDER BY value"
        )
        return {str(value): int(count) for value, count in rows}

    def digest(self) -> str:
        """SHA-256 over the lines "key<TAB>value", sorted by their UTF-8 bytes; "" when empty."""
        rows = self._database.execute("SELECT key, value FROM pair ORDER BY key COLLATE BINARY")
        whole, some = hashlib.sha256(), False
        for key, value in rows:
            whole.update(f"{key}\t{value}\n".encode())
            some = True
        return whole.hexdigest() if some else ""


def _opened(path: Path) -> IO[str]:
    # surrogateescape keeps bytes that are not UTF-8 visible, so that one bad row refuses itself.
    try:
        if path.suffix == ".gz":
            return io.TextIOWrapper(
                gzip.open(path), encoding="utf-8-sig", errors="surrogateescape", newline=""
            )
        return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be opened ({error.strerror}); check the copy and its permissions",
            code="data.not_found",
        ) from None


def _whole_lines(lines: IO[str], path: Path) -> Iterator[str]:
    try:
        while line := lines.readline(MAX_LINE):
            if len(line) == MAX_LINE and not line.endswith("\n"):
                raise DataError(
                    f"{path.name} has a line of more than {MAX_LINE} characters; it is no table "
                    "of this dataset, copy it again",
                    code="data.bad_row",
                )
            yield line
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(
            f"{path.name} is cut short or no gzip file; copy it again", code="data.truncated"
        ) from None


def _check_header(header: Sequence[str], needs: Sequence[str], path: Path) -> None:
    missing = [name for name in needs if name not in header]
    if missing:
        raise DataError(
            f"{path.name} lacks {', '.join(missing)}; it is not the dataset's own table, or one of "
            "a version that is not known here",
            code="data.missing_column",
        )


def _cells(header: Sequence[str], row: list[str]) -> Cells | str:
    # Some official tables end their lines in a comma, the header's or the rows'.
    while len(row) > len(header) and not row[-1]:
        row = row[:-1]
    if len(row) != len(header):
        return (
            f"the row has {len(row)} cells and the header {len(header)}; copy the table again from "
            "its source"
        )
    return dict(zip(header, row, strict=True))
