"""The rules that importers share: labels, sections of MIMIC, safe XML and sheets, tables."""

import gzip
import io
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.data.datasets.chexpert_labels import FINDINGS, finding_labels
from caselight.data.datasets.mimic_sections import mimic_sections
from caselight.data.datasets.mimic_special import BODY_AT, BODY_UNDER
from caselight.data.datasets.safe_xml import MAX_XML, read_xml, sheet_rows, words
from caselight.data.datasets.tables import (
    MAX_LINE,
    Lookup,
    WrongCellError,
    read_csv,
    read_lines,
)
from caselight.errors import DataError
from caselight.types import SECTIONS
from tests.data.datasets import copies

# Labels --------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["", "0", "1", "-1", "0.0", "1.0", "-1.0", "nan"]), min_size=14))
def test_a_finding_is_a_label_when_said_and_another_when_unsure(values: list[str]) -> None:
    cells = dict(zip(FINDINGS, values, strict=False))
    labels = finding_labels(cells)
    for finding, value in cells.items():
        assert (finding in labels) == (value in ("1", "1.0"))
        assert (f"{finding} (uncertain)" in labels) == (value in ("-1", "-1.0"))


@pytest.mark.parametrize("value", ["2", "yes", "0.5", "inf"])
def test_any_other_value_is_wrong_and_not_repeated(value: str) -> None:
    with pytest.raises(WrongCellError) as wrong:
        finding_labels({"Edema": value})
    assert value not in str(wrong.value).replace("1, 0, -1", "")


# Sections of MIMIC ---------------------------------------------------------------------------


def test_the_last_section_of_a_name_counts_and_a_title_is_no_finding() -> None:
    text = (
        " FINAL REPORT\n CHEST, PA AND LATERAL:\n \n HISTORY:  Cough.\n"
        " IMPRESSION:  First.\n ADDENDUM:  Later.\n IMPRESSION:  Second.\n"
    )
    assert mimic_sections(text, study="s1") == {
        "impression": "Second.",
        "indication": "Cough.",
        "notes": "Later.",
    }


def test_without_findings_the_last_paragraph_is_taken() -> None:
    text = " FINAL REPORT\n INDICATION:  Line placed.\n \n The line ends well.\n \n No air.\n"
    assert mimic_sections(text, study="s1") == {
        "indication": "Line placed.",
        "findings": "The line ends well. No air.",
    }


def test_misspelt_headings_are_those_of_the_parser() -> None:
    text = "x\n IMPRESSON:  A.\n FINDNGS:  B.\n REFERENCE EXAM:  C.\n REASON FOR EXAM:  D.\n"
    found = mimic_sections(text, study="s1")
    assert found == {"impression": "A.", "findings": "B.", "comparison": "C.", "indication": "D."}


def test_listed_reports_have_their_body_where_the_list_says() -> None:
    by_place = next(study for study, place in BODY_AT.items() if place == (201, 349))
    assert mimic_sections("x" * 201 + "Body." + "y" * 400, study=by_place) == {
        "findings": "Body." + "y" * 143
    }
    empty = next(study for study, place in BODY_AT.items() if place == (0, 0))
    assert mimic_sections("x\n FINDINGS:  None here.\n", study=empty) == {}
    under = next(study for study, name in BODY_UNDER.items() if name == "technique")
    text = "x\n TECHNIQUE:  In truth what is seen.\n INDICATION:  Cough.\n"
    assert mimic_sections(text, study=under) == {"findings": "In truth what is seen."}
    assert mimic_sections(text, study="s1")["technique"] == "In truth what is seen."


@given(st.text(alphabet=st.sampled_from("AB :\n.-,()F"), max_size=300) | st.text(max_size=300))
def test_any_text_has_sections_without_empty_ones(text: str) -> None:
    found = mimic_sections(text, study="s1")
    assert set(found) <= set(SECTIONS)
    assert all(words.strip() == words != "" for words in found.values())


# XML and sheets ------------------------------------------------------------------------------

BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]><a>&a;</a>'
BROKEN = {
    "entities": (BOMB, "data.bad_row"),
    "another file": (OUTSIDE, "data.bad_row"),
    "depth": ("<a>" * 500, "data.bad_row"),
    "cut short": ("<a><b>", "data.bad_row"),
    "no XML": ("words", "data.bad_row"),
    "empty": ("", "data.bad_row"),
    "size": (f"<a>{' ' * MAX_XML}</a>", "data.too_large"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_xml_that_no_dataset_writes_is_refused(kind: str) -> None:
    text, code = BROKEN[kind]
    with pytest.raises(DataError) as error:
        read_xml(io.BytesIO(text.encode()), name="1.xml")
    assert error.value.code == code


def test_xml_is_read_without_namespaces_and_with_folded_space() -> None:
    root = read_xml(
        io.BytesIO(b'<a xmlns="urn:x" k="v"><b> one\n <i>two</i></b></a>'), name="1.xml"
    )
    assert (root.tag, root.get("k")) == ("a", "v")
    (inner,) = root.iter("b")
    assert words(inner) == "one two"


def test_a_sheet_gives_its_rows_by_header(tmp_path: Path) -> None:
    path = copies.sheet(tmp_path / "a.xlsx", [{"ID": 0, "Word": "a & b"}, {"ID": 1, "Word": ""}])
    assert list(sheet_rows(path)) == [
        (2, {"ID": "0", "Word": "a & b"}),
        (3, {"ID": "1", "Word": ""}),
    ]


@pytest.mark.parametrize("kind", ["no zip", "no sheet", "entities", "points nowhere"])
def test_a_sheet_that_is_none_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    if kind == "no zip":
        path.write_bytes(b"PK\x03\x04 no more")
    elif kind == "no sheet":
        with zipfile.ZipFile(path, "w") as book:
            book.writestr("xl/workbook.xml", "<workbook/>")
    elif kind == "entities":
        copies.sheet(path, [{"ID": 0}], document=BOMB)
    else:
        copies.sheet(path, [{"ID": 0}], strings="<sst/>")
    with pytest.raises(DataError) as error:
        list(sheet_rows(path))
    assert error.value.code == "data.bad_row"


# Tables --------------------------------------------------------------------------------------


def test_a_table_in_gzip_reads_like_the_plain_one(tmp_path: Path) -> None:
    rows = [{"a": "1,5", "b": "x\ny"}, {"a": "2", "b": ""}]
    plain = list(read_csv(copies.table(tmp_path / "t.csv", rows), needs=("a",)))
    packed = list(read_csv(copies.table(tmp_path / "t.csv.gz", rows), needs=("a",)))
    assert plain == packed == [(2, rows[0]), (4, rows[1])]


def test_a_comma_at_the_end_of_rows_is_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2,\n1\n1,2,3\n", "utf-8")
    found = [cells for _, cells in read_csv(path, needs=())]
    assert found[0] == {"a": "1", "b": "2"}
    assert all(isinstance(cells, str) for cells in found[1:])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "data.empty_file"),
        (b"x,y\n1,2\n", "data.missing_column"),
        (b'a\n"1\n', "data.bad_row"),
        (b"a\n" + b"1" * (MAX_LINE + 1), "data.bad_row"),
    ],
)
def test_a_table_that_is_none_is_refused(content: bytes, code: str, tmp_path: Path) -> None:
    for name, held in (("t.csv", content), ("t.csv.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(held)
        with pytest.raises(DataError) as error:
            list(read_csv(tmp_path / name, needs=("a",)))
        assert error.value.code == code


def test_no_gzip_and_half_a_gzip_are_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"a\n" + b"1\n" * 1000)
    for content in (b"a\n1\n", whole[: len(whole) // 2]):
        (tmp_path / "t.gz").write_bytes(content)
        with pytest.raises(DataError) as error:
            list(read_lines(tmp_path / "t.gz"))
        assert error.value.code == "data.truncated"


@given(st.dictionaries(st.text(max_size=5), st.sampled_from(["train", "test"])), st.randoms())
def test_a_lookup_digests_its_pairs_in_any_order(pairs: dict[str, str], rng: random.Random) -> None:
    first, second = Lookup(), Lookup()
    keys = list(pairs)
    for key in keys:
        assert first.put(key, pairs[key])
        assert not first.put(key, "val")
    rng.shuffle(keys)
    for key in keys:
        second.put(key, pairs[key])
    assert first.digest() == second.digest()
    assert (first.digest() == "") == (not pairs)
    assert sum(first.counts().values()) == len(pairs)
    first.close()
    second.close()
