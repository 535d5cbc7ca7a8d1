"""Reports that are DICOM files: structured reports and encapsulated documents."""

import zlib
from collections.abc import Iterator
from pathlib import Path

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

from caselight.data.administrative import administrative
from caselight.data.dicom.headers import (
    DAMAGE,
    charset_of,
    decoded_text,
    header_text,
    items_of,
    open_header,
)
from caselight.data.dicom.safe_files import open_file
from caselight.data.headings import section_named
from caselight.data.markup import headed_text
from caselight.data.pdf_text import pdf_text
from caselight.data.reports import LONGEST_REPORT, ReportText, make_report, read_plain
from caselight.errors import DataError

_LARGEST_FILE = 64 << 20
_DEEPEST = 32
_MOST_ITEMS = 30_000
"""Items of sequences in a whole file; an item of content has about four."""
_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
_TAGS = (
    "AccessionNumber",
    "StudyInstanceUID",
    "ValueType",
    "ConceptNameCodeSequence",
    "ContentSequence",
    "EncapsulatedDocument",
    "EncapsulatedDocumentLength",
    "MIMETypeOfEncapsulatedDocument",
)
_UNDEFINED = 0xFFFFFFFF
_CONTEXT = frozenset({"HAS OBS CONTEXT", "HAS ACQ CONTEXT", "HAS CONCEPT MOD"})
_DICOM_CODES = {
    "121060": "indication",
    "121062": "indication",
    "121064": "technique",
    "121065": "technique",
    "121066": "comparison",
    "121067": "comparison",
    "121068": "comparison",
    "121069": "comparison",
    "121070": "findings",
    "121071": "findings",
    "121072": "impression",
    "121073": "impression",
    "121074": "impression",
    "121075": "impression",
    "121076": "impression",
    "121077": "impression",
    "121078": "notes",
    "121109": "indication",
    "121110": "indication",
    "121111": "impression",
}
"""Codes of headings and of what stands beneath them; DICOM PS3.16 2024, CID 7001 and 7002."""
_NO_UNIT = frozenset({"1", "{no units}", "no units"})
Charset = bytes | str | None


def read_document(path: Path) -> ReportText:
    """The words of one structured report or encapsulated document.

    Of a structured report: texts, codes by their meaning, numbers with their units, dates and
    times, in containers whose concept names are headings; its observers and other context, people's
    names and references are left out. Of an encapsulated document: a PDF's text layer, CDA or plain
    text. Accession number and StudyInstanceUID are the header's, else those that the words name.

    Raises:
        DataError: data.not_found, data.empty_file, data.not_dicom, data.truncated, data.too_large,
            data.not_text for another kind of document, data.no_text for one without words.
    """
    if path.is_file() and path.stat().st_size > _LARGEST_FILE:
        raise DataError(
            f"the report is larger than {_LARGEST_FILE} bytes; export the report alone",
            code="data.too_large",
        )
    _check_items(path)
    header = open_header(path, _TAGS)
    for keyword in ("ContentSequence", "EncapsulatedDocument"):
        _check_whole(header, keyword, path)
    notes: list[str] = []
    if "EncapsulatedDocument" in header:
        report = _encapsulated(header)
    else:
        report = make_report(
            headed_text(list(_content(header, notes))), accession=None, study_uid=None, notes=notes
        )
    return ReportText(
        text=report.text,
        sections=report.sections,
        accession=header_text(header, "AccessionNumber") or report.accession,
        study_uid=header_text(header, "StudyInstanceUID") or report.study_uid,
        notes=tuple(dict.fromkeys(report.notes)),
    )


def _check_items(path: Path) -> None:
    """Refuse a file of countless items before they are allocated: eight bytes make one."""
    n_items = 0
    try:
        with open_file(path) as file:
            read_preamble(file, False)
            syntax = _read_file_meta_info(file).get("TransferSyntaxUID")
            data = file.read()
            if syntax == DeflatedExplicitVRLittleEndian:
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, _LARGEST_FILE)
            n_items = sum(map(data.count, _ITEM_TAGS))
    except DAMAGE:
        return  # Opening the header says what is wrong.
    if n_items > _MOST_ITEMS:
        raise DataError(
            f"the structured report has more than {_MOST_ITEMS} items; export the report alone",
            code="data.too_large",
        )


