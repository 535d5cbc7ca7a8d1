"""Reports inside of DICOM files: structured reports and encapsulated documents."""

import io
import warnings
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from caselight.data.dicom.documents import read_document
from caselight.data.markup import headed_text
from caselight.data.reports import split_sections
from caselight.errors import DataError
from caselight.types import SECTIONS

BASIC_SR = "1.2.840.10008.5.1.4.1.1.88.11"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"


def code(meaning: str, value: str = "X", scheme: str = "99TEST") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def content(kind: str, name: Dataset | None, **values: Any) -> Dataset:
    item = Dataset()
    item.RelationshipType = values.pop("relation", "CONTAINS")
    item.ValueType = kind
    if name is not None:
        item.ConceptNameCodeSequence = [name]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def number(value: str, unit: str) -> Dataset:
    item = Dataset()
    item.NumericValue = value
    item.MeasurementUnitsCodeSequence = [code(unit, unit, "UCUM")]
    return item


def write(path: Path, *, implicit: bool = False, **values: Any) -> Path:
    header = Dataset()
    header.SOPClassUID, header.SOPInstanceUID = BASIC_SR, "1.2.3"
    header.StudyInstanceUID, header.AccessionNumber = "1.2.3.4", "A77"
    header.PatientName = "Doe^Jane"
    for keyword, value in values.items():
        setattr(header, keyword, value)
    header.file_meta = FileMetaDataset()
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    header.file_meta.TransferSyntaxUID = syntax
    header.save_as(path, enforce_file_format=True)
    return path


def encapsulate(path: Path, data: bytes, mime: str) -> Path:
    return write(
        path,
        SOPClassUID=PDF,
        EncapsulatedDocument=data + b"\0" * (len(data) % 2),
        MIMETypeOfEncapsulatedDocument=mime,
    )


def pdf(*pages: bytes) -> bytes:
    """A PDF that draws each of some content streams on a page of its own."""
    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for page in pages:
        blank = writer.add_blank_page(300, 300)
        blank[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        stream.set_data(page)
        blank[NameObject("/Contents")] = writer._add_object(stream.flate_encode())
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def lines(*said: str) -> bytes:
    drawn = " T* ".join(f"({line}) Tj" for line in said)
    return f"BT /F1 12 Tf 14 TL 20 280 Td {drawn} ET".encode("latin-1")


@pytest.mark.parametrize("implicit", [False, True])
def test_a_structured_report_is_read_by_its_headings(tmp_path: Path, implicit: bool) -> None:
    nodule = content("TEXT", code("Finding", "121071", "DCM"), TextValue="A nodule.")
    nodule.ContentSequence = [
        content("NUM", code("Diameter"), MeasuredValueSequence=[number("7", "mm")]),
        content("NUM", code("Count"), MeasuredValueSequence=[number("2", "1")]),
        content("CODE", code("Site"), ConceptCodeSequence=[code("Upper lobe")]),
        content("DATE", code("First seen"), Date="20200131"),
        content("PNAME", code("Seen by"), PersonName="Doe^Jane"),
        content("IMAGE", None),
    ]
    path = write(
        tmp_path / "sr.dcm",
        implicit=implicit,
        SpecificCharacterSet="ISO_IR 100",
        ValueType="CONTAINER",
        ConceptNameCodeSequence=[code("Chest report")],
        ContentSequence=[
            content("PNAME", code("Observer"), relation="HAS OBS CONTEXT", PersonName="Doe^Jane"),
            content("TEXT", code("Observer"), relation="HAS OBS CONTEXT", TextValue="Jane Doe"),
            content("TEXT", code("Referring physician"), TextValue="Jane Doe"),
            content(
                "CONTAINER", code("Was gesehen wird", "121070", "DCM"), ContentSequence=[nodule]
            ),
            content(
                "CONTAINER",
                code("Beurteilung"),
                ContentSequence=[
                    content("TEXT", None, TextValue="Rückgang.\r\n\r\nKein Erguss."),
                    content("CODE", None, ConceptCodeSequence=[code("Normal")]),
                ],
            ),
        ],
    )
    report = read_document(path)
    assert report.sections == {
        "findings": "A nodule.\nDiameter: 7 mm\nCount: 2\nSite: Upper lobe\nFirst seen: 20200131",
        "impression": "Rückgang.\nKein Erguss.\nNormal",
    }
    assert (report.accession, report.study_uid, report.notes) == ("A77", "1.2.3.4", ())
    assert "Doe" not in report.text
    assert "nodule" not in repr(report)


def test_a_whole_report_in_one_text_is_split(tmp_path: Path) -> None:
    text = "FINDINGS: Clear.\r\nIMPRESSION: Normal.\r\nDictated by: Jane Doe"
    path = write(
        tmp_path / "sr.dcm", ContentSequence=[content("TEXT", code("Text"), TextValue=text)]
    )
    assert read_document(path).sections == {"findings": "Clear.", "impression": "Normal."}


def test_a_wrong_character_set_loses_nothing_and_is_noted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "sr.dcm",
        SpecificCharacterSet="ISO_IR 192",
        ContentSequence=[content("TEXT", code("Findings"), TextValue="Erguss rückläufig heute.")],
    )
    path.write_bytes(
        path.read_bytes().replace("rückläufig".encode(), "rückläufig".encode("latin-1") + b"  ")
    )
    report = read_document(path)
    assert report.sections == {"findings": "Erguss rückläufig   heute."}
    assert report.notes == ("reports whose character set is not the one they declare",)


