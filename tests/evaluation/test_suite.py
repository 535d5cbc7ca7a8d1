"""The whole evaluation: the same wherever the studies lie, and it leaves no trace."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caselight.audit.files import LogFiles
from caselight.audit.log import FOLDER
from caselight.config import Config
from caselight.data.store import create_store, open_store
from caselight.engine import open_engine
from caselight.errors import EvaluationError
from caselight.evaluation.gallery import read_gallery
from caselight.evaluation.suite import Question, evaluate
from caselight.indexing import indexed_model
from tests.homes import (
    FEW_RESAMPLES,
    archive,
    contents,
    done,
    trained,
    trained_copy,
    write_records,
)

DIRECTIONS = ("text_to_image", "image_to_text", "image_to_image")


def score(*options: object, model: Path | None = None) -> Any:
    model = model or trained()[1] / "trained"
    return done("evaluate", "--model", model, "--json", *FEW_RESAMPLES, *options).json


def rows_of(source: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (source / "records.jsonl").read_text().splitlines()]


def test_a_home_and_its_archive_score_the_same() -> None:
    """To the last decimal, intervals too, though patients have other keys in another home."""
    source, home = trained()
    one, other = score("--home", home), score("--data", source)
    assert other.pop("ingest")["accepted"] == 24
    assert one == other


def test_the_same_seed_gives_the_same_numbers_and_another_other_intervals() -> None:
    home = trained()[1]
    one = score("--home", home)
    assert one == score("--home", home)
    other = score("--home", home, "--set", "evaluate.seed=5")
    for direction in DIRECTIONS:
        a, b = (r[direction]["float"]["strict"]["mrr"] for r in (one, other))
        assert a["value"] == b["value"]
    assert any(
        one[d]["float"]["strict"]["mrr"] != other[d]["float"]["strict"]["mrr"] for d in DIRECTIONS
    )


def test_the_order_of_an_archive_decides_nothing(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive")
    one = score("--data", source)
    write_records(source, rows_of(source)[::-1])
    other = score("--data", source)
    for report in (one, other):
        assert report["ingest"].pop("seconds") > 0
        report.pop("data")  # the order of the pictures within a study is content
    assert one == other


def test_an_evaluation_leaves_the_home_as_it_was(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    with open_store(home) as store:
        before = (store.generation, store.digest())
    files = contents(home, without=["features.sqlite"])
    score("--home", home, "--split", "all")
    assert contents(home, without=["features.sqlite"]) == files
    with open_store(home) as store:
        assert (store.generation, store.digest()) == before
    done("search", "amber", "--home", home)


def test_an_archive_is_scored_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, temporary = archive(tmp_path / "archive", n_studies=12), tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = contents(source)
    score("--data", source)
    assert contents(source) == before
    assert list(temporary.iterdir()) == []


def test_other_names_are_mapped_and_filters_narrow(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive")
    rows = [{("file" if k == "image" else k): v for k, v in r.items()} for r in rows_of(source)]
    write_records(source, rows)
    report = score("--data", source, "--map", "image=file", "--filter", "view=PA")
    assert report["n_images"] == 8
    assert report["filters"] == {"view": "PA"}


def test_images_without_a_text_stay_in_the_gallery_and_are_counted(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive")
    rows = rows_of(source)
    for row in rows:
        if row["study_id"] in ("s021", "s023"):
            row.update(findings="", impression="", indication="")
    report = score("--data", write_records(source, rows))
    assert (report["n_images"], report["n_images_without_text"]) == (10, 2)
    sizes = ("n_queries", "n_gallery", "n_unique_texts")
    assert [report["text_to_image"][s] for s in sizes] == [8, 10, 6]
    assert [report["image_to_text"][s] for s in sizes] == [8, 8, 6]
    assert [report["image_to_image"][s] for s in sizes] == [10, 10, 6]
    chance = report["text_to_image"]["chance"]["strict"]["recall_at_1"]
    assert chance == pytest.approx(0.1)


def test_the_text_that_is_asked_for_is_scored() -> None:
    home = trained()[1]
    report = score("--home", home, "--text", "indication")
    assert report["text"] == "indication"
    assert report["text_to_image"]["n_unique_texts"] == 8
    trained_text = score("--home", home)
    assert trained_text["text"] == "auto"
    everything = score("--home", home, "--split", "all", "--text", "indication")
    assert everything["split"] is None
    assert everything["text_to_image"]["n_unique_texts"] == 8
    assert everything["n_images"] == 30


def test_an_archive_without_labels_has_no_image_to_image_but_all_else(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive")
    rows = [{k: v for k, v in row.items() if k != "labels"} for row in rows_of(source)]
    report = score("--data", write_records(source, rows))
    assert report["image_to_image"]["n_queries"] == 0
    assert report["image_to_image"]["float"]["strict"]["mrr"]["value"] is None
    assert report["text_to_image"]["float"]["strict"]["mrr"]["value"] > 0
    assert done(
        *("evaluate", "--data", source, "--model", trained()[1] / "trained", *FEW_RESAMPLES)
    ).out


def test_own_study_and_patient_are_left_out_between_images(tmp_path: Path) -> None:
    """Each label is of one patient alone, so nothing is left to be found."""
    source = archive(tmp_path / "archive")
    rows = rows_of(source)
    for row in rows:
        row["labels"] = [row["patient_id"]]
    report = score("--data", write_records(source, rows))["image_to_image"]
    assert report["n_queries"] == 10
    assert report["float"]["strict"]["n_queries_judged"] == 0
    assert report["ceiling"]["strict"]["recall_at_1"] is None


def test_every_number_is_of_the_split_that_was_asked_for() -> None:
    source, home = trained()
    report = score("--home", home, "--split", "val")
    assert report["split"] == "val"
    n_val = sum(row["split"] == "val" for row in rows_of(source))
    assert report["n_images"] == n_val


def test_the_setting_of_the_shortlist_reaches_the_reading() -> None:
    home = trained()[1]
    one = score("--home", home, "--set", "evaluate.shortlist=1")
    assert one["shortlist"] == 1
    whole = score("--home", home, "--set", "evaluate.shortlist=999")
    for direction in DIRECTIONS:
        for n_bits in (32, 64):
            rescored = whole[direction][f"rescored_bits_{n_bits}"]
            assert rescored == whole[direction]["float"]
    assert any(
        one[d][f"rescored_bits_{n}"] != one[d]["float"] for d in DIRECTIONS for n in (32, 64)
    )


def test_the_verb_gives_what_the_door_prints() -> None:
    home = trained()[1]
    model, _ = indexed_model(home, None, seal=LogFiles(home / FOLDER).verifier())
    config = Config.from_mapping({"evaluate": {"n_resamples": 100}})
    with open_engine(
        home, config=model.config, device=torch.device("cpu"), progress=lambda *_: None
    ) as engine:
        question = Question(split="test", text="auto", filters={})
        report = evaluate(engine, model, question, config=config)
    assert json.loads(json.dumps(report)) == score("--home", home)


def test_a_gallery_is_in_order_of_study_and_image(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive", n_studies=12)
    write_records(source, rows_of(source)[::-1])
    done("ingest", source, "--home", tmp_path / "home")
    with create_store(tmp_path / "home") as store:
        held = read_gallery(store, split=None, text="auto", filters={}, pool="mean")
        names = [(e.study.study_uid, e.image.image_uid) for e in held.entries]
        assert names == sorted(names)
        assert len(names) == 15
        assert np.array_equal(held.patient_ids, sorted(held.patient_ids))
        with pytest.raises(EvaluationError) as caught:
            read_gallery(store, split="none", text="auto", filters={}, pool="mean")
        assert caught.value.code == "evaluate.no_such_split"
        with pytest.raises(EvaluationError) as caught:
            read_gallery(store, split=None, text="notes", filters={}, pool="mean")
        assert caught.value.code == "evaluate.no_pairs"