def _check_whole(header: Dataset, keyword: str, path: Path) -> None:
    """Refuse half a report: pydicom takes what is left of a value as the value."""
    element = header.get_item(keyword, keep_deferred=True)
    if not isinstance(element, RawDataElement) or element.length == _UNDEFINED:
        return
    # A long value is still in the file.
    there = (
        path.stat().st_size - element.value_tell if element.value is None else len(element.value)
    )
    if there < element.length:
        raise DataError(
            "the report is cut short; copy the file again from its source", code="data.truncated"
        )


def _encapsulated(header: Dataset) -> ReportText:
    try:
        data = bytes(header["EncapsulatedDocument"].value or b"")
        length = header.get("EncapsulatedDocumentLength")
    except DAMAGE:
        raise DataError(
            "the document inside is cut short or damaged; copy the file again from its source",
            code="data.truncated",
        ) from None
    # Padded to an even length; newer files say how long the document itself is.
    if isinstance(length, int) and 0 < length < len(data):
        data = data[:length]
    elif data.endswith(b"\0") and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data[:-1]
    if not data:
        raise DataError("the document inside is empty; export it again", code="data.no_text")
    kind = (header_text(header, "MIMETypeOfEncapsulatedDocument") or "").lower()
    if data[:1024].lstrip().startswith(b"%PDF") or kind == "application/pdf":
        return make_report(pdf_text(data), accession=None, study_uid=None, notes=())
    return read_plain(data, is_xml="xml" in kind or None)


def _content(header: Dataset, notes: list[str]) -> Iterator[tuple[str | None, str]]:
    """Section and words of every content item, in order."""
    charset = charset_of(header)
    # The root's own title names the document, or a section where the report has only one.
    section = _section_of(header, charset)
    waiting = [(item, section, 1) for item in reversed(items_of(header, "ContentSequence"))]
    length = 0
    while waiting:
        item, section, depth = waiting.pop()
        if depth > _DEEPEST or length > LONGEST_REPORT:
            raise DataError(
                f"the structured report is nested deeper than {_DEEPEST} items, or has more than "
                f"{LONGEST_REPORT} characters; export the report alone",
                code="data.too_large",
            )
        if header_text(item, "RelationshipType") in _CONTEXT:
            continue
        own = charset_of(item) or charset
        section = _section_of(item, own) or section
        for words in _words(item, own, notes):
            length += len(words)
            yield section, words
        inside = items_of(item, "ContentSequence")
        waiting += [(child, section, depth + 1) for child in reversed(inside)]


def _words(item: Dataset, charset: Charset, notes: list[str]) -> Iterator[str]:
    kind = header_text(item, "ValueType")
    name = _meaning(item, "ConceptNameCodeSequence", charset) or ""
    if name and administrative(f"{name}:") is not None:
        return
    label = "" if not name or _section_of(item, charset) else f"{name}: "
    if kind == "CONTAINER":
        if label:
            yield label.strip()
    elif kind == "TEXT":
        text, exact = decoded_text(item, "TextValue", charset=charset)
        if not exact:
            notes.append("reports whose character set is not the one they declare")
        if text:
            yield text
    elif kind == "CODE":
        meaning = _meaning(item, "ConceptCodeSequence", charset)
        if meaning:
            yield label + meaning
    elif kind == "NUM":
        for measured in items_of(item, "MeasuredValueSequence"):
            number = header_text(measured, "NumericValue")
            if number:
                yield label + " ".join([number, *_unit(measured, charset)])
    elif kind in ("DATE", "TIME", "DATETIME"):
        value = header_text(item, {"DATE": "Date", "TIME": "Time", "DATETIME": "DateTime"}[kind])
        if value and label:
            yield label + value


def _unit(measured: Dataset, charset: Charset) -> list[str]:
    for code in items_of(measured, "MeasurementUnitsCodeSequence"):
        unit = header_text(code, "CodeValue", charset=charset)
        if unit and unit not in _NO_UNIT:
            return [unit]
    return []


def _section_of(item: Dataset, charset: Charset) -> str | None:
    """The section that an item's concept names."""
    for code in items_of(item, "ConceptNameCodeSequence"):
        value = header_text(code, "CodeValue")
        if header_text(code, "CodingSchemeDesignator") == "DCM" and value in _DICOM_CODES:
            return _DICOM_CODES[value]
    title = _meaning(item, "ConceptNameCodeSequence", charset)
    return None if title is None else section_named(title)


def _meaning(item: Dataset, keyword: str, charset: Charset) -> str | None:
    for code in items_of(item, keyword):
        return header_text(code, "CodeMeaning", charset=charset)
    return None
