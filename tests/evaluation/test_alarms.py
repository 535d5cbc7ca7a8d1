"""One of each kind is planted, and found; where nothing is planted, nothing is said."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from caselight.data.leaks import Leak, LeakKind
from caselight.evaluation.alarms import ceiling_alarms, leak_alarms
from caselight.evaluation.figures import FIGURES, KS
from caselight.evaluation.gallery import Gallery
from caselight.evaluation.suite import score_direction
from tests.evaluation.galleries import FEW, entry, gallery, tasks
from tests.homes import (
    FEW_RESAMPLES,
    archive,
    done,
    picture,
    save,
    trained,
    write_records,
)

# -- leaks, through the door -----------------------------------------------------------------------


def planted(folder: Path, **changes: Mapping[str, object]) -> Path:
    """The usual archive, in which single rows are changed; s001 trains and s022 tests."""
    archive(folder)
    rows = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for row in rows:
        row.update(changes.get(row["study_id"], {}))
    return write_records(folder, rows)


def leaks(source: Path) -> tuple[list[Any], list[str]]:
    report = done(
        *("evaluate", "--data", source, "--model", trained()[1] / "trained", "--json"),
        *FEW_RESAMPLES,
    ).json
    return report["leaks"], [alarm for alarm in report["alarms"] if alarm.startswith("leak: ")]


def only(source: Path) -> tuple[Any, str]:
    (leak,), (alarm,) = leaks(source)
    return leak, alarm


def test_an_archive_without_leaks_raises_no_alarm(tmp_path: Path) -> None:
    assert leaks(archive(tmp_path / "archive")) == ([], [])


def test_a_patient_in_two_splits_is_found(tmp_path: Path) -> None:
    patient = {"patient_id": "mrn-both"}
    leak, alarm = only(planted(tmp_path / "archive", s000=patient, s022=patient))
    assert (leak["kind"], leak["splits"], leak["count"]) == ("patient", ["train", "test"], 1)
    assert leak["examples"] == [["s000", "s022"]]
    assert "leak: 1 patients in both train and test" in alarm
    assert "mrn-both" not in json.dumps(leak) + alarm


def test_a_text_in_two_splits_is_found(tmp_path: Path) -> None:
    words = {"findings": "The very same.", "impression": "Words."}
    shouted = {"findings": "THE VERY  SAME.", "impression": "words."}
    leak, alarm = only(planted(tmp_path / "archive", s013=words, s023=shouted))
    assert (leak["kind"], leak["splits"], leak["count"]) == ("text", ["val", "test"], 1)
    assert leak["examples"] == [["s013", "s023"]]
    assert "identical texts in both val and test" in alarm


def test_pixels_in_two_splits_are_found(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive")
    pixels = np.asarray(Image.open(source / "images" / "001-PA.png"))
    # Another file with the same pixels: other compression, other bytes.
    Image.fromarray(pixels).save(source / "images" / "022-PA.png", compress_level=0)
    leak, alarm = only(source)
    assert (leak["kind"], leak["splits"], leak["count"]) == ("pixels", ["train", "test"], 1)
    assert leak["examples"] == [["s001", "s022"]]
    assert "pictures with identical pixels" in alarm


def test_a_near_duplicate_in_two_splits_is_found(tmp_path: Path) -> None:
    """The same picture, darker, saved as JPEG."""
    source = archive(tmp_path / "archive")
    pixels = np.asarray(Image.open(source / "images" / "001-PA.png"))
    save(source / "images" / "copy.jpg", (pixels * 0.8).astype(np.uint8))
    rows = [json.loads(line) for line in (source / "records.jsonl").read_text().splitlines()]
    for row in rows:
        if row["study_id"] == "s022":
            row["image"] = "images/copy.jpg"
    leak, alarm = only(write_records(source, rows))
    assert (leak["kind"], leak["splits"], leak["count"]) == (
        "near_duplicate",
        ["train", "test"],
        1,
    )
    assert leak["examples"] == [["s001", "s022"]]
    assert "near-duplicate pictures" in alarm


def test_what_is_shared_inside_a_split_is_no_leak(tmp_path: Path) -> None:
    same = {"findings": "Same.", "impression": "Same.", "patient_id": "one"}
    source = planted(tmp_path / "archive", s020=same, s021=same, s022=same, s023=same)
    save(source / "images" / "021-PA.png", picture(5000))
    save(source / "images" / "022-PA.png", picture(5000))
    assert leaks(source) == ([], [])


def test_every_kind_of_leak_has_its_sentence() -> None:
    found = tuple(
        Leak(kind=kind, splits=("train", "val"), count=n, examples=())
        for n, kind in enumerate(get_args(LeakKind), start=1)
    )
    said = leak_alarms(found)
    assert len(set(said)) == 4
    for n, sentence in enumerate(said, start=1):
        assert sentence.startswith(f"leak: {n} ")
        assert "in both train and val; " in sentence
        assert "split by patient" in sentence


# -- ceilings --------------------------------------------------------------------------------------


def reading(value: float | None, ceiling: float | None) -> dict[str, Any]:
    one = {f"recall_at_{k}": {"value": value} for k in KS}
    return {
        figure: {**one, "ceiling": {f"recall_at_{k}": ceiling for k in KS}} for figure in FIGURES
    }


def test_one_sentence_a_figure_is_enough() -> None:
    said = ceiling_alarms("text_to_image", "bits_64", reading(0.5, 0.4))
    assert len(said) == 2
    assert all("text_to_image bits_64" in sentence for sentence in said)
    assert {"strict", "multi_positive"} == {s.split("bits_64 ")[1].split()[0] for s in said}


@pytest.mark.parametrize(("value", "ceiling"), [(0.4, 0.4), (0.4, 1.0), (None, 0.4), (0.4, None)])
def test_at_the_ceiling_or_below_nothing_is_said(
    value: float | None, ceiling: float | None
) -> None:
    assert ceiling_alarms("text_to_image", "float", reading(value, ceiling)) == []


def test_rounding_is_forgiven_and_no_more() -> None:
    assert ceiling_alarms("text_to_image", "float", reading(0.4 + 5e-7, 0.4)) == []
    assert ceiling_alarms("text_to_image", "float", reading(0.4 + 5e-6, 0.4))


# -- metadata --------------------------------------------------------------------------------------


def acquired(n: int = 48) -> Gallery:
    """How a picture was made says which eighth of the gallery it is in."""
    return gallery(
        *(
            entry(
                f"text {i}",
                study=f"s{i:02d}",
                modality=f"m{i % 2}",
                view=f"v{i // 2 % 2}",
                site=f"h{i // 4 % 2}",
            )
            for i in range(n)
        )
    )


def by_metadata(held: Gallery) -> Any:
    facts = np.array([[e.image.modality, e.image.view, e.study.site] for e in held.entries])
    return (facts[:, None, :] != facts[None, :, :]).sum(axis=2).astype(float)


@pytest.mark.parametrize("direction", ["text_to_image", "image_to_text"])
def test_a_model_that_knows_no_more_than_the_metadata_raises_the_alarm(direction: str) -> None:
    held = acquired()
    facts = by_metadata(held)
    rng = np.random.default_rng(6)
    for guess in (rng.random(facts.shape), facts):
        task = tasks(held)[direction]
        _, alarms = score_direction(
            held, task, {"float": guess}.items(), {"metadata_only": facts}.items(), config=FEW
        )
        (alarm,) = alarms
        assert alarm.startswith(f"no better than metadata: {direction} float mAP@R")


@pytest.mark.parametrize("direction", ["text_to_image", "image_to_text"])
def test_a_good_model_raises_no_alarm(direction: str) -> None:
    """It finds most partners, beyond what the acquisition says."""
    held = acquired()
    task = tasks(held)[direction]
    guess = np.random.default_rng(6).random((48, 48)) - 0.9 * np.eye(48)
    block, alarms = score_direction(
        held,
        task,
        {"float": guess}.items(),
        {"metadata_only": by_metadata(held)}.items(),
        config=FEW,
    )
    assert alarms == []
    assert block["float"]["strict"]["recall_at_1"]["value"] > 0.7


def test_the_alarm_of_the_suite_sees_metadata_that_decide(tmp_path: Path) -> None:
    """Every test study has a site of its own, and the toy model has learnt nothing."""
    changes = {f"s{n:03d}": {"site": f"site {n}"} for n in range(16, 24)}
    report = done(
        *("evaluate", "--data", planted(tmp_path / "archive", **changes), "--json"),
        *("--model", trained()[1] / "trained", *FEW_RESAMPLES),
    ).json
    said = [alarm for alarm in report["alarms"] if "no better than metadata" in alarm]
    assert any("text_to_image" in alarm for alarm in said)
