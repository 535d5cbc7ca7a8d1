"""The command `feedback`: all of it through the door, and what it refuses."""

import json
from pathlib import Path

import pytest

from tests.cli.refusals import refused
from tests.homes import TOY, Answer, done, door, trained_copy

KEEP = ("--set", "words.keep=true")
WORDS = "kumquat amber"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, list[str]]:
    """A home, an answer of it, and its hits of the training split."""
    home = trained_copy(tmp_path_factory.mktemp("feedback"))
    asked = ("search", WORDS, "--filter", "split=train", "--group", "study", "-k", "8", "--json")
    found = done(*asked, "--home", home, *KEEP).json
    return home, found["record"], [hit["study"] for hit in found["hits"]]


def given(home: Path, record: int, *studies: str, by: str) -> list[str]:
    said = done("feedback", "add", record, *studies, "--relevant", "--by", by, "--home", home)
    return [line.split()[1] for line in said.out.splitlines()]


def test_from_a_word_to_a_pair_and_back(whole: tuple[Path, int, list[str]], tmp_path: Path) -> None:
    home, record, hits = whole
    one, other = given(home, record, *hits[:2], by="Dot")
    listed = done("feedback", "list", "--home", home).out
    assert all(word in listed for word in (one, other, hits[0], "Dot", "waiting", "relevant"))
    done("feedback", "review", "approve", one, "--reviewer", "Bob", "--home", home)
    done("feedback", "review", "reject", other, "--reviewer", "Bob", "--home", home)
    found = done("feedback", "list", "--state", "approved", "--home", home, "--json").json
    assert [(f["feedback"], f["reviewer"], f["state"]) for f in found] == [(one, "Bob", "approved")]
    printed = done("feedback", "export", "--home", home)
    (pair,) = map(json.loads, printed.out.splitlines())
    assert (pair["text"], pair["study"]) == (WORDS, hits[0])
    written = done("feedback", "export", "--out", tmp_path / "pairs", "--home", home)
    assert (tmp_path / "pairs").read_text("utf-8") == printed.out
    assert "1 pairs written" in written.out
    model = tmp_path / "model"
    trained = done("train", "--feedback", "--home", home, "--out", model, *TOY)
    assert "feedback that it learned from: 1" in trained.out
    undone = done("feedback", "undo", one, "--home", home, "--json").json
    assert undone["feedback"] == one
    assert [m["how"] for m in undone["models"]] == ["directly"]
    nothing = done("feedback", "export", "--home", home)
    assert nothing.out == ""
    assert "no pair to learn from" in nothing.err


def test_a_word_can_be_on_any_study_with_like(whole: tuple[Path, int, list[str]]) -> None:
    home, record, _ = whole
    asked = ("feedback", "add", record, "s023", "--not-relevant", "--by", "Eve", "--home", home)
    refused(door(*asked), code="feedback.not_a_hit", status=1, says="add --like")
    said = done(*asked, "--like", "--json").json
    assert [(f["study"], f["relevant"], f["by"]) for f in said] == [("s023", False, "Eve")]


def test_words_are_forgotten_when_somebody_is_sure(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    done("search", WORDS, "--home", home, *KEEP)
    forget = ("feedback", "forget", "--home", home)
    assert "words of 0 searches" in done(*forget, "--before", "2020-02-29").out
    refused(door(*forget, "--all"), code="erase.not_confirmed", status=1, says="add --yes")
    gone = done(*forget, "--all", "--yes").out
    assert "words of 1 searches" in gone
    assert "key was destroyed" in gone
    assert "the key is not there" in done(*forget, "--all", "--yes").out


REFUSED = [
    (("add", "0", "HIT", "--relevant"), "feedback.no_such_answer", 1, "search.answered"),
    (("add", "999999", "HIT", "--relevant"), "feedback.no_such_answer", 1, "is no answer"),
    (("add", "RECORD", "HIT"), "usage.bad_argument", 2, "--relevant or --not-relevant"),
    (("add", "RECORD", "none", "--relevant"), "query.no_such_study", 1, "no study of that id"),
    (("add", "RECORD", "s023", "--relevant"), "feedback.not_a_hit", 1, "1 of 1 studies"),
    (("add", "RECORD", "HIT", "--relevant", "--by", " "), "feedback.bad_name", 1, "--by"),
    (("add", "RECORD", "HIT", "--relevant", "--by", "Ann"), "feedback.given_already", 1, "undo"),
    (("review", "approve", "GIVEN", "--reviewer", "ann"), "feedback.own", 1, "somebody else"),
    (("review", "approve", "no-1", "--reviewer", "Bob"), "feedback.no_such_id", 1, "list"),
    (("review", "reject", "GIVEN", "--reviewer", ""), "feedback.bad_name", 1, "--reviewer"),
    (("review", "reject", "DONE", "--reviewer", "Bob"), "feedback.decided", 1, "is rejected"),
    (("undo", "77-1"), "feedback.no_such_id", 1, "feedback list"),
    (("export", "--text", "other words"), "feedback.other_words", 1, "letter by letter"),
    (("export", "--out", "HOME"), "data.not_empty", 1, "name a new one"),
    (("export", "--set", "words.keeps=1"), "config.unknown_key", 2, "words.keep"),
    (("export", "--set", "words.keep_days=0"), "config.out_of_range", 2, "greater than or equal"),
    (("forget",), "usage.bad_argument", 2, "give a day, a record, or all"),
    (("forget", "--before", "tomorrow"), "usage.bad_argument", 2, "YYYY-MM-DD"),
    (("forget", "--all", "--record", "1", "--yes"), "usage.bad_argument", 2, "expected one"),
]


@pytest.fixture(scope="module")
def waiting(whole: tuple[Path, int, list[str]]) -> dict[str, str]:
    home, record, hits = whole
    one, other = given(home, record, hits[4], hits[5], by="Ann")
    done("feedback", "review", "reject", other, "--reviewer", "Bob", "--home", home)
    names = {"HOME": str(home), "RECORD": str(record), "HIT": hits[4]}
    return {**names, "GIVEN": one, "DONE": other}


@pytest.mark.parametrize(("args", "code", "status", "says"), REFUSED)
def test_what_cannot_be_is_refused_in_one_sentence(
    waiting: dict[str, str], args: tuple[str, ...], code: str, status: int, says: str
) -> None:
    words = [waiting.get(word, word) for word in args]
    before = listed(waiting)
    refused(
        door("feedback", *words, "--home", waiting["HOME"]), code=code, status=status, says=says
    )
    assert listed(waiting).out == before.out


def listed(waiting: dict[str, str]) -> Answer:
    return done("feedback", "list", "--home", waiting["HOME"], "--json")


def test_words_without_feedback_are_a_usage_error(waiting: dict[str, str]) -> None:
    for command in (("train",), ("tune", "--minutes", "1")):
        answer = door(*command, "--words", WORDS, "--home", waiting["HOME"], *TOY)
        refused(answer, code="usage.bad_argument", status=2, says="add --feedback")


def test_without_a_home_there_is_nothing_to_say(tmp_path: Path) -> None:
    for command in (
        ("add", "1", "s", "--relevant"),
        ("list",),
        ("review", "approve", "1-1"),
        ("undo", "1-1"),
        ("export",),
        ("forget", "--record", "1"),
    ):
        answer = door("feedback", *command, "--home", tmp_path / "none")
        refused(answer, code="store.missing", status=1, says="ingest")
        assert not (tmp_path / "none").exists()
