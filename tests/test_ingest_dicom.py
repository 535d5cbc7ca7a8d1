"""DICOM folders through the door: reports find their studies, and every bad input is told."""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom.data
import pytest

from caselight import doctor
from caselight.data.dicom import open_dicom_folder
from caselight.data.store import open_store
from tests.data import dicom_sets
from tests.homes import door, held, ingest, picture, save, tally

NO_NOTES: list[str] = []


def codes(receipt: Any) -> list[tuple[str, str]]:
    return [(one["file"], one["code"]) for one in receipt["rejected"]]


def digest(home: Path) -> str:
    with open_store(home) as store:
        return store.digest()


def bytes_of(home: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


# -- every bad input the folder may hold -----------------------------------------------------------

INPUTS: list[tuple[Callable[[Path], Path], tuple[int, int], list[tuple[str, str]], list[str]]] = [
    (
        dicom_sets.mixed_series,
        (1, 3 * 3 * 3 + 1),
        [],
        ["slices and frames left unread: 1"],
    ),
    (
        dicom_sets.missing_slices,
        (1, 9),
        [],
        ["slices and frames left unread: 4", "slices missing from stacks: 3"],
    ),
    (
        dicom_sets.doubled_slices,
        (1, 9),
        [],
        [
            "slices and frames left unread: 7",
            "slices at the place of another, kept in order of their numbers: 5",
        ],
    ),
    (
        dicom_sets.duplicate_instances,
        (1, 2),
        [("c.dcm", "data.duplicate_image")],
        ["files left out, copies of another byte for byte: 1"],
    ),
    (
        dicom_sets.report_of_two_studies,
        (2, 2),
        [("r.txt", "data.ambiguous_report")],
        NO_NOTES,
    ),
    (
        dicom_sets.no_pictures,
        (1, 1),
        [],
        [
            "files left out, Grayscale Softcopy Presentation State Storage: 1",
            "files left out, Key Object Selection Document Storage: 2",
            "files left out, RT Plan Storage: 1",
        ],
    ),
    (dicom_sets.raw_and_presented, (1, 1), [("1.2.2", "data.for_processing")], NO_NOTES),
    (
        dicom_sets.lone_reports_and_images,
        (3, 2),
        [],
        ["reports without images, whose names nobody knows to take out: 1"],
    ),
    (
        dicom_sets.disagreeing_manifest,
        (2, 2),
        [],
        [
            f"{field} in which manifest and header disagree, the header's taken: 1"
            for field in ("age", "date", "laterality", "modality", "sex", "view")
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("build", "counts", "refused", "notes"), INPUTS)
def test_bad_input_is_refused_or_told(
    build: Callable[[Path], Path],
    counts: tuple[int, int],
    refused: list[tuple[str, str]],
    notes: list[str],
    tmp_path: Path,
) -> None:
    source, home = build(tmp_path / "archive"), tmp_path / "home"
    receipt = ingest(source, home)
    assert (receipt["accepted"], receipt["images"]) == counts
    assert codes(receipt) == refused
    assert receipt["notes"] == notes
    again = ingest(source, home)
    assert tally(again) == (0, 0, counts[0], len(refused))
    assert again["notes"] == notes


def test_images_without_words_and_words_without_images_are_kept_and_counted(tmp_path: Path) -> None:
    source, home = dicom_sets.lone_reports_and_images(tmp_path / "archive"), tmp_path / "home"
    receipt = ingest(source, home)
    assert (receipt["images_without_text"], receipt["texts_without_image"]) == (1, 1)
    studies = held(home)
    assert studies["1.1"].sections == {"findings": "Clear lungs."}
    assert studies["1.2"].sections == {}
    assert studies["c"].sections == {"impression": "Small effusion."}
    assert studies["c"].images == ()


@pytest.mark.filterwarnings("ignore:Unknown encoding:UserWarning")
def test_names_in_wrong_character_sets_are_taken_out_all_the_same(tmp_path: Path) -> None:
    source, home = dicom_sets.wrong_character_sets(tmp_path / "archive"), tmp_path / "home"
    receipt = ingest(source, home)
    assert tally(receipt) == (4, 0, 0, 0)
    assert receipt["notes"] == [
        "reports read as Windows-1252, since they are not UTF-8: 2",
        "headers not written in the character set they declare: 4",
        "names and ids of the headers taken out of texts: 4",
    ]
    for n, study in enumerate(held(home)[f"1.2.3.{n}"] for n in range(4)):
        assert study.sections == {"findings": f"Mrs [name] has clear lungs {n}."}


def test_a_manifest_that_is_trusted_wins(tmp_path: Path) -> None:
    source = dicom_sets.disagreeing_manifest(tmp_path / "archive")
    ingest(source, tmp_path / "home", "--set", "ingest.trust=manifest")
    study, other = held(tmp_path / "home")["a"], held(tmp_path / "home")["b"]
    image = study.images[0]
    assert (study.date, study.age, study.sex) == ("2023-01-01", 40, "M")
    assert (image.view, image.laterality, image.modality) == ("AP", "R", "CT")
    assert (other.date, other.age, other.sex) == ("2024-01-31", 50, "M")
    assert (other.images[0].view, other.images[0].modality) == ("LATERAL", "X-ray")


# -- reports beside images -------------------------------------------------------------------------


def test_reports_of_every_kind_find_their_study(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    uids = [f"1.2.{n}" for n in range(6)]
    for n, uid in enumerate(uids):
        dicom_sets.film(
            source, f"films/{n}.dcm", uid=f"{uid}.1", study=uid, AccessionNumber=f"ACC{n}",
            PatientName="Quixley^Ada",
        )  # fmt: skip
    dicom_sets.write_report(source / "r/a.txt", "Accession: ACC0\nFINDINGS: Text 0.\n")
    dicom_sets.write_report(source / "r/b.txt", f"Study UID: {uids[1]}\nFINDINGS: Text 1.\n")
    dicom_sets.write_report(source / "r/ACC2.txt", "FINDINGS: Text 2.\n")
    dicom_sets.write_report(source / f"r/{uids[3]}.txt", "FINDINGS: Text 3.\n")
    dicom_sets.structured_report(
        source, "r/sr4.dcm", {"Findings": "Text 4 by Ada Quixley."}, StudyInstanceUID=uids[4]
    )
    dicom_sets.structured_report(
        source,
        "r/sr5.dcm",
        {"Findings": "Text 5."},
        StudyInstanceUID="1.9.9",
        AccessionNumber="acc5",
    )
    receipt = ingest(source, home)
    assert tally(receipt) == (6, 0, 0, 0)
    assert receipt["notes"] == ["names and ids of the headers taken out of texts: 1"]
    assert receipt["images_without_text"] == receipt["texts_without_image"] == 0
    studies = held(home)
    texts = [studies[uid].sections["findings"] for uid in uids]
    assert texts == ["Text 0.", "Text 1.", "Text 2.", "Text 3.", "Text 4 by [name].", "Text 5."]
    assert b"Quixley" not in bytes_of(home)


def test_addenda_follow_in_order_of_name_and_repeat_nothing(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    dicom_sets.film(source, "a.dcm", uid="1.2.1", AccessionNumber="ACC1")
    for name, words in (("3", "Third."), ("1", "First."), ("2", "Second."), ("4", "First.")):
        dicom_sets.write_report(source / f"{name}.txt", f"Accession: ACC1\nFINDINGS: {words}\n")
    ingest(source, home)
    assert held(home)["1.2.3.4"].sections == {"findings": "First.\n\nSecond.\n\nThird."}


def test_an_accession_number_joins_no_two_patients(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    dicom_sets.film(source, "a.dcm", uid="1.2.1", AccessionNumber="ACC1")
    dicom_sets.structured_report(
        source,
        "r.dcm",
        {"Findings": "Another's."},
        PatientID="id-9999",
        StudyInstanceUID="1.9",
        AccessionNumber="ACC1",
    )
    receipt = ingest(source, home)
    assert tally(receipt) == (2, 0, 0, 0)
    assert held(home)["1.2.3.4"].sections == {}
    assert held(home)["1.9"].sections == {"findings": "Another's."}


def test_names_and_ids_of_the_header_leave_every_section(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    dicom_sets.film(
        source,
        "a.dcm",
        uid="1.2.1",
        AccessionNumber="ACC1",
        PatientID="mrn-7719345",
        PatientName="Quixley^Ada",
        ReferringPhysicianName="Brisk^Theo",
        InstitutionName="North",
    )
    dicom_sets.write_report(
        source / "a.txt",
        "Accession: ACC1\nINDICATION: Dr. Brisk asks for Ada Quixley (mrn-7719345).\n"
        "FINDINGS: QUIXLEY, Ada has a small effusion.\n",
    )
    receipt = ingest(source, home)
    assert receipt["notes"] == ["names and ids of the headers taken out of texts: 4"]
    study = held(home)["1.2.3.4"]
    assert study.site == "North"
    assert study.sections == {
        "indication": "Dr. [name] asks for [name] ([id]).",
        "findings": "[name] has a small effusion.",
    }
    everything = bytes_of(home)
    for secret in (b"Quixley", b"QUIXLEY", b"Brisk", b"7719345", b"ACC1"):
        assert secret not in everything


def test_a_readme_is_no_report_and_another_file_is_refused(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    dicom_sets.film(source, "a.dcm", uid="1.2.1")
    dicom_sets.write_report(source / "README.txt", "What this archive is.\n")
    save(source / "b.png", picture(1))
    dicom_sets.write_report(source / "empty.txt", "")
    receipt = ingest(source, home)
    assert codes(receipt) == [("b.png", "data.not_dicom"), ("empty.txt", "data.empty_file")]
    assert receipt["notes"] == ["files left out, named as a README is: 1"]
    assert list(held(home)) == ["1.2.3.4"]


# -- laws ------------------------------------------------------------------------------------------


def everything(folder: Path) -> Path:
    """Films, stacks, a clip and reports of several studies and patients."""
    for n in range(4):
        for view, uid in (("PA", 1), ("LL", 2)):
            dicom_sets.film(
                folder, f"{n}{view}.dcm", uid=f"1.3.{n}.{uid}", study=f"1.3.{n}", ViewPosition=view,
                PatientID=f"id-{n // 2}", AccessionNumber=f"ACC{n}", InstanceNumber=uid,
                PatientAge=f"06{n}Y",
            )  # fmt: skip
        text = f"Accession: ACC{n}\nFINDINGS: Text {n}.\n"
        dicom_sets.write_report(folder / f"{n}.txt", text)
    dicom_sets.mixed_series(folder)
    dicom_sets.cine(folder, StudyInstanceUID="1.4", SOPInstanceUID="1.4.7")
    dicom_sets.structured_report(folder, "sr.dcm", {"Impression": "A."}, StudyInstanceUID="1.4")
    return folder


@pytest.mark.parametrize("seed", range(3))
def test_what_files_are_called_decides_nothing(seed: int, tmp_path: Path) -> None:
    source, shuffled = everything(tmp_path / "archive"), tmp_path / "shuffled"
    files = sorted(source.iterdir())
    places = list(range(len(files)))
    random.Random(seed).shuffle(places)  # noqa: S311 (names of files, no secret)
    for place, file in zip(places, files, strict=True):
        target = shuffled / f"{place % 3}" / f"{place:03}{file.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    one = ingest(source, tmp_path / "one")
    other = ingest(shuffled, tmp_path / "other")
    assert digest(tmp_path / "one") == digest(tmp_path / "other")
    one.pop("seconds"), other.pop("seconds")
    assert one == other
    first, second = held(tmp_path / "one"), held(tmp_path / "other")
    for uid, study in first.items():
        assert study.images == second[uid].images
        assert study.sections == second[uid].sections


def test_other_settings_update_what_they_change_and_nothing_else(tmp_path: Path) -> None:
    source, home = everything(tmp_path / "archive"), tmp_path / "home"
    assert tally(ingest(source, home)) == (6, 0, 0, 0)
    assert tally(ingest(source, home)) == (0, 0, 6, 0)
    assert tally(ingest(source, home, "--set", "ingest.stack_frames=1")) == (0, 2, 4, 0)
    windows = ("--set", "ingest.stack_frames=1", "--set", 'ingest.ct_windows=["bone"]')
    assert tally(ingest(source, home, *windows)) == (0, 1, 5, 0)
    assert [image.image_uid for image in held(home)["1.2.5"].images] == [
        "1.2.5.1.2#bone",
        "1.2.5.1.21#bone",
        "1.2.5.1.41#bone",
        "1.2.5.1.90",
    ]


def test_a_picture_over_the_limit_comes_in_once_the_limit_is_raised(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    dicom_sets.ct_slice(source, 1, Modality="DX")
    dicom_sets.ct_slice(source, 2, Modality="DX", side=64)
    small = ("--set", "ingest.max_pixels=1000")
    assert tally(ingest(source, home, *small)) == (1, 0, 0, 1)
    assert tally(ingest(source, home, *small)) == (0, 0, 1, 1)
    assert tally(ingest(source, home)) == (0, 1, 0, 0)
    assert tally(ingest(source, home)) == (0, 0, 1, 0)
    assert len(held(home)["1.2.5"].images) == 2


def test_a_file_name_joins_no_two_patients(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    dicom_sets.film(source, "a.dcm", uid="1.1.1", study="1.1", PatientID="id-1")
    dicom_sets.structured_report(
        source, "1.1.dcm", {"Findings": "Of another."}, StudyInstanceUID="9.9", PatientID="id-2"
    )
    assert tally(ingest(source, home)) == (2, 0, 0, 0)
    assert {uid: dict(study.sections) for uid, study in held(home).items()} == {
        "1.1": {},
        "9.9": {"findings": "Of another."},
    }


def test_studies_of_one_accession_number_are_counted_to_nine(tmp_path: Path) -> None:
    for n in range(11):
        dicom_sets.film(tmp_path, f"{n}", uid=f"1.{n}.1", study=f"1.{n}", AccessionNumber="0")
    dicom_sets.write_report(tmp_path / "r.txt", "Accession: 0\nFINDINGS: Whose?\n")
    with open_dicom_folder(tmp_path) as archive:
        (refused,) = archive.rejected
    assert "belongs to 9 or more studies" in refused.reason


def test_a_changed_slice_updates_its_study_though_it_is_not_read(tmp_path: Path) -> None:
    source, home = dicom_sets.ct_series(tmp_path / "archive", 9), tmp_path / "home"
    ingest(source, home)
    dicom_sets.ct_slice(source, 0, InstanceNumber=9, WindowCenter=41)
    assert tally(ingest(source, home)) == (0, 1, 0, 0)


def test_a_changed_report_updates_its_study(tmp_path: Path) -> None:
    source, home = everything(tmp_path / "archive"), tmp_path / "home"
    ingest(source, home)
    dicom_sets.write_report(source / "2.txt", "Accession: ACC2\nFINDINGS: Revised.\n")
    assert tally(ingest(source, home)) == (0, 1, 5, 0)
    assert held(home)["1.3.2"].sections == {"findings": "Revised."}


def test_a_stack_in_the_home_is_named_and_windowed(tmp_path: Path) -> None:
    source, home = dicom_sets.ct_series(tmp_path / "archive", 5), tmp_path / "home"
    ingest(source, home, "--set", "ingest.stack_frames=1")
    (study,) = held(home).values()
    assert [(i.image_uid, i.stack, i.window, i.view, i.modality) for i in study.images] == [
        (f"1.2.5.1.2#{window}", "1", window, "axial", "CT")
        for window in ("lung", "soft-tissue", "bone")
    ]
    assert len({image.digest for image in study.images}) == 3


def test_a_study_of_raw_data_alone_is_refused_whole(tmp_path: Path) -> None:
    intent = {"PresentationIntentType": "FOR PROCESSING"}
    dicom_sets.film(tmp_path / "archive", "a.dcm", uid="1.2.1", **intent)
    answer = door("ingest", tmp_path / "archive", "--home", tmp_path / "home", "--json")
    assert answer.status == 1
    assert codes(answer.json) == [("1.2.1", "data.for_processing")]


def test_the_doctor_says_what_is_not_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_weights", list)
    answer = door("doctor", "--json")
    (check,) = [one for one in answer.json["checks"] if one["what"] == "de-identification"]
    assert "full de-identification comes later" in check["remedy"]


# -- real files ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pydicoms_medium_comes_in_with_its_notes(tmp_path: Path) -> None:
    found = pydicom.data.get_testdata_file("DICOMDIR", download=False)
    receipt = ingest(Path(str(found)).parent, tmp_path / "home")
    assert (receipt["accepted"], receipt["images"], receipt["images_without_text"]) == (6, 40, 40)
    assert Counter(code for _, code in codes(receipt)) == {"data.no_pixels": 50}
    assert receipt["notes"] == [
        "files left out, Media Storage Directory Storage: 6",
        "files left out, named as a README is: 2",
        "slices and frames left unread: 3",
        # One series has the slices 18 and 180 to 182.
        "slices missing from stacks: 161",
    ]
