"""Files of a study become pictures: stacks in order, thinned, in windows; what headers say."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import python_encoding
from pydicom.data import get_testdata_file

from caselight.config import IngestSettings
from caselight.data.dicom import open_dicom_folder
from caselight.data.dicom.charsets import decode
from caselight.data.dicom.facts import Facts, read_facts
from caselight.data.dicom.geometry import chosen, n_doubled, n_missing, plane
from caselight.data.dicom.series import Expanded, expand
from caselight.errors import DataError
from caselight.types import SourceImage, SourceStudy
from tests.data import broken, dicom_sets

ALL = IngestSettings(stack_frames="all", ct_windows=("file",))


def expanded(folder: Path, settings: IngestSettings = ALL) -> Expanded:
    """The one study of a folder."""
    with open_dicom_folder(folder) as archive:
        (study,) = archive.studies()
    return expand(study, settings)


def named(paths: list[Path], **columns: Any) -> SourceStudy:
    """A study as a manifest names it."""
    images = tuple(SourceImage(path=path, name=path.name, **columns) for path in paths)
    return SourceStudy(study_id="s", patient_id="p", images=images)


# -- which slices stand for a stack ----------------------------------------------------------------


@given(st.integers(1, 500), st.integers(1, 60))
def test_each_share_of_a_stack_gives_its_middle(n: int, k: int) -> None:
    taken = list(chosen(n, k))
    assert len(taken) == min(n, k)
    assert taken == sorted(set(taken))
    if k < n:
        for share, place in enumerate(taken):
            first, end = share * n / k, (share + 1) * n / k
            assert abs(place + 0.5 - (first + end) / 2) <= 0.5
    else:
        assert taken == list(range(n))
    assert list(chosen(n, "all")) == list(range(n))
    assert list(chosen(n, 1)) == [n // 2]


@given(st.integers(4, 60), st.data())
def test_every_lost_slice_is_counted_once(n: int, data: st.DataObject) -> None:
    """Fewer than half of the steps are wide, else the usual step would be another."""
    inner = st.sampled_from(range(1, n - 1))
    lost = data.draw(st.sets(inner, max_size=max((n - 4) // 4, 0)))
    places = [2.5 * place for place in range(n) if place not in lost]
    assert n_missing(places) == len(lost)
    assert n_doubled(sorted(places + places[:1])) == 1


@pytest.mark.parametrize(
    ("orientation", "name"),
    [
        ((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), "axial"),
        ((1.0, 0.0, 0.0, 0.0, 0.0, -1.0), "coronal"),
        ((0.0, 1.0, 0.0, 0.0, 0.0, -1.0), "sagittal"),
        ((1.0, 0.0, 0.0, 0.0, 0.93, -0.37), "axial"),
    ],
)
def test_a_plane_is_named_for_its_normal(orientation: Any, name: str) -> None:
    assert plane(orientation) == name


# -- stacks ----------------------------------------------------------------------------------------


def test_slices_go_by_place_and_not_by_number(tmp_path: Path) -> None:
    pictures = expanded(dicom_sets.ct_series(tmp_path, 9)).pictures
    assert [picture.name for picture in pictures] == [f"1.2.5.1.{n}#file" for n in range(9)]
    assert {(p.stack, p.view, p.window, p.frame) for p in pictures} == {
        ("1", "axial", "file", None)
    }


def test_a_ct_slice_is_read_in_each_window(tmp_path: Path) -> None:
    result = expanded(dicom_sets.ct_series(tmp_path, 9), IngestSettings())
    assert [picture.name for picture in result.pictures] == [
        f"1.2.5.1.{n}#{window}" for n in (1, 4, 7) for window in ("lung", "soft-tissue", "bone")
    ]
    assert result.notes == {"slices and frames left unread": 6}


def test_two_slices_are_no_stack(tmp_path: Path) -> None:
    pictures = expanded(dicom_sets.ct_series(tmp_path, 2), IngestSettings(ct_windows=())).pictures
    assert [(p.name, p.stack, p.window) for p in pictures] == [
        ("1.2.5.1.1", None, None),
        ("1.2.5.1.0", None, None),
    ]


def test_a_mixed_series_is_taken_apart(tmp_path: Path) -> None:
    settings = IngestSettings(stack_frames=1, ct_windows=("lung",))
    result = expanded(dicom_sets.mixed_series(tmp_path), settings)
    assert {(p.name, p.stack, p.view) for p in result.pictures} == {
        ("1.2.5.1.2#lung", "1", "axial"),
        ("1.2.5.1.90", None, "axial"),
        ("1.2.5.1.21#lung", "2", "coronal"),
        ("1.2.5.1.41#lung", "3", "axial"),
    }
    assert result.notes == {"slices and frames left unread": 3 + 2 + 2}


def test_missing_slices_are_counted(tmp_path: Path) -> None:
    result = expanded(dicom_sets.missing_slices(tmp_path))
    assert len(result.pictures) == 7
    assert result.notes == {"slices missing from stacks": 3}


def test_slices_at_one_place_go_by_their_numbers(tmp_path: Path) -> None:
    result = expanded(dicom_sets.doubled_slices(tmp_path))
    ends = [picture.name.removesuffix("#file").rsplit(".", 1)[1] for picture in result.pictures]
    assert ends == ["0", "10", "1", "11", "2", "12", "3", "13", "4", "14"]
    assert result.notes == {"slices at the place of another, kept in order of their numbers": 5}


@pytest.mark.parametrize(
    "tags",
    [
        {"ImagePositionPatient": ["0", "0", "1e308"]},
        {"ImageOrientationPatient": ["1e200", "0", "0", "0", "1e200", "0"]},
    ],
)
def test_a_place_out_of_this_world_is_none_and_stops_nothing(tags: Any, tmp_path: Path) -> None:
    dicom_sets.ct_series(tmp_path, 3)
    for n in (7, 8, 9):
        dicom_sets.ct_slice(tmp_path, n, **tags)
    once = ALL.model_copy(update={"ct_windows": ("file",)})
    pictures = expanded(tmp_path, once).pictures
    assert [picture.stack for picture in pictures] == ["1", "1", "1", None, None, None]


def test_a_window_named_twice_is_read_once(tmp_path: Path) -> None:
    twice = ALL.model_copy(update={"ct_windows": ("lung", "bone", "lung")})
    dicom_sets.ct_slice(tmp_path, 1)
    pictures = expanded(tmp_path, twice).pictures
    assert [picture.window for picture in pictures] == ["lung", "bone"]


def test_a_clip_is_a_stack_of_its_frames(tmp_path: Path) -> None:
    dicom_sets.cine(tmp_path, 7)
    result = expanded(tmp_path, IngestSettings(stack_frames=2))
    assert [(p.name, p.frame, p.stack) for p in result.pictures] == [
        ("1.2.7#2", 1, "1"),
        ("1.2.7#6", 5, "1"),
    ]
    assert result.notes == {"slices and frames left unread": 5}


def test_frames_of_an_enhanced_ct_go_by_place(tmp_path: Path) -> None:
    dicom_sets.enhanced_ct(tmp_path, [10.0, 0.0, 5.0, 20.0, 25.0])
    result = expanded(tmp_path, IngestSettings(stack_frames="all", ct_windows=("bone",)))
    assert [picture.name for picture in result.pictures] == [
        f"1.2.8#{frame}-bone" for frame in (2, 3, 1, 4, 5)
    ]
    assert {picture.view for picture in result.pictures} == {"axial"}
    assert result.notes == {"slices missing from stacks": 1}


def test_more_frames_than_bytes_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    dicom_sets.cine(tmp_path, NumberOfFrames=2_000_000_000)
    result = expanded(tmp_path)
    assert [(one.file, one.code) for one in result.rejected] == [("1.2.7", "data.truncated")]


def test_a_clip_that_vanished_behind_its_header_stops_nothing(tmp_path: Path) -> None:
    path = broken.dicom_file(
        tmp_path, pixels=broken.RAMP, NumberOfFrames=3, PixelData=broken.RAMP.tobytes() * 3
    )
    with open_dicom_folder(tmp_path) as archive:
        (source,) = archive.studies()
    path.unlink()
    assert len(expand(source, ALL).pictures) == 3


def test_a_slice_with_words_of_its_own_stays_by_itself(tmp_path: Path) -> None:
    paths = sorted(dicom_sets.ct_series(tmp_path, 5).iterdir())
    study = named(paths)
    spoken = replace(study.images[2], caption="An effusion.")
    study = replace(study, images=(*study.images[:2], spoken, *study.images[3:]))
    pictures = expand(study, ALL).pictures
    assert [(p.caption, p.stack) for p in pictures if p.caption] == [("An effusion.", None)]
    assert sum(p.stack == "1" for p in pictures) == 4


def test_pictures_that_are_not_dicom_pass_through(tmp_path: Path) -> None:
    png = broken.good_png(tmp_path)
    study = named([png, tmp_path / "none.png", broken.text_named_png(tmp_path)], view="PA")
    assert expand(study, ALL) == Expanded(source=study)


# -- refusals --------------------------------------------------------------------------------------


def test_raw_data_is_refused_unless_kept(tmp_path: Path) -> None:
    folder = dicom_sets.raw_and_presented(tmp_path)
    result = expanded(folder)
    assert [picture.name for picture in result.pictures] == ["1.2.1"]
    assert [(one.file, one.code) for one in result.rejected] == [("1.2.2", "data.for_processing")]
    kept = expanded(folder, IngestSettings(for_processing="keep"))
    assert [picture.name for picture in kept.pictures] == ["1.2.1", "1.2.2"]


def test_a_file_that_is_refused_still_tells_whose_name_has_to_go(tmp_path: Path) -> None:
    raw = {"PresentationIntentType": "FOR PROCESSING", "PatientName": "Quartz^Ida"}
    source = named([dicom_sets.film(tmp_path, "raw.dcm", uid="1.2.1", **raw)])
    found = expand(source, ALL)
    assert [one.code for one in found.rejected] == ["data.for_processing"]
    assert found.source.names == ("Quartz^Ida", "id-4711")


def test_a_manifest_that_names_a_report_as_a_picture_is_refused(tmp_path: Path) -> None:
    path = dicom_sets.structured_report(tmp_path, "sr.dcm", {"Findings": "Clear."})
    (refused,) = expand(named([path]), ALL).rejected
    assert refused.code == "data.no_pixels"
    assert "Basic Text SR" in refused.reason


def test_instances_twice_in_a_manifest(tmp_path: Path) -> None:
    folder = dicom_sets.duplicate_instances(tmp_path)
    result = expand(named([folder / f"{name}.dcm" for name in "abcd"]), ALL)
    assert [picture.name for picture in result.pictures] == ["a.dcm", "d.dcm"]
    assert [(one.file, one.code) for one in result.rejected] == [("c.dcm", "data.duplicate_image")]
    assert result.notes == {"files left out, copies of another byte for byte": 1}


# -- manifest against header -----------------------------------------------------------------------


@pytest.mark.parametrize("trust", ["header", "manifest"])
def test_who_is_trusted_decides_where_words_differ(trust: Any, tmp_path: Path) -> None:
    path = dicom_sets.film(
        tmp_path, "a.dcm", uid="1.2.1", ViewPosition="PA", ImageLaterality="L", PatientSex="F"
    )
    study = replace(
        named([path], view="AP", modality="X-ray"), date="2023-01-01", sex="F", age=None
    )
    result = expand(study, IngestSettings(trust=trust))
    (picture,) = result.pictures
    believed = trust == "header"
    assert picture.view == ("PA" if believed else "AP")
    assert result.source.date == ("2024-01-31" if believed else "2023-01-01")
    assert (picture.laterality, picture.modality, result.source.sex) == ("L", "X-ray", "F")
    assert result.notes == {
        f"date in which manifest and header disagree, the {trust}'s taken": 1,
        f"view in which manifest and header disagree, the {trust}'s taken": 1,
    }


def test_a_patient_of_the_header_does_not_become_the_manifests(tmp_path: Path) -> None:
    path = dicom_sets.film(tmp_path, "a.dcm", uid="1.2.1")
    result = expand(replace(named([path]), patient_id=None), ALL)
    assert result.source.patient_id is None
    assert result.notes == {
        "studies without a patient_id in the manifest, though their headers have one": 1
    }


# -- facts -----------------------------------------------------------------------------------------


def test_the_facts_of_a_film(tmp_path: Path) -> None:
    path = dicom_sets.film(
        tmp_path,
        "a.dcm",
        uid="1.2.1",
        PatientName="Quixley^Ada",
        OtherPatientNames=["Quixley^A", "Old^Name"],
        ReferringPhysicianName="Brisk^Theo",
        OperatorsName="Zander^Mo",
        PatientBirthDate="19610301",
        AccessionNumber="ACC9",
        InstitutionName="North",
        Laterality="R",
        ViewPosition="LL",
    )
    facts = read_facts(path)
    assert (facts.kind, facts.modality, facts.view, facts.laterality) == ("image", "DX", "LL", "R")
    assert (facts.date, facts.age, facts.site) == ("2024-01-31", 62, "North")
    assert set(facts.names) == {"Quixley^Ada", "Quixley^A", "Old^Name", "Brisk^Theo", "Zander^Mo"}
    assert set(facts.ids) == {"id-4711", "ACC9"}
    shown = repr(facts)
    for secret in ("Quixley", "4711", "ACC9", "2024", "62", "North", "1.2.1"):
        assert secret not in shown


def test_a_view_may_be_said_by_its_code_alone(tmp_path: Path) -> None:
    codes = dicom_sets.code("postero-anterior")
    path = dicom_sets.film(tmp_path, "a.dcm", uid="1.2.1", ViewCodeSequence=codes)
    assert read_facts(path).view == "PA"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_facts_of_pydicoms_own_files_survive_json() -> None:
    found = get_testdata_file("CT_small.dcm", download=False)
    kinds = set()
    for path in sorted(Path(str(found)).parent.rglob("*"))[::2]:
        try:
            facts = read_facts(path)
        except DataError:
            continue
        kinds.add(facts.kind)
        assert Facts.from_plain(json.loads(json.dumps(facts.plain()))) == facts
    assert kinds == {"image", "report", "other"}


# -- character sets --------------------------------------------------------------------------------


@given(st.binary(max_size=40), st.one_of(st.none(), st.text(max_size=12), st.binary(max_size=12)))
def test_any_bytes_in_any_character_set_are_read(raw: bytes, charset: str | bytes | None) -> None:
    text, _ = decode(raw, charset)
    assert len(text) <= len(raw)


@given(st.sampled_from(["ISO_IR 192", "GB18030", "ISO_IR 101", "ISO_IR 144"]), st.text(max_size=20))
def test_text_in_the_set_it_declares_comes_back(charset: str, text: str) -> None:
    plain = text.replace("\x1b", "").strip(" \0")
    try:
        raw = plain.encode(python_encoding[charset])
    except UnicodeEncodeError:
        return
    assert decode(raw, charset) == (plain, True)


@pytest.mark.parametrize(
    ("raw", "charset", "text", "exact"),
    [
        (b"Y=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "\\ISO 2022 IR 87", "Y=山田^太郎", True),
        (b"H=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "\\ISO 2022 IR 149", "H=洪^吉洞", True),
        ("Grün".encode("latin-1"), "ISO_IR 100", "Grün", True),
        ("Grün".encode("latin-1"), "ISO-IR 100", "Grün", True),
        ("Grün".encode("latin-1"), None, "Grün", False),
        ("Grün".encode("latin-1"), "ISO_IR 192", "Grün", False),
        ("Grün".encode(), "ISO_IR 100", "Grün", False),
        ("Grün".encode(), "ISO_IR 999", "Grün", False),
        (b"Plain", "ISO_IR 999", "Plain", False),
        (b"Plain", None, "Plain", True),
    ],
)  # fmt: skip
def test_names_are_read_whatever_their_header_claims(
    raw: bytes, charset: str | None, text: str, exact: bool
) -> None:
    assert decode(raw, charset) == (text, exact)
