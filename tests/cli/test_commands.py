"""The commands that are promised, and the JSON they print."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from caselight import __version__
from tests.homes import (
    FEW_RESAMPLES,
    TOY,
    archive,
    contents,
    done,
    door,
    picture,
    process,
    save,
    trained,
    trained_copy,
    write_records,
)

METRICS = {
    *(f"recall_at_{k}" for k in (1, 5, 10, 50)),
    *("median_rank", "map_at_r", "ndcg_at_10", "mrr"),
}
BESIDE = {"ceiling", "chance", "n_queries", "n_gallery", "n_unique_texts"}
DIRECTIONS = ("text_to_image", "image_to_text", "image_to_image")
READINGS = {
    "float",
    *(f"{kind}bits_{n}" for n in (32, 64) for kind in ("", "float_query_", "rescored_")),
}


@pytest.fixture(scope="module")
def scored() -> Any:
    home = trained()[1]
    return done("evaluate", "--home", home, "--model", home / "trained", *EVALUATE).json


EVALUATE = (*FEW_RESAMPLES, "--json")


# -- the whole way ---------------------------------------------------------------------------------


def test_the_main_job_goes_from_phantoms_to_answers(tmp_path: Path) -> None:
    phantoms, home, model = tmp_path / "phantoms", tmp_path / "home", tmp_path / "model"
    said = done("demo-archive", phantoms, "--studies", 16, "--seed", 1)
    assert f"caselight ingest {phantoms}" in said.err
    assert "next: caselight train" in done("ingest", phantoms, "--home", home).out
    said = done("train", "--home", home, "--out", model, "--text", "impression", *TOY)
    assert f"next: caselight index build --home {home} --model {model}" in said.out
    said = done("index", "build", "--home", home, "--model", model)
    assert f'next: caselight search "words" --home {home}' in said.out
    said = done("search", "effusion", "--home", home, "--model", model, "-k", 3)
    assert re.findall(r"^ {0,4}(\d+) ", said.out, flags=re.MULTILINE) == ["1", "2", "3"]
    picture_ = next(phantoms.glob("dicom/*/pa.dcm"))
    for target in ("study", "image", "report"):
        answer = done("search", "--image", picture_, "--home", home, "--target", target, "--json")
        assert answer.json["hits"]
    report = done("evaluate", "--home", home, "--model", model, "--split", "all", *EVALUATE).json
    assert report["text"] == "impression"


def test_the_same_seed_draws_the_same_archive(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        done("demo-archive", tmp_path / name, "--studies", 3, "--seed", seed)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") != contents(tmp_path / "c")


def test_the_version_is_the_packages() -> None:
    assert done("--version").out == f"caselight {__version__}\n"


def test_a_command_that_does_not_exist_is_a_usage_error() -> None:
    answer = door("find")
    assert answer.status == 2
    assert "find" in answer.err


def test_the_console_script_exits_as_documented(tmp_path: Path) -> None:
    """In a process of its own: 0 done, 1 refused, 2 usage; nothing but the sentence on stderr."""
    assert process("--version").status == 0
    answer = process("search", "words", "--home", tmp_path / "none")
    assert (answer.status, answer.out) == (1, "")
    assert answer.refusal[0] == "store.missing"
    assert len(answer.err.splitlines()) == 1
    answer = process("ingest", tmp_path, "--home", tmp_path / "none", "--set", "train.epoch=3")
    assert (answer.status, answer.out) == (2, "")
    assert answer.refusal[0] == "config.unknown_key"


def test_the_home_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CASELIGHT_HOME", str(trained()[1]))
    assert done("search", "amber", "--json").json["hits"]
    answer = door("search", "amber", "--home", tmp_path / "none")
    assert answer.refusal[0] == "store.missing"


# -- ingest ----------------------------------------------------------------------------------------


def test_the_receipt_has_the_promised_keys(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png", picture(1))
    rows = [
        {"image": "x.png", "study_id": "x", "findings": "Clear.", "scanner": "S"},
        {"image": "gone.png", "study_id": "y"},
    ]
    write_records(tmp_path / "a", rows)
    receipt = done("ingest", tmp_path / "a", "--home", tmp_path / "home", "--json").json
    assert receipt["accepted"] == 1
    assert receipt["unchanged"] == 0
    assert receipt["ignored_columns"] == ["scanner"]
    assert isinstance(receipt["seconds"], float)
    (refused,) = receipt["rejected"]
    assert refused.keys() == {"file", "code", "reason"}
    assert (refused["file"], refused["code"]) == ("gone.png", "data.not_found")
    again = done("ingest", tmp_path / "a", "--home", tmp_path / "home", "--json").json
    assert (again["accepted"], again["unchanged"]) == (0, 1)


def test_json_stands_alone_on_the_output(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive", n_studies=4)
    answer = done("ingest", source, "--home", tmp_path / "home", "--json")
    json.loads(answer.out)
    assert "reading studies" in answer.err


# -- train -----------------------------------------------------------------------------------------


def record(model: Path) -> Any:
    return json.loads((model / "run.json").read_text("utf-8"))


def test_the_same_seed_trains_the_same_model_in_another_home(tmp_path: Path) -> None:
    source, home = trained()
    done("ingest", source, "--home", tmp_path / "home")
    done("train", "--home", tmp_path / "home", *TOY)
    first, again = record(home / "trained"), record(tmp_path / "home" / "trained")
    assert first["fingerprint"] == again["fingerprint"]
    done("train", "--home", tmp_path / "home", *TOY, "--set", "train.seed=1")
    assert record(tmp_path / "home" / "trained")["fingerprint"] != first["fingerprint"]


def test_every_run_leaves_its_record() -> None:
    run = record(trained()[1] / "trained")
    assert run["settings"]["model"]["bits"] == [32, 64]
    assert run["settings"]["train"]["epochs"] == 3
    assert run["n_pairs"] == 15
    assert run["n_val_pairs"] == 5
    assert len(run["data_digest"]) == 64
    assert run["seconds"] > 0
    assert [(e["stage"], e["epoch"]) for e in run["epochs"]] == [
        (stage, n) for stage in ("float", "settle", "hash") for n in (1, 2, 3)
    ]


def test_training_takes_the_texts_and_the_studies_it_is_told_to(tmp_path: Path) -> None:
    home, out = trained()[1], tmp_path / "model"
    done("train", "--home", home, "--out", out, *TOY, "--filter", "view=PA", "--text", "impression")
    run = record(out)
    assert run["n_pairs"] == 12
    assert run["settings"]["train"]["text"] == "impression"
    assert run["settings"]["train"]["filters"] == {"view": "PA"}


def test_settings_come_from_a_file_and_single_ones_win(tmp_path: Path) -> None:
    config = tmp_path / "toy.toml"
    config.write_text("[train]\nseed = 7\nbatch_size = 4\n")
    out = tmp_path / "model"
    done(
        *("train", "--home", trained()[1], "--out", out, *TOY),
        *("--config", config, "--set", "train.seed=8"),
    )
    assert record(out)["settings"]["train"]["seed"] == 8
    assert record(out)["settings"]["train"]["batch_size"] == 4


# -- index and search ------------------------------------------------------------------------------


def test_a_model_folder_is_taken_anywhere(tmp_path: Path) -> None:
    home, model = trained_copy(tmp_path), tmp_path / "model"
    done("train", "--home", home, "--out", model, *TOY, "--set", "train.seed=3")
    done("index", "build", "--home", home, "--model", model)
    fingerprint = record(model)["fingerprint"]
    assert done("search", "x", "--home", home, "--model", model, "--json").json["model"] == (
        fingerprint
    )
    # The home keeps the model, so a search needs nothing from outside it.
    moved = model.rename(tmp_path / "moved")
    assert done("search", "x", "--home", home, "--json").json["model"] == fingerprint
    report = done("evaluate", "--data", trained()[0], "--model", moved, *EVALUATE).json
    assert report["model"] == fingerprint


def test_an_index_has_the_width_that_is_asked_for(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    said = done("index", "build", "--home", home, "--set", "search.n_bits=32").out
    assert "as 32-bit codes" in said
    hits = done("search", "amber", "--home", home, "--json", "--group", "image").json["hits"]
    assert max(hit["hamming"] for hit in hits) <= 32


def test_building_an_index_twice_gives_the_same_one(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    before = done("search", "amber", "--home", home, "--json").json["index"]
    done("index", "build", "--home", home)
    assert done("search", "amber", "--home", home, "--json").json["index"] == before
    assert len([p for p in (home / "index").iterdir() if p.is_dir()]) == 1


# -- evaluate --------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_direction_has_every_reading_in_both_figures(scored: Any, direction: str) -> None:
    block = scored[direction]
    assert block.keys() >= READINGS
    assert block.keys() >= BESIDE
    for reading in READINGS:
        assert block[reading].keys() == {"strict", "multi_positive"}
        for figure in block[reading].values():
            assert figure.keys() >= METRICS | BESIDE
            for metric in METRICS:
                assert figure[metric].keys() == {"value", "low", "high"}
                interval = figure[metric]
                assert interval["low"] <= interval["value"] <= interval["high"]
            assert figure["ceiling"].keys() == figure["chance"].keys() == METRICS
    for name in ("ceiling", "chance"):
        assert block[name].keys() == {"strict", "multi_positive"}
        assert block[name]["strict"].keys() == METRICS


def test_the_counts_are_those_of_the_split(scored: Any) -> None:
    assert scored["split"] == "test"
    for direction in DIRECTIONS:
        assert scored[direction]["n_queries"] == 10
        assert scored[direction]["n_gallery"] == 10
        assert scored[direction]["n_unique_texts"] == 8
    assert scored["n_images"] == 10
    assert scored["n_images_without_text"] == 0
    assert scored["leaks"] == []


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_sanity_rows_stand_beside_the_model(scored: Any, direction: str) -> None:
    rows = scored[direction]["sanity"]
    blind = {"image_blind"} | ({"text_blind"} if direction != "image_to_image" else set())
    assert rows.keys() == {"bm25", "metadata_only", "label_majority"} | blind
    for row in rows.values():
        assert row["strict"].keys() >= METRICS | BESIDE


def test_a_person_reads_the_same_numbers(scored: Any) -> None:
    home = trained()[1]
    said = done("evaluate", "--home", home, "--model", home / "trained", *FEW_RESAMPLES).out
    for direction in DIRECTIONS:
        assert f"{direction.replace('_', ' ')}, strict: 10 queries, 10 answers" in said
    for name in READINGS | {"ceiling", "chance", "bm25", "image_blind", "label_majority"}:
        assert name in said
    assert f"{scored['text_to_image']['float']['strict']['mrr']['value']:.3f}" in said


# -- doctor ----------------------------------------------------------------------------------------


def test_the_doctor_names_packages_weights_and_devices() -> None:
    answer = door("doctor", "--json")
    found = answer.json
    assert answer.status == (0 if found["ok"] else 1)
    assert found.keys() == {"ok", "checks", "version"}
    names = {check["what"] for check in found["checks"]}
    assert {"python", "torch", "numpy", "cpu"} <= names
    assert {"weights of efficientnet-lite0", "weights of minilm-l6"} <= names
    for check in found["checks"]:
        assert check["ok"] or check["remedy"]


def test_the_doctor_says_what_to_do_about_a_missing_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from caselight import doctor

    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    monkeypatch.setattr(doctor, "_weights", list)
    answer = door("doctor")
    assert answer.status == 1
    assert "MISSING" in answer.out
    assert "pip install no-such-package" in answer.out