def test_a_long_structured_report_is_read_and_an_endless_one_refused(tmp_path: Path) -> None:
    for n_words, refused in ((20_000, False), (300_000, True)):
        text = "clear " * n_words
        item = content("TEXT", code("Findings"), TextValue=text)
        path = write(tmp_path / "sr.dcm", ContentSequence=[item])
        if refused:
            with pytest.raises(DataError) as caught:
                read_document(path)
            assert caught.value.code == "data.too_large"
        else:
            assert read_document(path).sections["findings"] == text.strip()


def test_the_text_of_a_pdf_is_read(tmp_path: Path) -> None:
    data = pdf(lines("FINDINGS:", "The lungs are clear."), lines("IMPRESSION: Normal."))
    report = read_document(encapsulate(tmp_path / "a.dcm", data, "application/pdf"))
    assert report.sections == {"findings": "The lungs are clear.", "impression": "Normal."}
    assert report.accession == "A77"


def test_a_large_pdf_is_read(tmp_path: Path) -> None:
    # Beyond what a header keeps in memory: the file is read a second time.
    data = pdf(lines("FINDINGS: Clear.")) + b"%" + b"x" * (2 << 20)
    report = read_document(encapsulate(tmp_path / "a.dcm", data, "application/pdf"))
    assert report.sections == {"findings": "Clear."}


@pytest.mark.parametrize(
    ("mime", "data"),
    [
        ("text/plain", b"FINDINGS: Clear."),
        ("text/xml", b"<report><findings>Clear.</findings></report>"),
        ("", b'<?xml version="1.0"?><report><findings>Clear.</findings></report>'),
    ],
)
def test_other_encapsulated_documents_are_read(tmp_path: Path, mime: str, data: bytes) -> None:
    assert read_document(encapsulate(tmp_path / "a.dcm", data, mime)).sections == {
        "findings": "Clear."
    }


def nested(depth: int) -> Dataset:
    item = content("TEXT", None, TextValue="Words.")
    for _ in range(depth):
        item = content("CONTAINER", None, ContentSequence=[item])
    return item


def locked() -> bytes:
    writer = PdfWriter()
    writer.append(io.BytesIO(pdf(lines("FINDINGS: Clear."))))
    writer.encrypt("key", algorithm="RC4-128")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "mime", "code"),
    [
        (pdf(b""), "application/pdf", "data.no_text"),
        (pdf(lines("MRN: 12")), "application/pdf", "data.no_text"),
        (locked(), "application/pdf", "data.no_text"),
        (pdf(*[lines("Clear.")] * 51), "application/pdf", "data.too_large"),
        (pdf(lines(" ") + b" " * (9 << 20)), "application/pdf", "data.too_large"),
        (pdf(lines(" ") + b" " * (40 << 20)), "application/pdf", "data.too_large"),
        (pdf(lines("Clear.") + b"\n0 0 m 1 1 l S" * 90_000), "application/pdf", "data.too_large"),
        (pdf(lines("FINDINGS: Clear."))[:300], "application/pdf", "data.truncated"),
        (b"%PDF-1.7 nothing", "application/pdf", "data.truncated"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png", "data.not_text"),
        (b"<!DOCTYPE a><a>Clear.</a>", "text/xml", "data.not_text"),
        (b"", "text/plain", "data.no_text"),
    ],
    ids=[
        "scan",
        "header alone",
        "locked",
        "pages",
        "spaces",
        "bomb",
        "drawing",
        "cut",
        "empty PDF",
        "picture",
        "doctype",
        "nothing",
    ],
)
def test_a_bad_document_is_refused_by_name(
    tmp_path: Path, data: bytes, mime: str, code: str
) -> None:
    path = encapsulate(tmp_path / "a.dcm", data, mime)
    with pytest.raises(DataError) as caught:
        read_document(path)
    assert caught.value.code == code
    assert "FINDINGS" not in str(caught.value)


