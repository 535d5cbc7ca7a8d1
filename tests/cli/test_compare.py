"""`caselight compare`: what it prints and what it refuses."""

import functools
from pathlib import Path

import pytest

from caselight.cli.compare import _sentence
from caselight.errors import Error
from caselight.home import Home
from tests.homes import FEW_RESAMPLES, TOY, Answer, done, door, trained


@functools.cache
def models() -> tuple[Path, Path]:
    folder = trained()[1].parent / "second"
    done("train", "--home", trained()[1], "--out", folder, *TOY, "--set", "train.seed=3")
    return trained()[1] / "trained", folder


def ask(*options: object) -> Answer:
    return door("compare", *models(), "--home", trained()[1], *FEW_RESAMPLES, *options)


def test_json_is_what_the_verb_says() -> None:
    from caselight.config import Config

    with Home(trained()[1], config=Config.from_mapping({"evaluate": {"n_resamples": 100}})) as home:
        assert ask("--json").json == home.compare(*models())


def test_the_table_names_both_models_and_the_words_say_what_cannot_be_seen() -> None:
    answer = ask()
    assert answer.status == 0, answer.err
    assert "text to image: 10 queries of 4 patients" in answer.out
    for name in ("float", "bits_32", "bits_64"):
        (sentence,) = (x for x in answer.out.splitlines() if x.startswith(f"{name}, R@10"))
        assert "no difference shown; each of these 20 queries of 4 patients is" in sentence


def test_each_verdict_has_its_words() -> None:
    row = {
        "first_reading": "bits_32",
        "second_reading": "float",
        "first": 0.9,
        "second": 0.4,
        "n_queries": 80,
        "n_patients": 40,
        "verdict": "first",
        "p_corrected": 0.00123,
        "detectable_difference": 0.0412,
        "standard_error": 0.01,
    }
    start = "bits_32 : float, R@10 over both directions: "
    assert _sentence(row) == f"{start}M1 finds more (0.900 against 0.400, corrected p 0.0012)"
    for change, words in (
        ({"verdict": "second"}, "M2 finds more"),
        ({"verdict": "none"}, "of 40 patients one below 0.041 is likely missed"),
        ({"verdict": "none", "detectable_difference": None}, "name a split of more patients"),
    ):
        assert words in _sentence({**row, **change})


def test_bits_and_readings_narrow_the_rows() -> None:
    def readings(*options: str) -> set[tuple[str, str]]:
        rows = ask("--json", *options).json["rows"]
        return {(row["first_reading"], row["second_reading"]) for row in rows}

    assert readings("--bits", "32") == {("float", "float"), ("bits_32", "bits_32")}
    assert readings("--reading", "bits_64:float") == {("bits_64", "float")}
    assert readings("--reading", "float", "--reading", "bits_32:bits_64") == {
        ("float", "float"),
        ("bits_32", "bits_64"),
    }


def test_the_split_and_filters_reach_the_verb() -> None:
    report = ask("--json", "--split", "all", "--filter", "view=PA", "--text", "findings").json
    assert (report["split"], report["text"], report["filters"]) == (
        None,
        "findings",
        {"view": "PA"},
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--reading", "float:bits_32:bits_64"), "usage.bad_argument"),
        (("--reading", ":float"), "usage.bad_argument"),
        (("--bits", "48"), "model.no_such_bits"),
        (("--split", "none"), "evaluate.no_such_split"),
        (("--text", "nothing"), "config.out_of_range"),
    ],
)
def test_bad_questions_are_one_sentence(options: tuple[str, ...], code: str) -> None:
    answer = ask(*options)
    assert answer.refusal[0] == code
    assert answer.out == ""
    assert answer.status in {family.exit_status for family in Error.__subclasses__()}


def test_the_same_model_twice_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    one = models()[0]
    twice = door("compare", one, one, "--home", trained()[1])
    assert (twice.status, twice.refusal[0]) == (2, "usage.bad_argument")
    missing = door("compare", one, tmp_path / "none", "--home", trained()[1])
    assert missing.refusal[0] == "model.not_found"
    nowhere = door("compare", *models(), "--home", tmp_path / "none")
    assert nowhere.refusal[0] == "store.missing"
