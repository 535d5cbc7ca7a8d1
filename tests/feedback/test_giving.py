"""Feedback is on an answer, waits for somebody else, and is on the record at every step."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from caselight.audit.digests import study_digest
from caselight.audit.log import AuditLog
from caselight.audit.record import AuditRecord
from caselight.data.feedback import read_feedback
from caselight.data.in_use import alone
from caselight.data.store import open_store
from caselight.errors import AuditError, FeedbackError, QueryRefused, StoreError, UsageError
from caselight.home import Home
from caselight.recording import Recorder
from caselight.types import Query
from tests.feedback.answers import WORDS, Asked, ask, asked, owner_of
from tests.homes import picture, save, trained


def last(home: Path) -> AuditRecord:
    return list(Home(home).log().records())[-1]


@pytest.fixture
def one(tmp_path: Path) -> Asked:
    return asked(tmp_path)


def test_what_is_given_waits_and_stands_on_the_record_without_a_name(one: Asked) -> None:
    place = Home(one.home, actor="ward-7")
    given = place.give_feedback(one.record, one.hits[:2], relevant=True, by="Ann Lee")
    assert place.feedback() == place.feedback("waiting") == given
    assert [g.study_uid for g in given] == list(one.hits[:2])
    record = last(one.home)
    assert (record.event, record.actor) == ("feedback.given", "ward-7")
    assert [g.id for g in given] == [f"{record.position}-1", f"{record.position}-2"]
    with open_store(one.home) as store:
        owners = [store.owner(study) for study in one.hits[:2]]
        salts = store.salts(owners)
    said = record.payload
    assert said["studies"] == [
        study_digest(salts[o], s) for o, s in zip(owners, one.hits, strict=False)
    ]
    assert (said["record"], said["relevant"], said["source"]) == (one.record, True, "person")
    log = (one.home / "audit" / "log").read_text("utf-8")
    assert not [word for word in ("Ann", "Lee", "kumquat", *owners) if word in log]


def test_who_gives_and_who_reviews_is_the_actor_unless_said(one: Asked) -> None:
    place = Home(one.home, actor="Ann")
    (given,) = place.give_feedback(one.record, one.hits[:1], relevant=True)
    with pytest.raises(FeedbackError) as refused:
        place.review_feedback([given.id], approve=True)
    assert refused.value.code == "feedback.own"
    assert last(one.home).payload == {"request": "feedback", "code": "feedback.own"}
    Home(one.home, actor="Bob").review_feedback([given.id], approve=True)
    (found,) = place.feedback("approved")
    assert (found.by, found.reviewer) == ("Ann", "Bob")
    assert found.reviewed is not None
    record = last(one.home)
    assert record.event == "feedback.reviewed"
    assert record.payload["feedback"] == [given.id]
    assert record.payload["approved"] is True
    assert "Bob" not in json.dumps(record.payload)


def test_the_mediator_waits_like_anybody(one: Asked) -> None:
    place = Home(one.home)
    (given,) = place.give_feedback(
        one.record, one.hits[:1], relevant=False, by="mediator", source="mediator"
    )
    assert (given.source, given.state) == ("mediator", "waiting")
    assert last(one.home).payload["source"] == "mediator"
    with pytest.raises(FeedbackError):
        place.review_feedback([given.id], approve=True, reviewer="Mediator")
    assert not place.export_feedback(texts=()).pairs


def test_a_study_must_be_a_hit_of_that_answer_by_the_records_digests(tmp_path: Path) -> None:
    one = asked(tmp_path, Query(text="amber", k=3))
    other = next(s for s in ask(one.home).hits if s not in one.hits)
    place = Home(one.home)
    with pytest.raises(FeedbackError) as refused:
        place.give_feedback(one.record, [one.hits[0], other], relevant=True)
    assert refused.value.code == "feedback.not_a_hit"
    assert other not in str(refused.value)
    assert place.feedback() == ()
    assert place.give_feedback(one.record, [other], relevant=True, any_study=True)
    for any_study in (False, True):
        with pytest.raises(QueryRefused) as none:
            place.give_feedback(one.record, ["nobody"], relevant=True, any_study=any_study)
        assert none.value.code == "query.no_such_study"


@pytest.mark.parametrize("record", [-1, 0, 10**9])
def test_a_record_that_is_no_answer_is_refused(one: Asked, record: int) -> None:
    with pytest.raises(FeedbackError) as refused:
        Home(one.home).give_feedback(record, one.hits[:1], relevant=True)
    assert refused.value.code == "feedback.no_such_answer"


def test_names_and_lists_that_say_nothing_are_refused(one: Asked) -> None:
    place = Home(one.home)
    for name in ("", "  ", "a\nb", "\x1b[31m", "n" * 101):
        with pytest.raises(FeedbackError) as refused:
            place.give_feedback(one.record, one.hits[:1], relevant=True, by=name)
        assert refused.value.code == "feedback.bad_name"
    with pytest.raises(UsageError):
        place.give_feedback(one.record, [], relevant=True)
    with pytest.raises(UsageError):
        place.review_feedback([], approve=True)
    with pytest.raises(UsageError, match="expected one of person, mediator"):
        place.give_feedback(one.record, one.hits[:1], relevant=True, source="model")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="expected one of waiting, approved"):
        place.feedback("aproved")  # type: ignore[arg-type]
    assert place.feedback() == ()


def test_whom_the_query_named_is_known_with_and_without_kept_words(tmp_path: Path) -> None:
    source, _ = trained()
    home = asked(tmp_path).home
    shown = save(tmp_path / "same.png", picture(2 * 4 + 1))  # as s004 has it, by its pixels
    assert source.exists()
    for query in (
        Query(text="amber", like=("s004",)),
        Query(text="amber", unlike=("s004",)),
        Query(text="amber", image=shown),
        Query(text="amber", like=("s004",), unlike=("s010",)),
    ):
        one = ask(home, query, config=Home(home).config)
        (given,) = Home(home).give_feedback(one.record, one.hits[:1], relevant=True)
        names = {"s004", *query.unlike}
        assert set(given.named) == {owner_of(home, study) for study in names}
    one = ask(home, Query(text="amber as in (s004), or so"))
    (given,) = Home(home).give_feedback(one.record, one.hits[:1], relevant=True)
    assert given.named == (owner_of(home, "s004"),), "the kept words had an id in them"


def test_while_a_patient_is_erased_nothing_is_given(one: Asked) -> None:
    with alone(one.home), pytest.raises(StoreError) as refused:
        Home(one.home).give_feedback(one.record, one.hits[:1], relevant=True)
    assert refused.value.code == "store.in_use"


# Undone -------------------------------------------------------------------------------------


def test_undoing_names_the_models_that_learned_and_those_that_began_there(one: Asked) -> None:
    place = Home(one.home)
    first, other = place.give_feedback(one.record, one.hits[:2], relevant=True)
    with open_store(one.home) as store:
        recorder = Recorder(store, actor="")
        for model, began, ids in (
            ("a", None, [first.id]),
            ("b", None, [other.id]),
            ("c", "a" * 64, []),
            ("d", "c" * 64, [first.id]),
            ("e", "b" * 64, []),
        ):
            said: dict[str, Any] = {"began": began, "feedback": ids}
            recorder.trained("model.trained", model * 64, [], said)
    learned = place.undo_feedback(first.id)
    assert [(one.model[0], one.how) for one in learned] == [
        ("a", "directly"),
        ("c", "through"),
        ("d", "directly"),
    ]
    assert last(one.home).payload == {
        "feedback": first.id,
        "models": [one.model for one in learned],
    }
    assert [one.state for one in place.feedback()] == ["undone", "waiting"]


# Interrupted --------------------------------------------------------------------------------

CHILD = """
import os, signal, sys
from caselight.home import Home
from caselight.recording import Recorder
home, what, at, ids = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
real = Recorder.say
def say(self, event, payload):
    position = real(self, event, payload)
    if event.startswith("feedback."):
        os.kill(os.getpid(), signal.SIGKILL)
    return position
