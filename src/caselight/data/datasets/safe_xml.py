"""XML and Excel sheets of public datasets, read without the traps that these formats allow."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from caselight.errors import DataError

MAX_XML = 64 << 20
"""Bytes of one document, unpacked."""
MAX_DEPTH = 64
_CELL = re.compile(r"([A-Z]{1,3})\d+")


class _RefusedError(Exception):
    """What the document does that no document of a dataset needs."""


def read_xml(document: IO[bytes], *, name: str) -> Element:
    """The root of a document, whose names lose their namespace.

    Stops: document types and with them entities, external ones and those that expand without end;
    nesting beyond `MAX_DEPTH`; more than `MAX_XML` bytes.

    Raises:
        DataError: data.bad_row, data.too_large.
    """
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate(namespace_separator="}")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _RefusedError("nests its elements too deep")
        plain = {key.rpartition("}")[2]: value for key, value in attributes.items()}
        builder.start(tag.rpartition("}")[2], plain)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag.rpartition("}")[2])

    def doctype(*_: object) -> None:
        raise _RefusedError("declares a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = doctype
    n_bytes = 0
    try:
        while block := document.read(1 << 16):
            n_bytes += len(block)
            if n_bytes > MAX_XML:
                raise DataError(
                    f"{name} has more than {MAX_XML >> 20} MiB; it is none of the dataset's own",
                    code="data.too_large",
                )
            parser.Parse(block, False)
        parser.Parse(b"", True)
    except expat.ExpatError:
        raise DataError(f"{name} is not XML; copy it again", code="data.bad_row") from None
    except _RefusedError as refused:
        raise DataError(
            f"{name} {refused}, which the dataset's own does not; copy it again from its source",
            code="data.bad_row",
        ) from None
    return builder.close()


def words(element: Element) -> str:
    """All text within an element, its white space folded."""
    return " ".join("".join(element.itertext()).split())


def sheet_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of the first sheet of an Excel workbook as (row number, header to cell).

    Values are read as they are stored: formulas are not worked out, dates stay numbers.

    Raises:
        DataError: data.not_found, data.bad_row, data.too_large.
    """
    try:
        with zipfile.ZipFile(path) as book:
            names = book.namelist()
            shared = []
            if "xl/sharedStrings.xml" in names:
                with book.open("xl/sharedStrings.xml") as strings:
                    root = read_xml(strings, name=path.name)
                shared = [_string(item) for item in root.iter("si")]
            first = min(n for n in names if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", n))
            with book.open(first) as sheet:
                rows = list(read_xml(sheet, name=path.name).iter("row"))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError):
        raise DataError(
            f"{path.name} is no Excel workbook; copy it again, or save its sheet as CSV",
            code="data.bad_row",
        ) from None
    header: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        cells = dict(_cell(cell, shared, path.name) for cell in row.iter("c"))
        if not header:
            header = {column: name.strip() for column, name in cells.items() if name.strip()}
        elif any(cells.values()):
            yield number, {name: cells.get(column, "") for column, name in header.items()}


def _string(item: Element) -> str:
    """The text of a shared string, without the readings that East Asian sheets put beside it."""
    return "".join(
        text.text or "" for child in item for text in child.iter("t") if child.tag != "rPh"
    )


def _cell(cell: Element, shared: list[str], name: str) -> tuple[str, str]:
    found = _CELL.fullmatch(cell.get("r", ""))
    kind, value = cell.get("t", "n"), cell.findtext("v") or ""
    if kind == "inlineStr":
        value = "".join(text.text or "" for text in cell.iter("t"))
    elif kind == "s":
        if not value.isdecimal() or int(value) >= len(shared):
            value = ""
            found = None
        else:
            value = shared[int(value)]
    if found is None:
        raise DataError(
            f"{name} has a cell that points nowhere; copy it again, or save its sheet as CSV",
            code="data.bad_row",
        )
    return found.group(1), value
