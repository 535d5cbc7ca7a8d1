"""The phantom archive: the same bytes each time, true labels, sides that can be seen."""

import datetime
import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.data.phantoms.anatomy import Side, draw_anatomy
from caselight.data.phantoms.archive import Case, draw_cases, draw_patient, write_archive
from caselight.data.phantoms.denials import NEGATIONS
from caselight.data.phantoms.findings import IN_A_ZONE, MAX_FINDINGS, NAMES, ONE_SIDED, Finding
from caselight.data.phantoms.radiograph import SITES, render_lateral, render_pa
from caselight.data.phantoms.wording import CHANGES
from caselight.errors import DataError, UsageError

MENTIONS = {
    "atelectasis": r"atelecta",
    "cardiomegaly": r"cardiomegaly|enlargement|enlarged|CMG",
    "consolidation": r"consolidation|airspace|pneumonia|infiltrate",
    "device": r"pacemaker|pacer|PPM",
    "edema": r"edema|haze|heart failure|overload",
    "effusion": r"effusion|pleural fluid",
    "nodule": r"nodule",
    "pneumothorax": r"pneumothorax|PTX|pleural line",
}
COLUMNS = [
    *("image", "study_id", "patient_id", "date", "findings", "impression", "indication"),
    *("labels", "age", "sex", "view", "modality", "site"),
]
SIZE = 128


def finding(name: str, *, side: Side = "left", size: float = 0.7) -> Finding:
    return Finding(
        name=name,
        side=side if name in ONE_SIDED else None,
        zone="lower" if name in IN_A_ZONE else None,
        size=size,
        texture=5,
        change=None,
    )


def film(*found: Finding, patient: int = 3) -> NDArray[np.int16]:
    """One body, one pose, one exposure: only the findings differ between calls."""
    body = draw_anatomy(np.random.default_rng(patient), sex="M", age=60)
    rng = np.random.default_rng([patient, 1])
    pixels = render_pa(body, found, detector=SITES["site-a"], rng=rng, size=SIZE)
    return pixels.astype(np.int16)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantoms") / "archive"
    write_archive(out, n_studies=24, seed=7, size=SIZE)
    return out


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(itertools.islice(draw_cases(11), 500))


def test_the_same_seed_writes_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    write_archive(tmp_path / "again", n_studies=24, seed=7, size=SIZE)
    assert contents(tmp_path / "again") == contents(archive)


def test_another_seed_writes_other_bytes(archive: Path, tmp_path: Path) -> None:
    write_archive(tmp_path / "other", n_studies=2, seed=8, size=SIZE)
    ours, other = contents(archive), contents(tmp_path / "other")
    shared = [name for name in other if name in ours and name.endswith(".png")]
    assert shared
    assert all(ours[name] != other[name] for name in shared)


def test_a_smaller_archive_is_the_start_of_a_larger_one(archive: Path, tmp_path: Path) -> None:
    write_archive(tmp_path / "small", n_studies=9, seed=7, size=SIZE)
    small, large = contents(tmp_path / "small"), contents(archive)
    for name, data in small.items():
        assert large[name].startswith(data)
    assert len(small) < len(large)


def test_records_have_every_column_and_only_valid_cells(archive: Path) -> None:
    records = lines(archive / "records.jsonl")
    assert len({record["image"] for record in records}) == len(records)
    for record in records:
        assert list(record) == COLUMNS
        assert 18 <= record["age"] <= 110
        assert record["sex"] in {"M", "F"}
        assert record["view"] in {"PA", "LATERAL"}
        assert record["modality"] == "DX"
        assert record["site"] in SITES
        assert record["labels"] == ["normal"] or set(record["labels"]) <= set(NAMES)
        assert datetime.date.fromisoformat(record["date"]).isoformat() == record["date"]
        with PIL.Image.open(archive / record["image"]) as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (SIZE, SIZE))
    written = {path.name for path in (archive / "images").iterdir()}
    assert written == {Path(record["image"]).name for record in records}


def test_truth_and_labels_agree(archive: Path) -> None:
    truth = {row["study_id"]: row for row in lines(archive / "truth.jsonl")}
    records = lines(archive / "records.jsonl")
    assert len(truth) == 24
    assert {record["study_id"] for record in records} == set(truth)
    for record in records:
        found = truth[record["study_id"]]["findings"]
        assert record["labels"] == ([item["name"] for item in found] or ["normal"])
        for item in found:
            assert 0.0 <= item["size"] <= 1.0
            assert (item["side"] in {"left", "right"}) == (item["name"] in ONE_SIDED)
            assert (item["zone"] is not None) == (item["name"] in IN_A_ZONE)
            assert (item["side"], item["zone"]) != ("left", "middle")


