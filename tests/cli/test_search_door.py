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

HIT = {"study", "image", "rank", "hamming", "score", "confidence", "text", "thumbnail", "check"}


def ask(*options: object, home: Path | None = None) -> Any:
    return done("search", *options, "--home", home or trained()[1], "--json").json


@pytest.mark.parametrize("target", ["study", "image", "report"])
@pytest.mark.parametrize("asks", ["text", "image"])
def test_the_answer_has_the_promised_keys(target: str, asks: str) -> None:
    query: tuple[object, ...] = ("amber",)
    if asks == "image":
        query = ("--image", trained()[0] / "images" / "003-PA.png")
    answer = ask(*query, "--target", target, "-k", 4)
    assert answer.keys() == {
        *("hits", "model", "index", "notes", "cost", "record", "query", "missing", "version"),
        *("plan", "dropped"),
    }
    assert (answer["plan"], answer["dropped"]) == (None, [])
    assert answer["missing"] is None
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
    assert len(ask("amber", "-k", 999, "--group", "image")["hits"]) == 30


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


# -- the ways of asking ----------------------------------------------------------------------------


def film() -> Path:
    return trained()[0] / "images" / "003-PA.png"


def test_words_and_a_picture_are_one_query_and_the_answer_says_how() -> None:
    answer = ask("amber", "--image", film(), "--image-weight", 0.25, "--fusion", "ranks")
    assert answer["query"]["fusion"] == "ranks"
    assert answer["query"]["image_weight"] == 0.25
    assert all(hit["parts"].keys() == {"image", "text"} for hit in answer["hits"])
    assert all(hit["hamming"] is None for hit in answer["hits"])
    shown = done("search", "amber", "--image", film(), "--home", trained()[1]).out
    assert "words and picture by vectors, image weight 0.4; model" in shown
    head = " ".join(shown.splitlines()[0].split())
    assert head == "rank study image bits differ score by image by text matched text"


def test_a_setting_of_the_weight_is_that_of_the_option() -> None:
    one = ask("amber", "--image", film(), "--image-weight", 0.9)
    other = ask("amber", "--image", film(), "--set", "search.image_weight=0.9")
    assert one["hits"] == other["hits"]
    assert one["query"] == other["query"]


def test_words_are_looked_for_in_reports() -> None:
    answer = ask("amber", "--by", "words", "-k", 999, "--group", "study")
    assert answer["hits"]
    assert all("amber" in hit["text"].lower() for hit in answer["hits"])
    assert all(hit["parts"] == {"words": hit["score"]} for hit in answer["hits"])
    both = ask("amber", "--by", "both")
    assert all(hit["parts"].keys() == {"codes", "words"} for hit in both["hits"])
    shown = done("search", "amber", "--by", "both", "--home", trained()[1]).out
    assert "codes and words by reciprocal rank fusion; model" in shown
    assert "codes and texts compared" in shown


def test_a_search_goes_on_with_the_command_that_it_prints() -> None:
    asked = ("search", "-k", 5, "--group", "study", "--filter", "sex=F|M", "--by", "both",
             "--patient", "age=63,sex=F", "--unlike", "s009", "--set", "search.shortlist=20",
             "--home", trained()[1], "--", "-amber 'zone'")  # fmt: skip
    first = done(*asked)
    (line,) = [one for one in first.out.splitlines() if one.startswith("more like the first: ")]
    command = shlex.split(line.removeprefix("more like the first: "))
    assert command[0] == "caselight"
    query = done(*command[1:], "--json").json["query"]
    assert query["like"] == [first.out.splitlines()[1].split()[1]]
    del query["like"]
    assert query == {
        "text": "-amber 'zone'",
        "image": None,
        "unlike": ["s009"],
        "patient": {"age": "63", "sex": "F"},
        "target": "study",
        "k": 5,
        "filters": {"sex": "F|M"},
        "keep_own": False,
        "by": "both",
        "fusion": None,
        "image_weight": None,
        "group": "study",
    }
    again = done(*command[1:])
    assert f"--like {first.out.splitlines()[1].split()[1]} --like" in again.out


def test_a_composed_search_goes_on_too() -> None:
    first = done("search", "amber", "--image", film(), "--keep-own", "--home", trained()[1])
    (line,) = [one for one in first.out.splitlines() if one.startswith("more like the first: ")]
    query = done(*shlex.split(line.split(": ", 1)[1])[1:], "--json").json["query"]
    assert (query["fusion"], query["image_weight"]) == ("vectors", 0.4)
    assert query["keep_own"]
    assert len(query["like"]) == 1


@pytest.mark.parametrize(
    ("options", "by"),
    [(("--by", "words"), "both"), (("--keep-own", "--unlike", "FIRST"), "codes")],
)
def test_every_answer_goes_on(options: tuple[str, ...], by: str) -> None:
    best = ask("amber")["hits"][0]["study"]
    weak = ("--set", "search.unlike_weight=0") if "FIRST" in options else ()
    named = [best if option == "FIRST" else option for option in options]
    first = done("search", "amber", *named, *weak, "--home", trained()[1])
    (line,) = [one for one in first.out.splitlines() if one.startswith("more like the first: ")]
    query = done(*shlex.split(line.split(": ", 1)[1])[1:], "--json").json["query"]
    assert (query["by"], query["unlike"]) == (by, [])
    assert len(query["like"]) == 1


def test_words_are_printed_as_they_were_said() -> None:
    said = done("search", ":heart: amber", "--home", trained()[1]).out
    assert "caselight search ':heart: amber'" in said


def test_several_studies_may_be_named() -> None:
    answer = ask("--like", "s000", "--like", "s004", "--unlike", "s008", "-k", 99)
    assert answer["query"]["like"] == ["s000", "s004"]
    named = {"s000", "s001", "s004", "s005", "s008"}
    assert named.isdisjoint(hit["study"] for hit in answer["hits"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--like", "nobody"), "query.no_such_study"),
        (("amber", "--like", "s001", "--unlike", "s001"), "query.bad_combination"),
        (("--image", "FILM", "--by", "words"), "query.bad_combination"),
        (("--unlike", "s001"), "query.empty"),
        (("amber", "--image-weight", "0.5"), "query.bad_weight"),
        (("amber", "--image", "FILM", "--image-weight", "2"), "query.bad_weight"),
        (("amber", "--patient", "age=old"), "query.bad_patient"),
        (("amber", "--filter", "age=70..60"), "query.bad_filter"),
        (("amber", "--filter", "date=2024-02-30"), "query.bad_filter"),
    ],
)
def test_what_cannot_be_asked_has_one_line_with_a_code(
    options: tuple[object, ...], code: str
) -> None:
    named = [film() if option == "FILM" else option for option in options]
    answer = door("search", *named, "--home", trained()[1])
    assert answer.status == 1
    assert answer.refusal[0] == code


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
