"""`caselight tune`: what it prints, writes and refuses."""

import json
from pathlib import Path

import pytest

from tests.homes import FEW_RESAMPLES, TOY, Answer, contents, done, door, trained, trained_copy


def ask(*options: object) -> Answer:
    return door("tune", "--home", trained()[1], *TOY, *FEW_RESAMPLES, *options)


def test_a_search_prints_its_space_its_trials_and_what_to_expect(tmp_path: Path) -> None:
    home, out = trained_copy(tmp_path), tmp_path / "out"
    before = contents(home, without=["features.sqlite"])
    answer = door(
        *("tune", "--home", home, "--out", out, "--minutes", "5", "--goal", "float"),
        *("--vary", "train.lr=1e-4,1e-2", *TOY, *FEW_RESAMPLES),
    )
    assert answer.status == 0, answer.err
    assert contents(home, without=["features.sqlite"]) == before
    assert "varies train.lr: 0.0001, 0.01" in answer.err
    n_trials = len((out / "trials.jsonl").read_text().splitlines())
    shown = [line for line in answer.err.splitlines() if "of the epochs" in line]
    assert len(shown) == n_trials
    assert "100% of the epochs" in shown[0]
    assert shown[0].endswith("as set")
    assert f"{n_trials} trials, " in answer.out
    assert "every setting was tried" in answer.out
    assert "and so too good to be true by about" in answer.out
    assert "on the other half, which had no say: " in answer.out
    assert f"--config {out / 'tuned.toml'}; the test split was not read" in answer.out
    done("train", "--home", home, "--config", out / "tuned.toml", "--out", tmp_path / "model")
    record = json.loads((tmp_path / "model" / "run.json").read_text())
    assert record["settings"]["towers"]["image"] == "toy"


def test_the_usual_goal_is_the_widest_code_without_128_bits(tmp_path: Path) -> None:
    answer = ask("--minutes", "0.0001", "--out", tmp_path)
    assert answer.status == 0, answer.err
    assert "validation Recall@10 of bits_64" in answer.out
    assert "nothing beat the settings" in answer.out
    assert "the budget is spent" in answer.out


@pytest.mark.parametrize(
    ("options", "code", "status"),
    [
        (("--minutes", "0"), "config.out_of_range", 2),
        (("--minutes", "-1"), "config.out_of_range", 2),
        (("--minutes", "1", "--goal", "bits_48"), "config.out_of_range", 2),
        (("--minutes", "1", "--vary", "train.epoch=1"), "config.unknown_key", 2),
        (("--minutes", "1", "--vary", "train.lr"), "usage.bad_argument", 2),
        (("--minutes", "1", "--vary", "train.seed=1,2"), "usage.bad_argument", 2),
        (("--minutes", "1", "--filter", "view=NONE"), "train.too_few_pairs", 1),
        (("--minutes", "1", "--text", "none"), "config.out_of_range", 2),
        (("--minutes", "1", "--set", "float_terms.intra_image=0.2"), "config.out_of_range", 2),
    ],
)
def test_bad_searches_are_one_sentence(
    tmp_path: Path, options: tuple[str, ...], code: str, status: int
) -> None:
    answer = ask(*options, "--out", tmp_path / "out")
    lines = [line for line in answer.err.splitlines() if line.startswith("caselight: ")]
    assert len(lines) == 1, answer.err
    assert lines[0].split(": ")[1] == code
    assert answer.status == status
    assert answer.out == ""
    assert not (tmp_path / "out").exists()


def test_a_home_that_is_none_is_refused(tmp_path: Path) -> None:
    answer = door("tune", "--home", tmp_path / "none", "--minutes", 1)
    assert answer.refusal[0] == "store.missing"
