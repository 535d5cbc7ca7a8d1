"""`caselight search`, from the outside."""

import itertools
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.homes import (
    TOY,
    archive,
    done,
    door,
    picture,
    save,
    trained,
    trained_copy,
    write_records,
)

HIT = {"study", "image", "rank", "hamming", "score", "confidence", "text", "thumbnail"}


def ask(*options: object, home: Path | None = None) -> Any:
    return done("search", *options, "--home", home or trained()[1], "--json").json


@pytest.mark.parametrize("target", ["study", "image", "report"])
@pytest.mark.parametrize("asks", ["text", "image"])
def test_the_answer_has_the_promised_keys(target: str, asks: str) -> None:
    query: tuple[object, ...] = ("amber",)
    if asks == "image":
        query = ("--image", trained()[0] / "images" / "003-PA.png")
    answer = ask(*query, "--target", target, "-k", 4)
    assert answer.keys() >= {"hits", "model", "index", "notes", "cost"}
    assert answer["cost"].keys() == {"latency_ms", "n_compared"}
    assert answer["cost"]["latency_ms"] > 0
    assert 0 < answer["cost"]["n_compared"] <= 54
    assert len(answer["hits"]) == 4
    for rank, hit in enumerate(answer["hits"], start=1):
        assert hit.keys() >= HIT
        assert hit["rank"] == rank
        assert hit["confidence"] is None
        assert 0 <= hit["hamming"] <= 64
        assert isinstance(hit["hamming"], int)
        assert Path(hit["thumbnail"]).is_file()
        assert hit["text"]
    scores = [hit["score"] for hit in answer["hits"]]
    assert all(a >= b for a, b in itertools.pairwise(scores))


def test_words_with_a_dash_or_many_words_are_words() -> None:
    assert ask("left-sided effusion, large")["hits"]
    assert done("search", "--home", trained()[1], "--json", "--", "-effusion").json["hits"]


def test_a_hit_without_an_image_has_no_thumbnail(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    write_records(tmp_path / "more", [{"study_id": "words", "impression": "Heath."}])
    done("ingest", tmp_path / "more", "--home", home)
    done("index", "build", "--home", home)
    (hit,) = ask("heath", "--filter", "study=words", home=home)["hits"]
    assert (hit["study"], hit["image"], hit["thumbnail"]) == ("words", None, None)
    assert hit["text"] == "Heath."


def test_k_larger_than_the_gallery_returns_all_with_a_note() -> None:
    answer = ask("amber", "-k", 999)
    assert len(answer["hits"]) == 12
    assert answer["notes"] == ["k is 999, and the gallery holds 12 patients that may answer"]
    assert len(ask("amber", "-k", 999, "--group", "study")["hits"]) == 24
    assert len(ask("amber", "-k", 999, "--group", "none")["hits"]) == 54


def test_a_person_sees_notes_apart_from_the_table() -> None:
    answer = done("search", "amber", "-k", 999, "--home", trained()[1])
    assert "note: k is 999" in answer.err
    assert "note" not in answer.out
    assert "codes compared" in answer.out


def test_the_own_patient_is_left_out_until_it_is_kept() -> None:
    query = ("--image", trained()[0] / "images" / "003-PA.png", "-k", 999, "--group", "study")
    plain, kept = ask(*query), ask(*query, "--keep-own")
    own = {"s002", "s003"}
    assert own.isdisjoint(hit["study"] for hit in plain["hits"])
    assert own <= {hit["study"] for hit in kept["hits"]}
    assert any("left out" in note for note in plain["notes"])


def test_filters_add_up() -> None:
    answer = ask("amber", "--filter", "sex=F", "--filter", "label=effusion", "-k", 999)
    found = {hit["study"] for hit in answer["hits"]}
    assert found == {f"s{n:03d}" for n in range(0, 24, 4)}


def test_the_same_question_has_the_same_answer() -> None:
    one, other = ask("ember fjord"), ask("ember fjord")
    assert one["hits"] == other["hits"]


def test_a_target_that_is_none_is_a_usage_error() -> None:
    answer = door("search", "amber", "--home", trained()[1], "--target", "patient")
    assert answer.status == 2
    assert "patient" in answer.err


# -- a stale index ---------------------------------------------------------------------------------


def mend(home: Path, *, model: tuple[object, ...] = ()) -> None:
    """Make the index stale, and run the command that the refusal names."""
    save(home.parent / "more" / "m.png", picture(4711))
    write_records(home.parent / "more", [{"image": "m.png", "study_id": "more", "notes": "New."}])
    done("ingest", home.parent / "more", "--home", home)
    answer = door("search", "amber", "--home", home, *model)
    assert answer.status == 1
    code, sentence = answer.refusal
    assert code == "index.stale"
    before = door("search", "amber", "--home", home, *model)
    assert before.refusal == answer.refusal
    command = shlex.split(sentence.split("`")[1])
    assert command[0] == "caselight"
    done(*command[1:])
    hits = ask("amber", "--filter", "study=more", *model, home=home)["hits"]
    assert [hit["study"] for hit in hits] == ["more"]


def test_a_stale_index_names_the_command_that_mends_it(tmp_path: Path) -> None:
    mend(trained_copy(tmp_path))


def test_the_command_mends_it_with_the_same_model(tmp_path: Path) -> None:
    home, model = tmp_path / "home", tmp_path / "model"
    done("ingest", archive(tmp_path / "archive", n_studies=8), "--home", home)
    done("train", "--home", home, "--out", model, *TOY)
    done("index", "build", "--home", home, "--model", model)
    mend(home, model=("--model", model))
