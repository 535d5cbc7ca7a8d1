"""Two models are asked the same queries, and only a difference that holds is called one."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.config import Config
from caselight.errors import EvaluationError, ModelError, UsageError
from caselight.evaluation.compare import DIRECTIONS, METRICS, POOLED, Side, compare, pair_readings
from caselight.evaluation.suite import Question
from caselight.home import Home
from caselight.models.checkpoint import load_checkpoint
from tests.homes import TOY, archive, done, ingest, trained, trained_copy

FEW = Config.from_mapping({"evaluate": {"n_resamples": 100}})
QUESTION = Question(split="test", text="auto", filters={})
FLOAT = (("float", "float"),)


@functools.cache
def other() -> Path:
    """A second model of the shared home, with one width less and one more."""
    folder = trained()[1].parent / "other"
    options = ("--set", "model.bits=[16,64]", "--set", "train.seed=7")
    done("train", "--home", trained()[1], "--out", folder, *TOY, *options)
    return folder


def compared(first: Path, second: Path, *, config: Config = FEW, **asked: Any) -> dict[str, Any]:
    with Home(trained()[1], config=config) as home:
        return home.compare(first, second, **asked)


def side(values: dict[str, np.ndarray[Any, Any]], patients: list[int], **more: Any) -> Side:
    """A side whose every metric has these values, by direction."""
    known: dict[str, Any] = {
        "model": "m",
        "data": "d",
        "queries": "q",
        "n_images": len(patients),
        "patients": {d: np.array(patients) for d in DIRECTIONS},
        "scores": {d: {"float": dict.fromkeys(METRICS, values[d])} for d in DIRECTIONS},
    }
    return Side(**{**known, **more})


def rows_of(a: Side, b: Side, *, config: Config = FEW) -> dict[tuple[str, str], Any]:
    report = compare(a, b, pairs=FLOAT, question=QUESTION, config=config)
    return {(row["direction"], row["metric"]): row for row in report["rows"]}


# -- the rows ----------------------------------------------------------------------------------


def test_every_direction_reading_and_metric_has_a_row() -> None:
    report = compared(trained()[1] / "trained", other())
    found = [(r["direction"], r["first_reading"], r["metric"]) for r in report["rows"]]
    directions = (*DIRECTIONS, POOLED)
    assert found == [(d, r, m) for d in directions for r in ("float", "bits_64") for m in METRICS]
    assert all(r["first_reading"] == r["second_reading"] for r in report["rows"])


def test_both_means_are_those_of_the_evaluation() -> None:
    folders = {"first": trained()[1] / "trained", "second": other()}
    report = compared(*folders.values())
    with Home(trained()[1], config=FEW) as home:
        scored = {name: home.evaluate(folder) for name, folder in folders.items()}
    for row in report["rows"]:
        if row["direction"] == POOLED:
            continue
        for name, one in scored.items():
            block = one[row["direction"]][row["first_reading"]]["strict"][row["metric"]]
            assert row[name] == block["value"], row
        assert row["difference"]["value"] == pytest.approx(row["first"] - row["second"], abs=2e-6)


def test_pooled_rows_hold_the_queries_of_both_directions() -> None:
    rows = compared(trained()[1] / "trained", other())["rows"]
    pooled = [row for row in rows if row["direction"] == POOLED]
    for row, *parts in zip(pooled, *(by_direction(rows, d) for d in DIRECTIONS), strict=True):
        assert row["n_queries"] == sum(part["n_queries"] for part in parts)
        assert row["n_patients"] == parts[0]["n_patients"]
        expected = np.average([p["first"] for p in parts], weights=[p["n_queries"] for p in parts])
        assert row["first"] == pytest.approx(expected, abs=2e-6)


def by_direction(rows: list[Any], direction: str) -> list[Any]:
    return [row for row in rows if row["direction"] == direction]


def test_turned_round_everything_turns_round() -> None:
    one = compared(trained()[1] / "trained", other())["rows"]
    back = compared(other(), trained()[1] / "trained")["rows"]
    turned = {"first": "second", "second": "first", "none": "none"}
    for row, twin in zip(one, back, strict=True):
        assert (row["first"], row["second"]) == (twin["second"], twin["first"])
        assert row["p"] == twin["p"]
        assert row["detectable_difference"] == twin["detectable_difference"]
        assert turned[row["verdict"]] == twin["verdict"]


def test_the_same_seed_says_the_same() -> None:
    assert compared(trained()[1] / "trained", other()) == compared(
        trained()[1] / "trained", other()
    )


# -- verdicts ----------------------------------------------------------------------------------


def test_a_model_that_finds_more_for_every_patient_is_said_to() -> None:
    patients = list(range(40))
    good, poor = ({d: np.full(40, v) for d in DIRECTIONS} for v in (0.9, 0.4))
    for a, b, better in ((good, poor, "first"), (poor, good, "second")):
        for row in rows_of(side(a, patients), side(b, patients)).values():
            assert row["verdict"] == better
            assert row["p_corrected"] < 0.05
    row = rows_of(side(good, patients), side(poor, patients))[POOLED, "mrr"]
    assert row["difference"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert row["ratio"]["value"] == 2.25


def test_many_queries_of_few_patients_prove_nothing() -> None:
    """Four hundred queries that agree, but of four patients: as many coins, thrown alike."""
    patients = [n % 4 for n in range(400)]
    a, b = ({d: np.full(400, v) for d in DIRECTIONS} for v in (0.9, 0.4))
    for row in rows_of(side(a, patients), side(b, patients)).values():
        assert row["verdict"] == "none"
        assert row["p"] > 0.05


def test_a_difference_that_only_one_row_shows_by_chance_is_corrected_away() -> None:
    rng = np.random.default_rng(0)
    patients = list(range(60))
    chance = {d: rng.standard_normal(60) for d in DIRECTIONS}
    found = rows_of(side(chance, patients), side({d: np.zeros(60) for d in DIRECTIONS}, patients))
    assert all(row["p_corrected"] >= row["p"] for row in found.values())
    assert all(row["verdict"] == "none" for row in found.values())


def test_fewer_patients_see_only_larger_differences() -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(400)
    least = []
    for n in (50, 400):
        a, b = dict.fromkeys(DIRECTIONS, noise[:n]), {d: np.zeros(n) for d in DIRECTIONS}
        row = rows_of(side(a, list(range(n))), side(b, list(range(n))))[DIRECTIONS[0], "mrr"]
        least.append(row["detectable_difference"])
    assert least[0] == pytest.approx(least[1] * np.sqrt(8), rel=0.25)


@pytest.mark.parametrize(("n_patients", "told"), [(9, False), (20, True)])
def test_too_few_patients_can_show_no_difference_of_any_size(n_patients: int, told: bool) -> None:
    """With 9 patients the least p-value is 1/256, and 15 rows make 0.06 of it."""
    noise = np.random.default_rng(2).standard_normal(n_patients)
    a, b = dict.fromkeys(DIRECTIONS, noise), {d: np.zeros(n_patients) for d in DIRECTIONS}
    patients = list(range(n_patients))
    found = rows_of(side(a, patients), side(b, patients))
    assert all((row["detectable_difference"] is not None) == told for row in found.values())


def test_queries_that_never_differ_say_nothing_of_what_could_be_seen() -> None:
    same = side({d: np.linspace(0, 1, 40) for d in DIRECTIONS}, list(range(40)))
    for row in rows_of(same, same).values():
        assert (row["verdict"], row["p"], row["detectable_difference"]) == ("none", 1.0, None)


def test_one_patient_gives_no_interval_and_no_verdict() -> None:
    a, b = ({d: np.full(5, v) for d in DIRECTIONS} for v in (0.9, 0.4))
    for row in rows_of(side(a, [0] * 5), side(b, [0] * 5)).values():
        assert row["verdict"] == "none"
        assert row["detectable_difference"] is None
        assert row["difference"]["low"] is None


# -- readings ----------------------------------------------------------------------------------


def test_one_reading_may_be_held_against_another() -> None:
    model = trained()[1] / "trained"
    asked = [("bits_32", "float"), ("rescored_bits_64", "float_query_bits_64")]
    rows = compared(model, model, readings=asked)["rows"]
    with Home(trained()[1], config=FEW) as home:
        scored = home.evaluate(model)
    assert {(r["first_reading"], r["second_reading"]) for r in rows} == set(asked)
    for row in by_direction(rows, "text_to_image"):
        for name in ("first", "second"):
            block = scored["text_to_image"][row[f"{name}_reading"]]["strict"]
            assert row[name] == block[row["metric"]]["value"]


@pytest.mark.parametrize("name", ["bits", "bits_", "codes_64", "", "bits_-8", "hamming_bits_64"])
def test_a_reading_that_is_none_is_refused(name: str) -> None:
    model = load_checkpoint(other())
    with pytest.raises(UsageError, match="reading"):
        pair_readings(model, model, asked=[("float", name)])


def test_a_width_that_a_model_lacks_is_refused() -> None:
    one, two = load_checkpoint(trained()[1] / "trained"), load_checkpoint(other())
    with pytest.raises(ModelError) as caught:
        pair_readings(one, two, asked=[("bits_32", "bits_32")])
    assert caught.value.code == "model.no_such_bits"
    assert two.fingerprint[:16] in str(caught.value)


# -- refusals ----------------------------------------------------------------------------------


def test_the_same_model_twice_is_refused_wherever_it_lies(tmp_path: Path) -> None:
    copy = trained_copy(tmp_path) / "trained"
    with pytest.raises(UsageError, match="twice"):
        compared(trained()[1] / "trained", copy)


def test_a_split_without_queries_is_refused(tmp_path: Path) -> None:
    for asked in ({"split": "none"}, {"filters": {"view": "OBLIQUE"}}):
        with pytest.raises(EvaluationError) as caught:
            compared(trained()[1] / "trained", other(), **asked)
        assert caught.value.code == "evaluate.no_such_split"
    with pytest.raises(EvaluationError):
        compared(trained()[1] / "trained", other(), text="notes")


@pytest.mark.parametrize("part", ["queries", "data"])
def test_sides_that_were_asked_other_queries_are_refused(part: str) -> None:
    values = {d: np.zeros(3) for d in DIRECTIONS}
    one = side(values, [0, 1, 2])
    with pytest.raises(EvaluationError, match="same queries"):
        rows_of(one, dataclasses.replace(one, **{part: "another"}))


# -- towers ------------------------------------------------------------------------------------


def test_each_model_is_read_with_its_own_towers(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ingest(archive(tmp_path / "archive", n_studies=16), home)
    for name, trim in (("a", "0.06"), ("b", "0.3")):
        trim_option = ("--set", f"towers.trim_fraction={trim}")
        done("train", "--home", home, "--out", tmp_path / name, *TOY, *trim_option)
    with Home(home, config=FEW) as place:
        report = place.compare(tmp_path / "a", tmp_path / "b")
        scored = {name: place.evaluate(tmp_path / name) for name in "ab"}
    row = report["rows"][0]
    values = [scored[n][row["direction"]]["float"]["strict"][row["metric"]]["value"] for n in "ab"]
    assert [row["first"], row["second"]] == values
