"""The command `caselight datasets`."""

import json
from pathlib import Path

import pytest

from caselight.data.datasets import DATASETS
from tests.data.datasets import copies
from tests.docs import pages
from tests.homes import done, door


def test_the_list_names_every_dataset_with_its_terms_and_home_page() -> None:
    said = done("datasets", "list").out
    for dataset in DATASETS.values():
        for part in (dataset.name, dataset.title, dataset.terms, dataset.url, *dataset.versions):
            assert part in said


def test_the_guide_names_every_dataset_and_every_needed_piece() -> None:
    first, second = pages.tables(pages.ROOT / "docs" / "guide" / "datasets.md", "| Name |")
    assert list(first) == list(second) == list(DATASETS)
    for name, dataset in DATASETS.items():
        told = " ".join(second[name])
        for version in dataset.versions:
            for piece in dataset.layout(version):
                if piece.needed and name != "roco":
                    assert f"`{piece.names[0]}`" in told, (name, piece.names[0])


def test_a_whole_copy_passes_and_says_version_counts_and_digest(tmp_path: Path) -> None:
    root = copies.brset(tmp_path / "copy")
    said = done("datasets", "check", root).out.splitlines()
    assert said[0] == "BRSET, version 1.0.1"
    assert "images: 4 of 16266 published" in said
    assert said[-1] == "complete"
    found = done("datasets", "check", root, "--json").json
    assert found["complete"] is True
    assert f"digest: {found['split_digest']} (no digest is frozen for this version)" in said


def test_the_json_of_a_check_is_what_the_guide_shows(tmp_path: Path) -> None:
    guide = pages.ROOT / "docs" / "guide" / "datasets.md"
    (promised,) = map(json.loads, pages.blocks(guide, "json"))
    counts = dict.fromkeys(("missing_images", "split_counts"))
    root = copies.mimic(tmp_path / "copy")
    (root / "mimic-cxr-2.0.0-metadata.csv.gz").write_bytes(b"")
    for found in (
        done("datasets", "check", copies.brset(tmp_path / "whole"), "--json").json,
        door("datasets", "check", root, "--json").json,
    ):
        pages.same_shape({**promised, **counts}, found)
        assert found["version"] == 1
    assert found["dataset_version"] == "2.1.0"


def test_a_table_that_ends_too_early_fails_as_it_would_be_refused(tmp_path: Path) -> None:
    root = copies.brset(tmp_path / "copy")
    with (root / "labels_brset.csv").open("a") as table:
        table.write('img00009,"cut off in the mid')
    answer = door("datasets", "check", root)
    assert answer.status == 1
    assert answer.out.splitlines()[-1] == "NOT complete"
    assert "nothing of it can be read" in answer.out, "half a split has no digest"
    assert door("ingest", root, "--home", tmp_path / "home").refusal[0] == "data.bad_row"


@pytest.mark.parametrize("dataset", ["brset", "chexpert", "nih"])
def test_a_row_that_stands_twice_is_one_picture(tmp_path: Path, dataset: str) -> None:
    root = getattr(copies, dataset)(tmp_path / "copy")
    before = door("datasets", "check", root, "--json").json["found"]
    table = {
        "brset": "labels_brset.csv",
        "chexpert": "train.csv",
        "nih": "Data_Entry_2017_v2020.csv",
    }
    path = root / table[dataset]
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[1]]))
    assert door("datasets", "check", root, "--json").json["found"] == before


def test_a_folder_in_a_tables_place_is_no_table(tmp_path: Path) -> None:
    root = copies.nih(tmp_path / "nih")
    (root / "test_list.txt").unlink()
    (root / "test_list.txt").mkdir()
    assert "MISSING: test_list.txt" in door("datasets", "check", root).out
    for name in ("labels.csv", "train.csv", "full_df.csv"):
        (tmp_path / "other" / name).mkdir(parents=True)
    refused = door("datasets", "check", tmp_path / "other").refusal
    assert refused[0] == "data.no_such_dataset"


def test_a_part_of_a_copy_fails_and_says_what_is_missing(tmp_path: Path) -> None:
    root = copies.mimic(tmp_path / "copy")
    (root / "mimic-cxr-2.0.0-split.csv.gz").unlink()
    answer = door("datasets", "check", root, "--dataset", "mimic-cxr-jpg")
    assert answer.status == 1
    assert "MISSING: mimic-cxr-2.0.0-split.csv.gz: the official split" in answer.out
    assert "NOT complete" in answer.out
    found = door("datasets", "check", root, "--json")
    assert found.status == 1
    assert found.json["complete"] is False
    assert found.json["split_digest"] == ""
    names = [piece["name"] for piece in found.json["missing"] if piece["needed"]]
    assert names == ["mimic-cxr-2.0.0-split.csv.gz"]


def test_a_missing_folder_of_pictures_is_counted_by_part(tmp_path: Path) -> None:
    root = copies.nih(tmp_path / "copy")
    (root / "images_002").rename(root / "elsewhere")
    answer = door("datasets", "check", root)
    assert answer.status == 1
    assert "12 images missing in images" in answer.out
    assert "missing, optional: images_002/" in answer.out
    first = "12 x rows whose picture is not in this copy; first: "
    assert any(line.startswith(first) for line in answer.out.splitlines())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("datasets", "check", "{empty}"), "data.no_such_dataset"),
        (("datasets", "check", "{empty}", "--dataset", "brset"), "data.incomplete_dataset"),
        (("datasets", "check", "{empty}", "--dataset", "mnist"), "data.no_such_dataset"),
        (("datasets", "check", "{empty}/none"), "data.not_found"),
        (
            ("ingest", "{empty}", "--home", "{empty}/home", "--dataset", "mnist"),
            "data.no_such_dataset",
        ),
        (
            ("ingest", "{empty}", "--home", "{empty}/home", "--dataset", "brset"),
            "data.incomplete_dataset",
        ),
    ],
)
def test_what_is_no_dataset_is_refused(words: tuple[str, ...], code: str, tmp_path: Path) -> None:
    answer = door(*(word.replace("{empty}", str(tmp_path)) for word in words))
    assert answer.status == 1
    assert answer.refusal[0] == code
    assert list(tmp_path.iterdir()) == []
