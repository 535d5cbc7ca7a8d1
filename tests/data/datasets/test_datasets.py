"""Every importer on a tiny copy: recognised, brought in whole, and honest about what is missing."""

import random
from pathlib import Path

import pytest

from caselight.data.archive import open_archive
from caselight.data.datasets import DATASETS, open_dataset, recognised
from caselight.errors import DataError
from tests.data.datasets import copies
from tests.data.datasets.cases import CASE, CASES, Case, check
from tests.homes import done, door, held, ingest, tally


def test_every_dataset_has_a_case() -> None:
    assert {case.name for case in CASES} | {"medpix2"} == set(DATASETS)


# Every importer ------------------------------------------------------------------------------


@CASE
def test_a_copy_is_recognised_as_itself_alone(case: Case, tmp_path: Path) -> None:
    root = case.make(tmp_path / "copy")
    found = {name: one.detect(root) for name, one in DATASETS.items()}
    assert {name: version for name, version in found.items() if version} == {
        case.name: case.version
    }
    assert recognised(root) is DATASETS[case.name]


@CASE
def test_a_copy_comes_in_whole_with_its_split_and_again_unchanged(
    case: Case, tmp_path: Path
) -> None:
    root, home = case.make(tmp_path / "copy"), tmp_path / "home"
    receipt = ingest(root, home, "--dataset", case.name)
    assert tally(receipt) == (case.studies, 0, 0, 0)
    assert receipt["images"] == case.images
    assert receipt["notes"][0].startswith(f"read as {DATASETS[case.name].title} {case.version}")
    studies = held(home).values()
    assert all(study.own_split is case.official for study in studies)
    # Recognised by itself, it is the same archive.
    assert tally(ingest(root, home)) == (0, 0, case.studies, 0)


@CASE
def test_a_whole_copy_is_complete_and_its_digest_knows_no_order(case: Case, tmp_path: Path) -> None:
    root = case.make(tmp_path / "copy")
    whole = check(case.name, root)
    assert whole.complete, whole
    assert whole.disagreements == ()
    assert (whole.found.studies, whole.found.images) == (case.studies, case.images)
    assert {piece.name for piece in whole.missing} == set(case.lacks)
    assert len(whole.split_digest) == 64
    rng = random.Random(1)  # noqa: S311 (an order, no secret)
    copies.rewrite(root / case.table, lambda lines: rng.sample(lines, len(lines)))
    assert check(case.name, root).split_digest == whole.split_digest


@CASE
def test_a_missing_picture_is_counted_and_named_and_its_study_left_out(
    case: Case, tmp_path: Path
) -> None:
    root = case.make(tmp_path / "copy")
    picture, folder = case.first
    gone = root / picture
    if not gone.exists():
        gone = root / "preprocessed_images" / gone.name
    gone.unlink()
    found = check(case.name, root)
    assert not found.complete
    assert found.missing_images == {folder: 1}
    (one,) = found.disagreements
    assert one.count == 1
    assert one.examples[0].endswith(gone.name)
    with open_dataset(DATASETS[case.name], root) as archive:
        assert sum(len(study.images) for study in archive.studies()) == case.images - 1
        assert archive.rejected == ()
        told = "images that the tables name and this copy lacks, left out: 1"
        assert told in archive.notes


@CASE
def test_a_wrong_cell_refuses_its_row_alone(case: Case, tmp_path: Path) -> None:
    root = case.make(tmp_path / "copy")
    before, after = case.wrong
    path = root / case.table
    n_changed = 0

    def spoil(lines: list[str]) -> list[str]:
        nonlocal n_changed
        spoilt = [line.replace(before, after) for line in lines]
        n_changed = sum(a != b for a, b in zip(lines, spoilt, strict=True))
        return spoilt

    copies.rewrite(path, spoil)
    assert n_changed > 0
    home = tmp_path / "home"
    receipt = ingest(root, home, "--dataset", case.name)
    assert len(receipt["rejected"]) == n_changed
    for one in receipt["rejected"]:
        assert one["code"] == "data.bad_row"
        assert one["file"].startswith(f"{case.table}:")
        assert "expected to hold" in one["reason"]
        assert after.strip(",") not in one["reason"]
    assert 0 < receipt["accepted"] <= case.studies


@CASE
def test_a_copy_without_its_first_table_says_what_it_lacks(case: Case, tmp_path: Path) -> None:
    root = case.make(tmp_path / "copy")
    dataset = DATASETS[case.name]
    needed = [piece for piece in dataset.layout(case.version) if piece.needed]
    place = needed[0].at(root)
    assert place is not None
    place.unlink()
    refused = door("ingest", root, "--home", tmp_path / "home", "--dataset", case.name)
    assert refused.status == 1
    code, sentence = refused.refusal
    assert code == "data.incomplete_dataset"
    assert needed[0].names[0] in sentence
    assert not (tmp_path / "home").exists()


@CASE
def test_a_table_cut_short_or_of_another_kind_is_refused(case: Case, tmp_path: Path) -> None:
    root = case.make(tmp_path / "copy")
    path = root / case.table
    if path.suffix == ".gz":
        path.write_bytes(path.read_bytes()[:40])
        expected = "data.truncated"
    else:
        path.write_text("something,else\n1,2\n", "utf-8")
        # Three tables have such plain names that a copy is known by the header, too.
        by_header = case.name in ("brset", "chexpert", "odir5k")
        expected = "data.incomplete_dataset" if by_header else "data.missing_column"
    with pytest.raises(DataError) as error:
        open_dataset(DATASETS[case.name], root)
    assert error.value.code == expected


# Two datasets, links, and other archives -----------------------------------------------------


def test_patients_of_two_datasets_are_never_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ingest(copies.nih(tmp_path / "nih"), home)
    ingest(copies.brset(tmp_path / "brset"), home)
    studies = held(home)
    assert studies["00000001_000"].patient_key != studies["img00001"].patient_key


def test_a_link_out_of_the_copy_is_refused(tmp_path: Path) -> None:
    root = copies.brset(tmp_path / "copy")
    picture = root / "fundus_photos" / "img00001.jpg"
    picture.rename(tmp_path / "outside.jpg")
    picture.symlink_to(tmp_path / "outside.jpg")
    with open_dataset(DATASETS["brset"], root) as archive:
        (one,) = archive.rejected
        assert (one.file, one.code) == ("labels_brset.csv:2", "data.path_outside")
        assert archive.n_studies == 3


def test_a_manifest_wins_over_a_recognised_layout_unless_the_dataset_is_named(
    tmp_path: Path,
) -> None:
    root = copies.brset(tmp_path / "copy")
    (root / "records.csv").write_text("image\nfundus_photos/img00001.jpg\n", "utf-8")
    with open_archive(root, mapping={}) as archive:
        assert archive.n_studies == 1
    with open_archive(root, mapping={}, dataset="brset") as archive:
        assert archive.n_studies == 4


def test_a_dataset_has_no_columns_to_map(tmp_path: Path) -> None:
    root = copies.brset(tmp_path / "copy")
    with pytest.raises(DataError) as error:
        open_archive(root, mapping={"notes": "camera"})
    assert error.value.code == "data.bad_mapping"


def test_two_layouts_in_one_folder_are_not_guessed(tmp_path: Path) -> None:
    root = copies.brset(tmp_path / "copy")
    copies.chexpert(root)
    assert recognised(root) is None
    answer = done("ingest", root, "--home", tmp_path / "home", "--dataset", "brset", "--json")
    assert answer.json["accepted"] == 4
