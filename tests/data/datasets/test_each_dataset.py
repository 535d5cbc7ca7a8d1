"""What each importer says of its studies: sections, labels, sides, splits."""

import json
from pathlib import Path

import pytest

from caselight.data.datasets import DATASETS, open_dataset, recognised
from caselight.errors import DataError
from caselight.types import Study
from tests.data.datasets import copies
from tests.data.datasets.cases import check, source
from tests.homes import held, ingest, tally


def test_mimic_keeps_sections_labels_views_and_days(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ingest(copies.mimic(tmp_path / "copy"), home)
    studies = held(home)
    assert {uid: study.split for uid, study in studies.items()} == {
        "s50000001": "train",
        "s50000002": "train",
        "s50000003": "val",
        "s50000004": "test",
    }
    second = studies["s50000002"]
    assert second.sections == {
        "findings": "Small effusion on the left.",
        "impression": "Left effusion.",
        "indication": "Cough for a week.",
        "comparison": "None.",
        "technique": "CHEST (PA AND LAT)",
    }
    assert second.labels == ("Edema (uncertain)", "Pleural Effusion")
    assert (second.date, second.images[0].view, second.images[0].modality) == (
        "2150-01-02",
        "PA",
        "DX",
    )
    assert studies["s50000001"].images[0].view is None
    # By hand, and with the name that the test labels give an opacity.
    assert studies["s50000004"].labels == ("Cardiomegaly", "Lung Opacity")


def test_mimic_2_0_0_has_no_labels_by_hand_and_negbio_stands_in(tmp_path: Path) -> None:
    root = copies.mimic(tmp_path / "copy", newer=False)
    chexpert = root / "mimic-cxr-2.0.0-chexpert.csv.gz"
    chexpert.rename(root / "mimic-cxr-2.0.0-negbio.csv.gz")
    assert DATASETS["mimic-cxr-jpg"].detect(root) == "2.0.0"
    studies = source("mimic-cxr-jpg", root)
    assert studies["s50000004"].labels == ("Edema (uncertain)", "Pleural Effusion")


def test_mimic_without_reports_counts_them_and_names_the_packed_archive(tmp_path: Path) -> None:
    root = copies.mimic(tmp_path / "copy")
    (root / "mimic-cxr-reports").rename(tmp_path / "elsewhere")
    (root / "mimic-cxr-reports").with_suffix(".zip").write_bytes(b"PK")
    found = check("mimic-cxr-jpg", root)
    (piece,) = [one for one in found.missing if one.name == "mimic-cxr-reports/"]
    assert piece.packed == "mimic-cxr-reports.zip"
    assert "studies without a report in this copy: 4" in found.notes


def test_mimic_reports_may_lie_beside_the_images(tmp_path: Path) -> None:
    root = copies.mimic(tmp_path / "copy")
    for report in (root / "mimic-cxr-reports").rglob("*.txt"):
        report.rename(root / report.relative_to(root / "mimic-cxr-reports"))
    assert all(study.sections for study in source("mimic-cxr-jpg", root).values())


def test_openi_says_the_same_in_both_layouts(tmp_path: Path) -> None:
    xml = source("openi", copies.openi_xml(tmp_path / "xml"))
    kaggle = source("openi", copies.openi_kaggle(tmp_path / "kaggle"))
    assert xml.keys() == kaggle.keys() == {"CXR1", "CXR2", "CXR3"}
    assert xml["CXR1"].sections == {**kaggle["CXR1"].sections}
    assert xml["CXR1"].sections["findings"] == "Case 1 & more words."
    assert "impression" not in xml["CXR1"].sections
    assert xml["CXR1"].labels == ("Cardiomegaly",)
    assert kaggle["CXR1"].labels == ("Cardiomegaly", "Spine")
    assert [image.view for image in kaggle["CXR2"].images] == ["Frontal", "Lateral"]
    # A report without pictures is kept.
    assert xml["CXR3"].images == ()
    assert xml["CXR3"].sections["findings"] == "Case 3 & more words."


def test_openi_digests_are_equal_for_both_layouts_and_a_half_copy_is_not_frozen(
    tmp_path: Path,
) -> None:
    xml = check("openi", copies.openi_xml(tmp_path / "xml"))
    kaggle = check("openi", copies.openi_kaggle(tmp_path / "kaggle"))
    assert xml.split_digest == kaggle.split_digest
    # Three reports are not the 3,955 whose digest is frozen.
    assert kaggle.complete
    assert not xml.complete
    assert xml.split_frozen not in (None, xml.split_digest)


def test_openi_refuses_a_report_with_a_document_type_and_goes_on(tmp_path: Path) -> None:
    root = copies.openi_xml(tmp_path / "copy")
    bomb = '<!DOCTYPE e [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><eCitation>&b;</eCitation>'
    (root / "ecgen-radiology" / "1.xml").write_text(bomb, "utf-8")
    receipt = ingest(root, tmp_path / "home")
    (one,) = receipt["rejected"]
    assert (one["file"], one["code"]) == ("ecgen-radiology/1.xml", "data.bad_row")
    assert receipt["accepted"] == 2


def test_nih_keeps_the_test_list_and_draws_val_by_patient(tmp_path: Path) -> None:
    root = copies.nih(tmp_path / "copy")
    studies = source("nih-chestxray14", root)
    splits = {uid: study.split for uid, study in studies.items()}
    assert {uid for uid, split in splits.items() if split == "test"} == {
        f"{n:08d}_000" for n in range(21, 25)
    }
    assert {splits[f"{n:08d}_000"] for n in range(1, 21)} == {"train", "val"}
    assert studies["00000001_000"].labels == ("Effusion", "Mass")
    assert studies["00000002_000"].labels == ("No Finding",)
    assert (studies["00000001_000"].age, studies["00000001_000"].sex) == (51, "F")
    with open_dataset(DATASETS["nih-chestxray14"], root) as archive:
        assert "ages left out because they lie outside of 0 to 130: 1" in archive.notes
    assert studies["00000003_000"].age is None
    found = check("nih-chestxray14", root)
    assert found.split_counts == {
        split: list(splits.values()).count(split) for split in sorted(set(splits.values()))
    }


def test_nih_says_when_an_image_is_in_both_lists(tmp_path: Path) -> None:
    root = copies.nih(tmp_path / "copy")
    path = root / "test_list.txt"
    path.write_text(path.read_text("utf-8") + "\n00000001_000.png\n../x.png\n", "utf-8")
    found = check("nih-chestxray14", root)
    assert {one.examples for one in found.disagreements} == {
        ("test_list.txt:5",),
        ("test_list.txt:6",),
    }


def test_padchest_keeps_sixteen_bits_spanish_and_lists(tmp_path: Path) -> None:
    root = copies.padchest(tmp_path / "copy")
    studies = source("padchest", root)
    assert studies["45686001"].labels == ("pleural effusion", "copd signs")
    assert studies["45686001"].sections == {"findings": "derrame pleural izquierdo caso 1 ."}
    assert (studies["45686001"].age, studies["45686001"].date) == (84, "2014-09-15")
    assert studies["45686002"].age is None
    with open_dataset(DATASETS["padchest"], root) as archive:
        assert "images left out because their Projection is EXCLUDE: 1" in archive.notes


@pytest.mark.parametrize("cell", ["['a'", "[1]", "{'a'}", "[['a']]", "'a'", f"[{'(' * 300}"])
def test_padchest_reads_a_list_of_words_and_nothing_else(cell: str, tmp_path: Path) -> None:
    root = copies.padchest(tmp_path / "copy")
    path = root / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
    text = path.read_text("utf-8").replace(
        "\"['pleural effusion', ' copd signs', '']\"", f'"{cell}"'
    )
    assert cell in text
    path.write_text(text, "utf-8")
    with open_dataset(DATASETS["padchest"], root) as archive:
        (one,) = archive.rejected
    assert one.code == "data.bad_row"
    assert "column Labels" in one.reason


def test_chexpert_keeps_splits_uncertainty_and_the_reports_of_plus(tmp_path: Path) -> None:
    root = copies.chexpert(tmp_path / "CheXpert-v1.0-small")
    studies = source("chexpert", root)
    assert {uid: study.split for uid, study in studies.items()} == {
        "patient00001/study1": "train",
        "patient00002/study1": "train",
        "patient64541/study1": "val",
        "patient64741/study1": "test",
    }
    first = studies["patient00001/study1"]
    assert first.labels == ("Cardiomegaly", "Edema (uncertain)")
    assert first.sections == {"findings": "Case 1.", "indication": "Cough."}
    assert (first.sex, first.age, first.images[0].view) == ("F", 68, "AP")
    assert studies["patient00002/study1"].sex is None
    # From the folder above, too.
    assert DATASETS["chexpert"].detect(root.parent) == "1.0-small"


def test_roco_reads_both_releases(tmp_path: Path) -> None:
    old = source("roco", copies.roco(tmp_path / "old"))
    assert {uid: study.split for uid, study in old.items()} == {
        "ROCO_00001": "train",
        "ROCO_00002": "val",
        "ROCO_00003": "test",
    }
    assert old["ROCO_00002"].images[0].caption == "Film of case 2 ."
    new = source("roco", copies.rocov2(tmp_path / "new"))
    study = new["ROCOv2_2023_valid_000002"]
    assert study.images[0].caption == "Film of case 2, with a comma."
    # Without a name in cui_mapping.csv a concept keeps its number.
    assert (study.labels, study.split) == (("Plain film", "C0000002"), "val")


def test_brset_keeps_eyes_sexes_cameras_and_diseases(tmp_path: Path) -> None:
    studies = source("brset", copies.brset(tmp_path / "copy"))
    first, second = studies["img00001"], studies["img00002"]
    assert first.labels == ("diabetic retinopathy", "macular edema", "ICDR 2")
    assert second.labels == ("normal",)
    assert (first.images[0].laterality, second.images[0].laterality) == ("L", "R")
    assert [studies[f"img0000{n}"].sex for n in (1, 2, 3, 4)] == ["M", "M", "F", "F"]
    assert (first.age, first.site, studies["img00004"].age) == (41, "Canon CR", None)
    assert first.patient_id == second.patient_id != studies["img00003"].patient_id


def test_odir_gives_each_eye_its_keywords_in_both_tables(tmp_path: Path) -> None:
    kaggle = source("odir5k", copies.odir_kaggle(tmp_path / "kaggle"))
    excel = source("odir5k", copies.odir_xlsx(tmp_path / "excel"))
    for studies, n_last in ((kaggle, 1), (excel, 2)):
        first = studies["odir-0"]
        assert first.labels == ("diabetes", "cataract")
        assert (first.sex, first.age) == ("M", 60)
        eyes = {image.laterality: image.caption for image in first.images}
        assert eyes == {"L": "lens dust, case 0", "R": "normal fundus"}
        assert len(studies["odir-2"].images) == n_last


def test_medpix_keeps_the_case_the_slice_and_the_split(tmp_path: Path) -> None:
    root, home = copies.medpix(tmp_path / "copy"), tmp_path / "home"
    assert recognised(root) is DATASETS["medpix2"]
    assert tally(ingest(root, home)) == (3, 0, 0, 0)
    studies: dict[str, Study] = held(home)
    assert {uid: (study.split, study.own_split) for uid, study in studies.items()} == {
        "MPX9001": ("train", True),
        "MPX9002": ("val", True),
        "MPX9003": ("test", True),
    }
    first = studies["MPX9001"]
    assert first.sections == {
        "findings": "A stone.",
        "impression": "Stone",
        "indication": "Case 1.",
        "notes": "Clot",
    }
    assert first.labels == ("Calculus", "Abdomen")
    assert (first.age, first.sex) == (61, "M")
    (image,) = first.images
    assert (image.caption, image.view, image.modality) == ("Slice of case 1.", "Axial", "CT")
    found = check("medpix2", root)
    assert found.split_counts == {"test": 1, "train": 1, "val": 1}
    assert not found.complete, "three cases are not the split of all 671"


@pytest.mark.parametrize("text", ["{", "3", "[" * 100_000])
def test_medpix_refuses_what_is_no_list(text: str, tmp_path: Path) -> None:
    root = copies.medpix(tmp_path / "copy")
    (root / "MedPix-2-0" / "Descriptions.json").write_text(text, "utf-8")
    with pytest.raises(DataError) as error:
        open_dataset(DATASETS["medpix2"], root)
    assert error.value.code == "data.bad_row"


def test_medpix_refuses_elements_that_are_no_pictures(tmp_path: Path) -> None:
    root = copies.medpix(tmp_path / "copy")
    wrong = [3, {"U_id": "x"}, {"U_id": "MPX9001", "image": "../MPX9001"}]
    (root / "MedPix-2-0" / "Descriptions.json").write_text(json.dumps(wrong), "utf-8")
    with open_dataset(DATASETS["medpix2"], root) as archive:
        assert [one.file for one in archive.rejected] == [
            f"Descriptions.json:{n}" for n in (1, 2, 3)
        ]
        assert {one.code for one in archive.rejected} == {"data.bad_row"}
        assert archive.n_studies == 0
