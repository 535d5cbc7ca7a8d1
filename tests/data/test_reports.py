"""Reports are split by their headings, whatever these look like, and no word of them is lost."""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.data.manifest import open_manifest
from caselight.data.reports import read_plain, read_report_file, split_sections
from caselight.errors import DataError
from caselight.types import SECTIONS

FINDINGS, IMPRESSION = "The lungs are clear.", "No acute disease."
BODY = ("lungs", "clear.", "No", "effusion,", "3", "mm", "Heart:", "(stable)", "___.", "PA", "\n")
bodies = (
    st.lists(st.sampled_from(BODY), min_size=1, max_size=8)
    .map(" ".join)
    .filter(lambda body: re.search(r"\w", body))
)
LINES = (
    *("FINDINGS:", "findings: a b", "Impression", "**Technique:** c", "HISTORY: d. FINDINGS: e"),
    *("The lungs are clear. No effusion.", "Normal chest", "MRN: 12", "Dictated by:", "J Doe MD"),
    *("comparison", "-----", "", "FINAL REPORT", "ADDENDUM #2:", "1. IMPRESSION AND PLAN", "f g"),
    *("impression: history: h", "REPORT Lungs", "x Findings: Lungs. Exam: i", "<b>Note:</b> j<br>"),
)
reports = st.text() | st.lists(st.sampled_from(LINES), max_size=8).map("\n".join)


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text))


def squeezed(sections: dict[str, str]) -> dict[str, str]:
    return {section: " ".join(text.split()) for section, text in sections.items()}


@pytest.mark.parametrize(
    "headed",
    [
        "{H}: {text}",
        "{H}:\n{text}",
        "{H}\n{text}",
        "{h}: {text}",
        "{T}\n\n{text}",
        "{T}:\n\n  {text}",
        "  {H} : {text}",
        "{H}:-{text}",
        "{H}\uff1a{text}",
        "**{T}:** {text}",
        "**{T}**: {text}",
        "__{H}__\n{text}",
        "## {h}\n{text}",
        "*** {H} ***\n{text}",
        "===== {T} =====\n{text}",
        "{T}\n-----\n{text}",
        "{h}\n=====\n{text}",
        "1. {H}: {text}",
        "2) {T}\n{text}",
        "II. {H}\n{text}",
        "[{H}] {text}",
        "<{H}>\n{text}",
        "{H} - {text}",
        "{T} \u2013 {text}",
        "{H}\t{text}",
        "{T}. {text}",
        "{H} {text}",
        "| {T} | {text}",
        "<b>{H}:</b> {text}<br/>",
        "<h2>{T}</h2><p>{text}</p>",
        "{H}:\\.br\\{text}",
        "CT {H}: {text}",
    ],
)
def test_a_heading_is_found_however_it_is_written(headed: str) -> None:
    parts = [
        headed.format(H=name.upper(), T=name.capitalize(), h=name, text=text)
        for name, text in (("findings", FINDINGS), ("impression", IMPRESSION))
    ]
    found = split_sections("\n\n".join(parts))
    assert found == {"findings": FINDINGS, "impression": IMPRESSION}


@pytest.mark.parametrize(
    ("heading", "section"),
    [
        ("FINDINGS AND IMPRESSION", "findings"),
        ("FINDINGS/IMPRESSION", "findings"),
        ("Impression and plan", "impression"),
        ("IMP", "impression"),
        ("CONCLUSION(S)", "impression"),
        ("OPINION", "impression"),
        ("REASON FOR EXAM", "indication"),
        ("Reason for this examination", "indication"),
        ("CLINICAL INFORMATION", "indication"),
        ("HISTORY", "indication"),
        ("PRIOR", "comparison"),
        ("Previous studies", "comparison"),
        ("EXAMINATION", "technique"),
        ("PROCEDURE", "technique"),
        ("TECHNIQUE & FINDINGS", "technique"),
        ("ADDENDUM #1", "notes"),
        ("WET READ", "notes"),
        ("Befund", "findings"),
        ("Impresión", "impression"),
        ("TÉCNICA", "technique"),
        ("Renseignements cliniques", "indication"),
    ],
)
def test_headings_have_many_names(heading: str, section: str) -> None:
    found = split_sections(f"FINDINGS: Clear.\n{heading}: Not seen.\nIMPRESSION: None.")
    assert "Not seen." in found[section].split("\n\n")


@pytest.mark.parametrize(
    "line",
    [
        "Findings consistent with edema.",
        "Comparison is made with the prior film.",
        "Impression on the oesophagus by the arch.",
        "in comparison: no change of history",
        "The technique: poor, limits this.",
        "Lungs: clear. Heart: normal.",
        "history of cough",
        "technique",
    ],
)
def test_a_sentence_is_no_heading(line: str) -> None:
    assert split_sections(f"FINDINGS: Stable.\n{line}") == {"findings": f"Stable.\n{line}"}


