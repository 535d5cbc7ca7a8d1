"""Reports: what a report file holds, and which of its words stand under which heading.

`split_sections` and `remove_names` are told in `sections` and `names`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from caselight.data.administrative import labelled_accessions, labelled_study_uids
from caselight.data.markup import xml_report
from caselight.data.names import remove_names
from caselight.data.sections import split_sections
from caselight.errors import DataError

__all__ = [
    "LARGEST_REPORT",
    "LONGEST_REPORT",
    "ReportText",
    "make_report",
    "read_plain",
    "read_report_file",
    "remove_names",
    "split_sections",
]

LARGEST_REPORT = 1 << 20
"""Bytes of a report that is text or XML: 1 MiB."""
LONGEST_REPORT = 200_000
"""Characters of a report, some thirty times a long one."""
_ALLOWED = frozenset(b"\t\n\v\f\r\x1b")
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportText:
    """The words of one report, and what says which study they belong to."""

    text: str = field(repr=False)
    """All words, as read; names are still in them."""
    sections: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Keys among `types.SECTIONS`; at least one, none empty. Names are still in them."""
    accession: str | None = field(default=None, repr=False)
    """The accession number, where the report names exactly one."""
    study_uid: str | None = field(default=None, repr=False)
    """The StudyInstanceUID, where the report names exactly one."""
    notes: tuple[str, ...] = ()
    """What had to be decided while reading; never the report's own words."""


def read_report_file(path: Path) -> ReportText:
    """One report from a file of plain text or XML.

    Text is UTF-8, or UTF-16 with a byte order mark, else Windows-1252 or Latin-1 with a note. XML
    is CDA, or any whose elements or their labels are named like sections.

    Raises:
        DataError: data.not_found, data.empty_file, data.too_large, data.truncated for broken XML,
            data.not_text for anything that is no text, data.no_text for one without words.
    """
    if not path.is_file():
        raise DataError(
            f"no file at {path}; correct the path or restore the file", code="data.not_found"
        )
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_REPORT + 1)
    except PermissionError:
        raise DataError(
            f"{path} cannot be opened; give permission to read it", code="data.not_found"
        ) from None
    if not data:
        raise DataError(
            "the file is empty (0 bytes); copy it again from its source", code="data.empty_file"
        )
    return read_plain(data, is_xml=path.suffix.lower() == ".xml" or None)


def read_plain(data: bytes, *, is_xml: bool | None = None) -> ReportText:
    """One report from the bytes of a text or XML file.

    Args:
        data: all bytes.
        is_xml: whether it is XML; None to see from its first characters.

    Raises:
        DataError: as `read_report_file`, but for what concerns the file.
    """
    if len(data) > LARGEST_REPORT:
        raise DataError(
            f"the report is larger than {LARGEST_REPORT} bytes; keep one report a file",
            code="data.too_large",
        )
    if is_xml is None:
        start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
        is_xml = start.startswith((b"<?xml", b"<ClinicalDocument"))
    if is_xml:
        report = xml_report(data)
        return make_report(
            report.text, accession=report.accession, study_uid=report.study_uid, notes=()
        )
    text, notes = _decode(data)
    return make_report(text, accession=None, study_uid=None, notes=notes)


def make_report(
    text: str, *, accession: str | None, study_uid: str | None, notes: Sequence[str]
) -> ReportText:
    """Split a report, and read its numbers from labelled lines where they are not known.

    Raises:
        DataError: data.no_text, data.too_large.
    """
    if len(text) > LONGEST_REPORT:
        raise DataError(
            f"the report has more than {LONGEST_REPORT} characters; keep one report a file",
            code="data.too_large",
        )
    sections = split_sections(text)
    if not sections:
        raise DataError(
            "the report has no words beneath its headings; export it again, or remove it",
            code="data.no_text",
        )
    said = list(notes)
    if accession is None:
        accession = _only(labelled_accessions(text), "accession numbers", said)
    if study_uid is None:
        study_uid = _only(labelled_study_uids(text), "study UIDs", said)
    return ReportText(
        text=text, sections=sections, accession=accession, study_uid=study_uid, notes=tuple(said)
    )


def _only(found: Sequence[str], what: str, notes: list[str]) -> str | None:
    if len(found) > 1:
        notes.append(f"reports that name several {what}, so none is used")
    return found[0] if len(found) == 1 else None


def _decode(data: bytes) -> tuple[str, list[str]]:
    """Bytes of plain text as text, and what had to be assumed."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding).removeprefix("\ufeff"), []
            except UnicodeDecodeError:
                raise _no_text_file() from None
    if data.startswith((b"%PDF", b"{\\rtf")) or any(
        byte < 32 and byte not in _ALLOWED for byte in data
    ):
        raise _no_text_file()
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), ["reports read as Windows-1252, since they are not UTF-8"]
    except UnicodeDecodeError:
        return data.decode("latin-1"), ["reports read as Latin-1, since they are not UTF-8"]


def _no_text_file() -> DataError:
    return DataError(
        "the file is not plain text (binary, PDF, RTF, or damaged); save the report as plain text "
        "in UTF-8",
        code="data.not_text",
    )
