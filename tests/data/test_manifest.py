"""Rows become studies, each refusal has a place and a remedy, and memory stays flat."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from caselight.data.archive import open_archive
from caselight.data.columns import parse_mapping
from caselight.data.manifest import MANIFEST_NAMES, Manifest, find_manifest, open_manifest
from caselight.errors import DataError
from caselight.types import SourceStudy
from tests.data import broken


def opened(folder: Path, rows: list[Any], **mapping: str) -> Manifest:
    return open_manifest(broken.manifest(folder, rows), mapping=mapping)


def studies(archive: Manifest) -> dict[str, SourceStudy]:
    return {study.study_id: study for study in archive.studies()}


def code_of(caught: pytest.ExceptionInfo[DataError]) -> str:
    return caught.value.code


# -- finding and opening ---------------------------------------------------------------------------


def test_a_folder_has_exactly_one_manifest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"records\.jsonl, records\.csv") as caught:
        find_manifest(tmp_path)
    assert code_of(caught) == "data.no_manifest"
    for name in MANIFEST_NAMES[:2]:
        (tmp_path / name).write_text("image\na.png\n")
    with pytest.raises(DataError, match="pass the one to read") as caught:
        find_manifest(tmp_path)
    assert code_of(caught) == "data.two_manifests"
    assert open_manifest(tmp_path / "records.csv", mapping={}).n_rows == 1


@pytest.mark.parametrize(
    ("name", "text", "code", "remedy"),
    [
        ("records.csv", "", "data.empty_file", "write it again"),
        ("records.csv", "image,findings\n", "data.empty_archive", "one row an image"),
        ("records.jsonl", "\n\n", "data.empty_archive", "one row an image"),
        ("records.xlsx", "PK", "data.no_manifest", "convert or rename"),
        ("records.csv", "path,words\na,b\n", "data.missing_column", "--map"),
        ("records.csv", "findings\nclear\n", "data.missing_column", "add study_id"),
        ("records.csv", "image,image\na,b\n", "data.bad_row", "its own name"),
        ("records.csv", 'image,notes\na,"never closed\n', "data.bad_row", "records.jsonl"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_whole(
    name: str, text: str, code: str, remedy: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=remedy) as caught:
        open_manifest(tmp_path / name, mapping={})
    assert code_of(caught) == code


def test_a_missing_column_lists_the_columns_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it has path, words"):
        opened(tmp_path, [{"path": "a", "words": "b"}])


def test_a_header_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_bytes("image,größe\na,b\n".encode("latin-1"))
    with pytest.raises(DataError, match="save the manifest as UTF-8"):
        open_manifest(tmp_path, mapping={})


def test_open_archive_says_what_a_folder_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name a folder") as caught:
        open_archive(tmp_path / "none", mapping={})
    assert code_of(caught) == "data.not_found"
    with pytest.raises(DataError, match="holds no files") as caught:
        open_archive(tmp_path, mapping={})
    assert code_of(caught) == "data.empty_archive"
    broken.good_png(tmp_path)
    with pytest.raises(DataError, match=r"write records\.csv .* two columns") as caught:
        open_archive(tmp_path, mapping={})
    assert code_of(caught) == "data.no_manifest"
    broken.dicom_file(tmp_path)
    with pytest.raises(DataError, match="leave out --map") as caught:
        open_archive(tmp_path, mapping={"image": "path"})
    assert code_of(caught) == "data.bad_mapping"
    broken.manifest(tmp_path, [{"image": "good.png"}])
    assert isinstance(open_archive(tmp_path, mapping={}), Manifest)


# -- rows and studies ------------------------------------------------------------------------------


def test_rows_of_a_study_need_not_stand_together(tmp_path: Path) -> None:
    rows = [
        {"image": "a.png", "study_id": "s", "caption": "first", "view": "PA", "findings": None},
        {"image": "b.png", "study_id": "t", "notes": "other", "modality": "CT"},
        {
            "image": "./c/../c.png",
            "study_id": "s",
            "findings": "Clear.",
            "age": 63,
            "age_unit": "y",
        },
        {"study_id": "s", "findings": "Later words.", "patient_id": 7, "labels": ["x", "y"]},
    ]
    archive = opened(tmp_path, rows)
    assert archive.ignored_columns == ("age_unit",)
    assert (archive.n_rows, archive.n_studies, archive.rejected) == (4, 2, ())
    found = studies(archive)
    assert list(found) == ["s", "t"]
    s = found["s"]
    assert [image.name for image in s.images] == ["a.png", "c.png"]
    assert (s.images[0].caption, s.images[0].view, s.images[1].caption) == ("first", "PA", None)
    assert s.sections == {"findings": "Clear."}
    assert (s.patient_id, s.age, s.labels) == ("7", 63, ("x", "y"))
    assert found["t"].patient_id is None
    assert found["t"].images[0].modality == "CT"


def test_csv_and_jsonl_say_the_same(tmp_path: Path) -> None:
    rows = [
        {"image": "a.png", "study_id": "s", "findings": "One,\ntwo.", "labels": "x|y", "age": "63"},
        {"image": "", "study_id": "t", "findings": "nan", "labels": "", "age": "None"},
        {"image": "b.png", "study_id": "u", "findings": "Ärger", "labels": '["p"]', "age": "018M"},
    ]
    one = open_manifest(broken.csv_manifest(tmp_path / "csv", rows), mapping={})
    other = opened(tmp_path / "json", rows)
    assert [r.file for r in one.rejected] == ["records.csv:4"]  # behind a quoted line break
    assert [r.file for r in other.rejected] == ["records.jsonl:2"]

    def plain(archive: Manifest) -> list[Any]:
        return [(s.study_id, s.sections, s.labels, s.age, len(s.images)) for s in archive.studies()]

    assert plain(one) == plain(other)
    assert plain(one)[0] == ("s", {"findings": "One,\ntwo."}, ("x", "y"), 63, 1)


def test_without_study_id_each_image_is_a_study_named_by_its_path(tmp_path: Path) -> None:
    archive = opened(tmp_path, [{"image": "x/a.png"}, {"image": "x/b.jpg"}, {"image": "x/b.png"}])
    assert list(studies(archive)) == ["x/a", "x/b"]
    (refused,) = archive.rejected
    assert (refused.file, refused.code) == ("records.jsonl:3", "data.duplicate_study")
    assert "study_id" in refused.reason


def test_a_text_without_image_is_a_study(tmp_path: Path) -> None:
    archive = opened(tmp_path, [{"study_id": "s", "impression": "Normal.", "caption": "lost"}])
    assert studies(archive)["s"].images == ()
    assert archive.notes == ("captions left out for want of an image: 1",)


def test_one_bad_row_does_not_stop_the_others(tmp_path: Path) -> None:
    rows = [
        {"image": "a.png", "study_id": "s"},
        "{broken",
        "[1, 2]",
        '{"image": "b.png", "study_id": "s", "age": "secret-age"}',
        {"study_id": "s", "caption": "of what?"},
        {"findings": "whose?"},
        {"image": "c.png", "study_id": "s", "findings": {"a": 1}},
        {"image": "d.png", "study_id": "s", "sex": "secret-sex", "split": "train"},
        {"image": "e.png", "study_id": "s", "split": "secret-split"},
        '{"image": "\\ud800.png", "study_id": "s"}',
        '{"image": "nul\\u0000.png", "study_id": "s"}',
        "",
        {"image": "z.png", "study_id": "s"},
    ]
    archive = opened(tmp_path, rows)
    assert archive.n_rows == 12
    assert [r.file for r in archive.rejected] == [f"records.jsonl:{n}" for n in range(2, 12)]
    assert {r.code for r in archive.rejected} == {"data.bad_row"}
    assert not any("secret" in r.reason for r in archive.rejected)
    reasons = [r.reason for r in archive.rejected]
    assert "one JSON object a line" in reasons[0]
    assert "column age" in reasons[2]
    assert "correct the cell" in reasons[2]
    assert "fill in image" in reasons[3]
    assert "fill in study_id" in reasons[4]
    assert [image.name for image in studies(archive)["s"].images] == ["a.png", "z.png"]


def test_bytes_that_are_not_utf8_refuse_their_row_alone(tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_bytes(b"image,notes\na.png,caf\xe9\nb.png,ok\nc.png,1,2\n")
    archive = open_manifest(tmp_path, mapping={})
    assert [(r.file, r.code) for r in archive.rejected] == [
        ("records.csv:2", "data.bad_row"),
        ("records.csv:4", "data.bad_row"),
    ]
    assert "UTF-8" in archive.rejected[0].reason
    assert "quote cells" in archive.rejected[1].reason
    (tmp_path / "records.csv").unlink()
    (tmp_path / "records.jsonl").write_bytes(b'\xef\xbb\xbf{"image": "a.png"}\n{"image": "\xe9"}\n')
    archive = open_manifest(tmp_path, mapping={})
    assert [r.file for r in archive.rejected] == ["records.jsonl:2"]
    assert list(studies(archive)) == ["a"]


def test_names_and_birthdays_are_ignored_columns(tmp_path: Path) -> None:
    row = {"image": "a.png", "patient_name": "Miller", "dob": "1950-01-01", "birth_date": "x"}
    archive = opened(tmp_path, [row])
    assert archive.ignored_columns == ("birth_date", "dob", "patient_name")
    assert "Miller" not in repr(list(archive.studies()))


# -- contradictions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "values", "what"),
    [
        ("patient_id", ("Miller", "Smith"), "two patients"),
        ("split", ("train", "test"), "two splits"),
    ],
)
def test_a_study_that_contradicts_itself_is_refused(
    column: str, values: tuple[str, str], what: str, tmp_path: Path
) -> None:
    rows = [
        {"image": "a.png", "study_id": "s", column: None},
        {"image": "b.png", "study_id": "s", column: values[0]},
        {"image": "c.png", "study_id": "t"},
        {"image": "d.png", "study_id": "s", column: values[1]},
    ]
    archive = opened(tmp_path, rows)
    (refused,) = archive.rejected
    assert refused.code == "data.duplicate_study"
    assert f"{what}, in records.jsonl:2 and records.jsonl:4" in refused.reason
    assert not any(value in refused.reason for value in ("Miller", "Smith"))
    assert list(studies(archive)) == ["t"]


def test_a_row_repeated_exactly_counts_once(tmp_path: Path) -> None:
    row = {"image": "a.png", "study_id": "s", "caption": "x"}
    archive = opened(tmp_path, [row, {**row, "image": "./a.png"}, row])
    assert archive.rejected[1:] == ()
    assert len(studies(archive)["s"].images) == 1


def test_an_image_named_again_is_refused(tmp_path: Path) -> None:
    rows = [
        {"image": "a.png", "study_id": "s", "caption": "x"},
        {"image": "a.png", "study_id": "s", "caption": "y"},
        {"image": "a.png", "study_id": "t", "findings": "Lost with it."},
    ]
    archive = opened(tmp_path, rows)
    assert [(r.file, r.code) for r in archive.rejected] == [
        ("records.jsonl:2", "data.duplicate_image"),
        ("records.jsonl:3", "data.duplicate_image"),
    ]
    assert "records.jsonl:1" in archive.rejected[0].reason
    assert "refused whole" not in archive.rejected[0].reason
    assert "refused whole" in archive.rejected[1].reason
    assert [len(s.images) for s in archive.studies()] == [1]


def test_paths_that_lead_outside_are_refused(tmp_path: Path) -> None:
    archive = open_manifest(broken.climbing_path(tmp_path / "in"), mapping={})
    assert [(r.file, r.code) for r in archive.rejected] == [
        ("records.jsonl:1", "data.path_outside"),
        ("records.jsonl:3", "data.path_outside"),
    ]
    assert "copy the file into" in archive.rejected[0].reason
    assert "refused whole" in archive.rejected[1].reason
    (mixed,) = archive.studies()
    assert [image.name for image in mixed.images] == ["good.png"]
    assert mixed.sections == {"findings": "Clear lungs."}


@pytest.mark.parametrize("path", ["/etc/hostname", "x/../../y.png", "..", "a/../.."])
def test_absolute_and_climbing_paths_are_outside(path: str, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (refused,) = opened(tmp_path, [{"image": path, "study_id": "s"}]).rejected
    assert refused.code == "data.path_outside"


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    archive = open_manifest(broken.linked_outside(tmp_path / "in"), mapping={})
    assert [r.code for r in archive.rejected] == ["data.path_outside"]
    (tmp_path / "in" / "folder").symlink_to(tmp_path)
    archive = opened(tmp_path / "in", [{"image": "folder/secret.png", "study_id": "s"}])
    assert [r.code for r in archive.rejected] == ["data.path_outside"]


def test_a_link_within_the_archive_is_the_same_image(tmp_path: Path) -> None:
    broken.good_png(tmp_path)
    (tmp_path / "link.png").symlink_to(tmp_path / "good.png")
    rows = [{"image": "good.png", "study_id": "s"}, {"image": "link.png", "study_id": "t"}]
    assert [r.code for r in opened(tmp_path, rows).rejected] == ["data.duplicate_image"]


# -- columns ---------------------------------------------------------------------------------------


def test_a_mapping_renames_and_moves_a_column(tmp_path: Path) -> None:
    row = {"file": "a.png", "caption": "Words.", "image": "unused"}
    archive = opened(tmp_path, [row], **parse_mapping(["image=file", "notes = caption"]))
    (study,) = archive.studies()
    assert (study.images[0].name, study.images[0].caption) == ("a.png", None)
    assert study.sections == {"notes": "Words."}
    assert archive.ignored_columns == ("image",)


def test_a_mapping_to_a_name_the_manifest_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='did you mean "report"') as caught:
        opened(tmp_path, [{"image": "a.png", "report": "x"}], findings="reprot")
    assert code_of(caught) == "data.bad_mapping"


def test_dates_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    archive = opened(tmp_path, [{"image": f"{n}.png", "date": "Jan 2020"} for n in range(3)])
    assert [study.date for study in archive.studies()] == [None] * 3
    assert archive.notes == ("dates left out because they are not written YYYY-MM-DD: 3",)


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(n_rows: int) -> int:
        rows = [
            {"image": f"{n}.png", "study_id": f"s{n % 100}", "notes": "x" * 500}
            for n in range(n_rows)
        ]
        path = broken.manifest(tmp_path, rows)
        del rows
        tracemalloc.start()
        archive = open_manifest(path, mapping={})
        assert sum(1 for _ in archive.studies()) == 100
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    # 4,000 more rows of 500 characters would be 2 MB if they were held. The least of three: now and
    # then the interpreter's table of names, which paths use, doubles in the middle of a run.
    assert min(peak(5000) for _ in range(3)) - peak(1000) < 600_000
