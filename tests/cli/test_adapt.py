"""`caselight adapt`: what it prints, writes and refuses."""

import json
from pathlib import Path

import pytest

from tests.cli.refusals import named
from tests.homes import (
    FEW_RESAMPLES,
    TOY,
    Answer,
    archive,
    contents,
    done,
    door,
    ingest,
    one_row,
    trained,
    trained_copy,
)

LEARNING = (
    *("--set", "towers.image=toy-conv", "--set", "towers.text=toy-embedding"),
    *("--set", "adapt.picture_epochs=1", "--set", "adapt.text_epochs=1"),
    *("--set", "train.epochs=2", "--set", "train.hash_epochs=1"),
    *FEW_RESAMPLES,
)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another archive's home, with patients to ask by."""
    root = tmp_path_factory.mktemp("elsewhere")
    ingest(archive(root / "archive", n_studies=32, seed=4), root / "home")
    return root / "home"


def ask(home: Path, *options: object) -> Answer:
    return door("adapt", "--home", home, *LEARNING, *options)


def test_towers_are_printed_with_the_way_to_use_them(tmp_path: Path) -> None:
    home, out = trained_copy(tmp_path), tmp_path / "out"
    before = contents(home, without=["features.sqlite"])
    answer = ask(home, "--towers", "both", "--out", out)
    assert answer.status == 0, answer.err
    assert contents(home, without=["features.sqlite"]) == before
    assert "toy-conv, adapted to " in answer.out
    assert "toy-embedding, adapted to 12 texts and " in answer.out
    assert "views of one picture found together" in answer.out
    assert "negation, against the changed paraphrase (chance 0.5)" in answer.out
    said = json.loads((out / "adapted.json").read_text())
    assert said["transfer"] is None
    files = [one["file"] for one in said["towers"]]
    assert [Path(file).parent for file in files] == [out, out]
    use = f"--set towers.image=file:{files[0]} --set towers.text=file:{files[1]}"
    assert f"next: caselight train --home {home} {use}" in answer.out.splitlines()
    done("train", "--home", home, "--out", tmp_path / "model", *TOY, *use.split())
    record = json.loads((tmp_path / "model" / "run.json").read_text())
    assert record["towers"]["image"].startswith("toy-conv+")


def test_a_model_is_printed_with_what_it_gains_and_forgets(elsewhere: Path, tmp_path: Path) -> None:
    old = trained_copy(tmp_path)
    out = tmp_path / "out"
    options = ("--model", old / "trained", "--pairs", "200,0,5", "--out", out)
    answer = ask(elsewhere, *options, "--old-home", old)
    assert answer.status == 0, answer.err
    rows = [line.split() for line in answer.out.splitlines() if line.startswith(("float", "bits"))]
    assert [row[:2] for row in rows] == [
        *(["float", "0"], ["float", "5"], ["float", "20"]),
        *(["bits_64", "0"], ["bits_64", "5"], ["bits_64", "20"]),
    ]
    assert "forgotten" in answer.out
    assert "there are 20 pairs here; 200 and more mean all of them" in answer.out
    assert "beside 20 new pairs it saw 15 of the old home again" in answer.out
    assert f"next: caselight index build --home {elsewhere} --model {out / 'model'}" in answer.out
    done("evaluate", "--home", elsewhere, "--model", out / "model", *FEW_RESAMPLES)

    said = json.loads((out / "adapted.json").read_text())
    without = ask(elsewhere, *options, "--json")
    assert without.json == json.loads((out / "adapted.json").read_text())
    one, other = (given["transfer"]["points"][0] for given in (said, without.json))
    assert one["recall_at_10"] == other["recall_at_10"]
    assert one["old_recall_at_10"]
    assert other["old_recall_at_10"] == {}
    assert "forgotten" not in ask(elsewhere, *options).out


def test_the_usual_folder_is_in_the_home(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    assert ask(home, "--towers", "text").status == 0
    assert (home / "adapted" / "adapted.json").is_file()


MODEL = ("--model", "HOME/trained")


@pytest.mark.parametrize(
    ("options", "code", "status"),
    [
        ((), "usage.bad_argument", 2),
        (("--towers", "none"), "usage.bad_argument", 2),
        (("--towers", "text", "--old-home", "NEAR"), "usage.bad_argument", 2),
        ((*MODEL, "--old-home", "HOME"), "usage.bad_argument", 2),
        ((*MODEL, "--old-home", "NEAR"), "store.missing", 1),
        ((*MODEL, "--pairs", "few"), "usage.bad_argument", 2),
        ((*MODEL, "--pairs", ""), "usage.bad_argument", 2),
        ((*MODEL, "--pairs", "50,-1"), "usage.bad_argument", 2),
        ((*MODEL, "--pairs", "1.5"), "usage.bad_argument", 2),
        ((*MODEL, "--pairs", "1"), "usage.bad_argument", 2),
        ((*MODEL, "--set", "adapt.epochs=1"), "config.unknown_key", 2),
        ((*MODEL, "--set", "adapt.replay=-1"), "config.out_of_range", 2),
        ((*MODEL, "--set", "finetune.towers=both"), "usage.bad_argument", 2),
        ((*MODEL, "--set", "float_terms.intra_image=0.5"), "config.out_of_range", 2),
        ((*MODEL, "--set", "search.n_bits=128"), "model.no_such_bits", 1),
        (("--model", "NEAR"), "model.not_found", 1),
        (("--towers", "image", "--set", "towers.image=toy"), "model.not_tunable", 1),
        (("--towers", "text", "--set", "towers.text=file:NEAR"), "model.tower_missing", 1),
    ],
)
def test_what_cannot_be_adapted_is_one_sentence(
    tmp_path: Path, options: tuple[str, ...], code: str, status: int
) -> None:
    home = trained()[1]
    answer = ask(home, *named(options, home), "--out", tmp_path / "out")
    assert answer.refusal[0] == code
    assert answer.status == status
    assert answer.out == ""
    assert not (tmp_path / "out").exists()


def test_one_study_is_refused(tmp_path: Path) -> None:
    ingest(one_row(tmp_path / "a", findings="No effusion.", split="train"), tmp_path / "home")
    for options in (("--towers", "image"), ("--towers", "text"), MODEL):
        answer = ask(tmp_path / "home", *named(options, trained()[1]))
        assert answer.refusal[0] == "train.too_few_pairs"
        assert answer.status == 1
    assert not (tmp_path / "home" / "adapted").exists()


def test_a_home_that_is_none_is_refused(tmp_path: Path) -> None:
    answer = ask(tmp_path / "none", "--towers", "text")
    assert answer.refusal[0] == "store.missing"
    assert list(tmp_path.iterdir()) == []