def test_a_bad_structured_report_is_refused(tmp_path: Path) -> None:
    for name, values, refusal in (
        ("empty", [], "data.no_text"),
        ("deep", [nested(40)], "data.too_large"),
    ):
        path = write(tmp_path / f"{name}.dcm", ContentSequence=values)
        with pytest.raises(DataError) as caught:
            read_document(path)
        assert caught.value.code == refusal
    whole = path.read_bytes()
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * 30_001 + b"\xfe\xff\xdd\xe0\0\0\0\0"
    sequence = b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff" + items
    (tmp_path / "items.dcm").write_bytes(write(tmp_path / "a.dcm").read_bytes() + sequence)
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.dcm").write_bytes(b"FINDINGS: Clear.")
    (tmp_path / "zero.dcm").write_bytes(b"")
    for name, refusal in (
        ("items", "data.too_large"),
        ("cut", "data.truncated"),
        ("text", "data.not_dicom"),
        ("zero", "data.empty_file"),
        ("none", "data.not_found"),
    ):
        with pytest.raises(DataError) as caught:
            read_document(tmp_path / f"{name}.dcm")
        assert caught.value.code == refusal


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_a_mutated_document_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes
) -> None:
    folder = tmp_path_factory.mktemp("mutated")
    data = pdf(lines("FINDINGS: Clear."))
    sr = content("TEXT", code("Findings"), TextValue="Clear.")
    for path in (
        encapsulate(folder / "pdf.dcm", data, "application/pdf"),
        write(folder / "sr.dcm", ContentSequence=[sr]),
    ):
        whole = path.read_bytes()
        start = 132 + at % (len(whole) - 132)
        path.write_bytes(whole[:start] + junk + whole[start + len(junk) :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                assert read_document(path).sections
            except DataError as refused:
                assert refused.code.startswith("data.")  # noqa: PT017 (either outcome is right)


@pytest.mark.parametrize("n_words", [3, 400_000])
def test_half_a_report_is_no_report(tmp_path: Path, n_words: int) -> None:
    sr = content("TEXT", code("Findings"), TextValue="clear " * n_words)
    for path in (
        write(tmp_path / "sr.dcm", ContentSequence=[sr]),
        encapsulate(tmp_path / "text.dcm", b"clear " * n_words, "text/plain"),
    ):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) - 30 - 2 * n_words])
        with pytest.raises(DataError) as caught:
            read_document(path)
        assert caught.value.code == "data.truncated"


def test_shipped_structured_reports_are_read() -> None:
    folder = Path(pydicom.data.__file__).parent / "test_files"
    assert read_document(folder / "reportsi.dcm").sections == {
        "findings": "Enter text",
        "notes": "Section Heading:",
    }
    assert "A mass of\nDiameter: 3 cm" in read_document(folder / "test-SR.dcm").text


words = st.lists(st.sampled_from(("lungs", "are", "clear.", "3", "mm")), min_size=1).map(" ".join)


@given(st.lists(st.tuples(st.sampled_from((None, *SECTIONS)), words)))
def test_headed_text_is_split_as_it_was_put_together(
    pieces: list[tuple[str | None, str]],
) -> None:
    sections = split_sections(headed_text(pieces))
    for section in SECTIONS:
        own = " ".join(said for name, said in pieces if name == section)
        assert own in " ".join(sections.get(section, "").split())