def test_headings_inside_one_line_are_found() -> None:
    found = split_sections(
        "INDICATION: cough TECHNIQUE: PA. Comparison: none. FINDINGS: Clear. IMPRESSION: Normal."
    )
    assert found == {
        "findings": "Clear.",
        "impression": "Normal.",
        "indication": "cough",
        "comparison": "none.",
        "technique": "PA.",
    }


def test_a_report_of_many_parts() -> None:
    found = split_sections(
        """WET READ: ___ 9:23 PM
  No pneumothorax.
 ____________________________________
                                 FINAL REPORT
 CHEST RADIOGRAPH OF ___

 HISTORY:  Cough.

 COMPARISON:  ___.

 PA and lateral views. The lungs are clear.

 Heart: normal.

 IMPRESSION:

 1. No acute disease.
 2. Stable.
"""
    )
    assert found == {
        "findings": "PA and lateral views. The lungs are clear.\n\nHeart: normal.",
        "impression": "1. No acute disease.\n2. Stable.",
        "indication": "Cough.",
        "comparison": "___.",
        "notes": "___ 9:23 PM\nNo pneumothorax.\n\nCHEST RADIOGRAPH OF ___",
    }


def test_words_without_a_heading_are_findings_where_they_are_sentences() -> None:
    assert split_sections("The lungs are clear.\n\nHeart") == {
        "findings": "The lungs are clear.\n\nHeart"
    }
    assert split_sections("Normal chest") == {"notes": "Normal chest"}
    assert split_sections("The lungs are clear.\n\nFINDINGS: Edema.") == {
        "findings": "Edema.",
        "notes": "The lungs are clear.",
    }


def test_technique_goes_on_behind_a_blank_line() -> None:
    text = "CT of the chest.\n\nContrast was administered. Slices of 3 mm."
    assert split_sections(f"TECHNIQUE: {text}") == {"technique": text}


@pytest.mark.parametrize(
    "line",
    [
        "Patient: DOE, Jane   DOB: 01/01/1950",
        "Name: Jane Doe",
        "MRN: 1234567",
        "Accession Number: A77",
        "Referring Physician: Doe",
        "Dictated by: Doe",
        "Dictated by:\nJane Doe, M.D.",
        "Electronically signed by Jane Doe",
        "Study date: 01/01/2000",
        "Page 1 of 2",
        "*** End of report ***",
    ],
)
def test_administrative_lines_end_up_nowhere(line: str) -> None:
    text = f"{line}\nFINDINGS: Clear.\n{line}\nIMPRESSION: Normal.\n{line}"
    assert split_sections(text) == {"findings": "Clear.", "impression": "Normal."}


def test_a_signature_or_a_number_in_the_line_of_the_body_is_cut() -> None:
    text = "MRN: 12 FINDINGS: Clear. Electronically signed by: Jane Doe"
    assert split_sections(text) == {"findings": "Clear."}


@given(
    st.dictionaries(st.sampled_from(SECTIONS), bodies, min_size=1), st.sampled_from((":\n", ": "))
)
def test_what_stands_under_headings_is_found_again(sections: dict[str, str], colon: str) -> None:
    text = "\n\n".join(f"{name.upper()}{colon}{body}" for name, body in sections.items())
    if "findings" in sections or "\n" not in text.replace("\n\n", ""):
        assert squeezed(split_sections(text)) == squeezed(sections)
    else:
        assert sum(map(words, split_sections(text).values()), Counter()) == sum(
            map(words, sections.values()), Counter()
        )


@given(st.lists(bodies, max_size=6))
def test_every_word_of_a_body_is_in_exactly_one_section(paragraphs: list[str]) -> None:
    text = "\n\n".join(paragraphs)
    assert sum(map(words, split_sections(text).values()), Counter()) == words(text)


@given(reports)
def test_any_text_is_split_and_no_word_is_made_up(text: str) -> None:
    found = split_sections(text)
    assert list(found) == [section for section in SECTIONS if section in found]
    assert all(body == body.strip() and body for body in found.values())
    if "&" not in text:
        whole = re.sub(r"<[^<>]*>", lambda tag: f"{tag[0]} " if "br" in tag[0] else "", text)
        assert not sum(map(words, found.values()), Counter()) - words(whole)


@given(reports.filter(lambda text: "&" not in text))
def test_sections_written_out_are_split_alike(text: str) -> None:
    once = split_sections(text)
    rendered = "\n\n".join(f"{section.upper()}:\n{body}" for section, body in once.items())
    assert split_sections(rendered) == once


def test_a_file_of_any_encoding_is_read(tmp_path: Path) -> None:
    text = "BEFUND: Rückgang des Ergusses.\nAccession: A-12\nStudy Instance UID: 1.2.840.5"
    file = tmp_path / "report.txt"
    for encoding, said in (
        ("utf-8", ()),
        ("utf-8-sig", ()),
        ("utf-16", ()),
        ("cp1252", ("reports read as Windows-1252, since they are not UTF-8",)),
    ):
        file.write_bytes(text.encode(encoding))
        report = read_report_file(file)
        assert report.sections == {"findings": "Rückgang des Ergusses."}
        assert (report.accession, report.study_uid) == ("A-12", "1.2.840.5")
        assert report.notes == said
        assert "Ergusses" not in repr(report)
    assert read_plain(b"FINDINGS: \x81.").notes == (
        "reports read as Latin-1, since they are not UTF-8",
    )