def test_a_listener_hears_of_every_study(tmp_path: Path) -> None:
    heard: list[int] = []
    write_archive(tmp_path / "a", n_studies=3, seed=0, size=64, on_study=heard.append)
    assert heard == [1, 2, 3]


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError) as refused:
        write_archive(tmp_path, n_studies=1, seed=0, size=64)
    assert refused.value.code == "data.not_empty"
    assert contents(tmp_path) == {"notes.txt": b"mine"}
    with pytest.raises(DataError):
        write_archive(tmp_path / "notes.txt", n_studies=1, seed=0, size=64)


@pytest.mark.parametrize(
    "wrong", [{"n_studies": 0}, {"n_studies": -1}, {"seed": -1}, {"size": 8}], ids=str
)
def test_counts_out_of_range_are_refused_before_anything_is_written(
    wrong: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UsageError):
        write_archive(tmp_path / "a", **{"n_studies": 1, "seed": 0, "size": 64, **wrong})
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("patient", range(3))
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("size", [0.15, 0.9])
@pytest.mark.parametrize("name", [name for name in ONE_SIDED if name != "device"])
def test_a_finding_changes_pixels_of_its_side_only(
    name: str, size: float, side: Side, patient: int
) -> None:
    change = film(finding(name, side=side, size=size), patient=patient) != film(patient=patient)
    # The patient's left is on the right of the image.
    left, right = change[:, SIZE // 2 :].sum(), change[:, : SIZE // 2].sum()
    mine, other = (left, right) if side == "left" else (right, left)
    # The smallest here is a nodule of 13 mm: four pixels across.
    assert mine >= 10
    assert other == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_box_of_a_pacemaker_lies_on_its_side_and_its_lead_ends_in_the_heart(
    side: Side,
) -> None:
    gain = film(finding("device", side=side)) - film()
    upper = gain[: SIZE // 2]
    left, right = upper[:, int(0.68 * SIZE) :].sum(), upper[:, : int(0.32 * SIZE)].sum()
    mine, other = (left, right) if side == "left" else (right, left)
    assert mine > 2000
    assert abs(other) < 100
    assert gain[int(0.6 * SIZE) :, SIZE // 2 :].sum() > 100


def test_an_effusion_whitens_the_base_of_its_side() -> None:
    gain = film(finding("effusion", side="left")) - film()
    lower, half = slice(SIZE // 2, None), SIZE // 2
    assert gain[lower, half:].mean() > 5
    assert gain[lower, :half].mean() == 0
    larger = film(finding("effusion", side="left", size=1.0)) - film()
    assert larger.sum() > gain.sum() > (film(finding("effusion", size=0.2)) - film()).sum() > 0


def test_a_pneumothorax_darkens_the_apex_and_shows_a_line() -> None:
    gain = film(finding("pneumothorax", side="right", size=0.8)) - film()
    assert (gain < -4).sum() > 50
    assert (gain > 4).sum() > 50


def test_edema_brightens_both_lungs() -> None:
    gain = film(finding("edema")) - film()
    assert gain[:, : SIZE // 2].mean() > 2
    assert gain[:, SIZE // 2 :].mean() > 2


def test_cardiomegaly_widens_the_heart() -> None:
    usual, wide = film(), film(finding("cardiomegaly"))
    row = slice(int(0.58 * SIZE), int(0.64 * SIZE))
    middle = slice(SIZE // 5, 4 * SIZE // 5)
    dense = 120
    assert (wide[row, middle] > dense).sum() > 1.15 * (usual[row, middle] > dense).sum()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "pneumothorax"])
def test_the_film_from_the_side_shows_it_too(name: str) -> None:
    body = draw_anatomy(np.random.default_rng(0), sex="F", age=50)
    films = [
        render_lateral(
            body, found, detector=SITES["site-b"], rng=np.random.default_rng(1), size=SIZE
        )
        for found in ((), (finding(name),))
    ]
    assert films[0].dtype == np.uint8
    assert (films[0] != films[1]).sum() >= 15


def test_dense_is_bright_and_the_air_around_the_patient_is_black() -> None:
    usual = film()
    assert usual[-SIZE // 2 :, :2].mean() < 40
    lung = usual[int(0.45 * SIZE), int(0.22 * SIZE) : int(0.30 * SIZE)].mean()
    heart = usual[int(0.64 * SIZE), int(0.50 * SIZE) : int(0.58 * SIZE)].mean()
    assert heart > lung + 60


def test_any_size_shows_the_same_chest() -> None:
    body = draw_anatomy(np.random.default_rng(4), sex="F", age=40)
    quiet = SITES["site-b"]
    small, large = (
        render_pa(body, (), detector=quiet, rng=np.random.default_rng(2), size=size)
        for size in (64, 256)
    )
    shrunk = np.asarray(PIL.Image.fromarray(large).resize((64, 64), PIL.Image.Resampling.BOX))
    # The exposure is drawn alike and the noise is not; it averages out over the picture.
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.97


def test_patients_keep_their_body_and_come_back_months_later(cases: list[Case]) -> None:
    by_patient = itertools.groupby(cases, key=lambda case: case.patient)
    stays = [list(group) for _, group in by_patient]
    assert {len(stay) for stay in stays} == {1, 2, 3, 4}
    for stay in stays:
        assert len({(case.anatomy, case.sex, case.site) for case in stay}) == 1
        for before, after in itertools.pairwise(stay):
            assert (after.date - before.date).days >= 60
            assert after.age >= before.age


def test_the_shares_are_as_promised(cases: list[Case]) -> None:
    counts = Counter(item.name for case in cases for item in case.state.findings)
    assert set(counts) == set(NAMES)
    assert min(counts.values()) >= 15
    assert 0.25 < np.mean([not case.state.findings for case in cases]) < 0.45
    assert 0.12 < np.mean([len(case.views) == 2 for case in cases]) < 0.28
    assert max(len(case.state.findings) for case in cases) == MAX_FINDINGS


def test_findings_texts_repeat_rarely(cases: list[Case]) -> None:
    texts = [case.dictation.findings for case in cases]
    normal = [case.dictation.findings for case in cases if not case.state.findings]
    assert len(set(texts)) >= 0.9 * len(texts)
    assert len(set(normal)) >= 0.9 * len(normal)


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[a-z0-9)A-Z])\. (?=[A-Z?0-9-])", text)


def denies(sentence: str) -> bool:
    words = re.split(r"[ ,:]", sentence.lower().removesuffix("."))
    return any(negation in words for negation in NEGATIONS)


def names_the_place(sentence: str, item: Finding) -> bool:
    side = str(item.side)
    if item.zone is None:
        return re.search(rf"\b({side}|{side[0].upper()})\b", sentence, flags=re.I) is not None
    initials = f"{side[0]}{item.zone[0]}L".upper()
    return f"{side} {item.zone} lobe" in sentence.lower() or initials in sentence


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 1000))
def test_a_report_names_what_is_there_and_denies_what_is_not(seed: int, patient: int) -> None:
    for case in draw_patient(seed, patient):
        present = {item.name: item for item in case.state.findings}
        for section in (case.dictation.findings, case.dictation.impression):
            said = sentences(section)
            for name, pattern in MENTIONS.items():
                about = [text for text in said if re.search(pattern, text, flags=re.I)]
                if name not in present:
                    assert all(denies(text) for text in about), (name, section)
                    continue
                assert about, (name, section)
                if name in ONE_SIDED:
                    assert any(names_the_place(text, present[name]) for text in about), section


def test_a_report_has_the_sentences_it_should(cases: list[Case]) -> None:
    for case in cases:
        assert 2 <= len(sentences(case.dictation.findings)) <= 5, case.dictation.findings
        assert 1 <= len(sentences(case.dictation.impression)) <= 2
        assert case.dictation.indication


def test_a_report_compares_only_with_what_was_there(cases: list[Case]) -> None:
    changed = Counter[str]()
    for case in cases:
        for item in case.state.findings:
            if case.number == 0:
                assert item.change is None
            if item.change is not None:
                words = itertools.chain.from_iterable(CHANGES[item.change].values())
                assert any(word in case.dictation.findings for word in words)
                changed[item.change] += 1
    assert set(changed) == set(CHANGES)


def test_a_change_says_what_the_sizes_say(cases: list[Case]) -> None:
    compared = 0
    for before, after in itertools.pairwise(cases):
        if before.patient != after.patient:
            continue
        sizes = {item.name: item.size for item in before.state.findings}
        for item in after.state.findings:
            earlier = sizes.get(item.name)
            if earlier is None:
                assert item.change == "new"
            elif item.size == earlier:
                assert item.change == "unchanged"
            else:
                assert item.change == ("increased" if item.size > earlier else "decreased")
            compared += 1
        gone = set(sizes) - {item.name for item in after.state.findings}
        assert {item.name for item in after.state.resolved} == gone
    assert compared > 50