Recorder.say = say
place = Home(home)
if what == "give":
    place.give_feedback(at, ids, relevant=True, by="Ann")
elif what == "review":
    place.review_feedback(ids, approve=True, reviewer="Bob")
else:
    place.undo_feedback(ids[0])
"""


def killed(home: Path, what: str, at: int, *ids: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(home), what, str(at), *ids], check=False
    )
    assert child.returncode == -signal.SIGKILL


def test_killed_between_the_record_and_the_keeping_it_is_done_again(one: Asked) -> None:
    place, hit = Home(one.home), one.hits[0]
    killed(one.home, "give", one.record, hit)
    assert place.feedback() == ()
    before = last(one.home)
    assert before.event == "feedback.given"
    (given,) = place.give_feedback(one.record, [hit], relevant=True, by="Ann")
    assert given.id != f"{before.position}-1", "no id is used twice"
    killed(one.home, "review", 0, given.id)
    assert place.feedback() == (given,)
    place.review_feedback([given.id], approve=True, reviewer="Bob")
    killed(one.home, "undo", 0, given.id)
    assert [one.state for one in place.feedback()] == ["approved"]
    place.undo_feedback(given.id)
    events = [r.event for r in place.log().records() if r.event.startswith("feedback.")]
    assert events == ["feedback.given"] * 2 + ["feedback.reviewed"] * 2 + ["feedback.undone"] * 2
    assert not list(one.home.glob("*-journal"))


def test_what_cannot_be_recorded_is_not_kept(one: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> list[int]:
        raise AuditError(os.strerror(28), code="audit.not_written")

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "append", full)
        with pytest.raises(AuditError):
            Home(one.home).give_feedback(one.record, one.hits[:1], relevant=True)
    assert read_feedback(one.home) == ()


def test_no_word_or_name_is_in_a_refusal(one: Asked) -> None:
    place = Home(one.home)
    (given,) = place.give_feedback(one.record, one.hits[:1], relevant=True, by="Ann")
    for act in (
        lambda: place.give_feedback(one.record, one.hits[:1], relevant=True, by="ann"),
        lambda: place.review_feedback([given.id], approve=True, reviewer="ANN"),
        lambda: place.export_feedback(texts=[WORDS]),
    ):
        with pytest.raises(FeedbackError) as refused:
            act()
        said = str(refused.value)
        assert not [word for word in ("Ann", "ANN", "kumquat", one.hits[0]) if word in said]