def test_two_accession_numbers_name_no_study() -> None:
    report = read_plain(b"Accession: A1\nAccession No.: A2\nFINDINGS: Clear.")
    assert report.accession is None
    assert report.notes == ("reports that name several accession numbers, so none is used",)


CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><title>Report of Jane Doe</title>
<recordTarget><patientRole><patient><name>Jane Doe</name></patient></patientRole></recordTarget>
<inFulfillmentOf><order><id root="1.2" extension="A77"/></order></inFulfillmentOf>
<documentationOf><serviceEvent><id root="1.2.3.4"/></serviceEvent></documentationOf>
<component><structuredBody>
<component><section><code code="18782-3"/><title>What is seen</title>
<text><paragraph>The <content>lungs</content> are clear.</paragraph>
<list><item>No effusion.</item></list></text></section></component>
<component><section><title>Impression</title><text>Normal &lt; 3 mm.</text></section></component>
</structuredBody></component></ClinicalDocument>"""


def test_a_clinical_document_is_read_without_its_header(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    for encoding in ("utf-8", "utf-16"):
        file.write_bytes(CDA.replace("UTF-8", encoding).encode(encoding))
        report = read_report_file(file)
        assert report.sections == {
            "findings": "The lungs are clear.\nNo effusion.",
            "impression": "Normal < 3 mm.",
        }
        assert (report.accession, report.study_uid) == ("A77", "1.2.3.4")


def test_plain_xml_is_read_by_its_labels() -> None:
    report = read_plain(
        b"""<report><PatientName>Jane Doe</PatientName><AccessionNumber>A9</AccessionNumber>
        <AbstractText Label="FINDINGS">Clear.</AbstractText><impression>Normal.</impression>
        <other>More words</other></report>""",
        is_xml=True,
    )
    assert report.sections == {"findings": "Clear.", "impression": "Normal.", "notes": "More words"}
    assert report.accession == "A9"


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("empty.txt", b"", "data.empty_file"),
        ("blank.txt", b" \n", "data.no_text"),
        ("headings_alone.txt", b"FINDINGS:\nMRN: 12\n", "data.no_text"),
        ("binary.txt", b"FINDINGS: \0\1", "data.not_text"),
        ("half_utf16.txt", b"\xff\xfeF\0I", "data.not_text"),
        ("report.pdf.txt", b"%PDF-1.7 FINDINGS", "data.not_text"),
        ("rich.txt", b"{\\rtf1 FINDINGS: clear}", "data.not_text"),
        ("large.txt", b"FINDINGS: " + b"a" * (1 << 20), "data.too_large"),
        ("long.txt", b"FINDINGS: " + b"a " * 100_000, "data.too_large"),
        ("bomb.xml", BOMB, "data.not_text"),
        ("cut.xml", b"<report><findings>Clear", "data.truncated"),
        ("encoding.xml", b'<?xml version="1.0" encoding="klingon"?><a>b</a>', "data.truncated"),
        ("deep.xml", b"<a>" * 200 + b"b" + b"</a>" * 200, "data.too_large"),
        ("wordless.xml", b"<report><findings/></report>", "data.no_text"),
    ],
)
def test_a_bad_report_is_refused_by_name(tmp_path: Path, name: str, data: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_report_file(tmp_path / name)
    assert caught.value.code == code
    assert "FINDINGS" not in str(caught.value)


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_report_file(tmp_path / "none.txt")
    assert caught.value.code == "data.not_found"


@given(st.binary(max_size=200), st.sampled_from((True, False, None)))
def test_any_bytes_are_read_or_refused(data: bytes, is_xml: bool | None) -> None:
    try:
        report = read_plain(data, is_xml=is_xml)
    except DataError as refused:
        assert refused.code.startswith("data.")  # noqa: PT017 (either outcome is right)
    else:
        assert report.sections


def test_a_whole_report_in_a_manifest_fills_the_empty_sections(tmp_path: Path) -> None:
    manifest = tmp_path / "records.csv"
    manifest.write_text(
        "study_id,report,impression\n"
        's1,"FINDINGS: Clear. IMPRESSION: Normal.",\n'
        's2,"FINDINGS: Edema. IMPRESSION: Normal.",Own words.\n'
        's3,"MRN: 12",Own words.\n'
    )
    archive = open_manifest(manifest, mapping={})
    assert [dict(study.sections) for study in archive.studies()] == [
        {"findings": "Clear.", "impression": "Normal."},
        {"findings": "Edema.", "impression": "Own words."},
        {"impression": "Own words."},
    ]
    assert archive.notes == ("reports without words beneath their headings: 1",)
