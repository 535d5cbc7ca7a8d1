"""What was said stands, waits, and can be taken back; nothing is half kept."""

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caselight.data import feedback as module
from caselight.data.feedback import (
    FILE,
    Feedback,
    FeedbackStore,
    open_feedback,
    read_feedback,
    same_name,
)
from caselight.errors import FeedbackError, StoreError

WHEN = "2026-01-02T03:04:05Z"
ONE = Feedback(
    id="",
    record=7,
    study_uid="s1",
    patient_key="p1",
    named=("p2",),
    relevant=True,
    source="person",
    by="Ann",
    given=WHEN,
)


def add(store: FeedbackStore, at: int = 8, **changed: object) -> str:
    (one,) = store.add([replace(ONE, **changed)], record=lambda: at)  # type: ignore[arg-type]
    return one.id


def review(store: FeedbackStore, ids: Sequence[str], reviewer: str = "Bob", **said: bool) -> None:
    store.review(
        ids, approve=said.get("approve", True), reviewer=reviewer, at=WHEN, record=lambda: 0
    )


def test_what_was_given_is_read_back_whole_and_waits(tmp_path: Path) -> None:
    assert read_feedback(tmp_path) == ()
    assert not (tmp_path / FILE).exists(), "reading makes no file"
    two = replace(ONE, study_uid="s2", relevant=False, source="mediator", named=())
    with open_feedback(tmp_path) as store:
        kept = store.add([ONE, two], record=lambda: 45)
    assert [one.id for one in kept] == ["45-1", "45-2"]
    assert kept == (replace(ONE, id="45-1"), replace(two, id="45-2"))
    assert read_feedback(tmp_path) == read_feedback(tmp_path, "waiting") == kept
    assert "s1" not in repr(kept)
    assert "p1" not in repr(kept)
    assert "Ann" not in repr(kept)


def test_without_its_record_nothing_is_kept_or_changed(tmp_path: Path) -> None:
    def refuse() -> int:
        raise OSError(28, "no space")

    with open_feedback(tmp_path) as store:
        with pytest.raises(StoreError):
            store.add([ONE], record=refuse)
        assert store.all() == ()
        one = add(store)
        before = store.all()
        with pytest.raises(StoreError):
            store.review([one], approve=True, reviewer="Bob", at=WHEN, record=refuse)
        with pytest.raises(StoreError):
            store.undo(one, record=refuse)
        assert store.all() == before


def test_nobody_approves_their_own_whatever_the_spelling(tmp_path: Path) -> None:
    with open_feedback(tmp_path) as store:
        one = add(store, by="Ann  Lee")
        for name in ("Ann Lee", "ANN LEE", " ann\tlee "):
            with pytest.raises(FeedbackError) as refused:
                review(store, [one], name)
            assert refused.value.code == "feedback.own"
        assert store.all("waiting")
        review(store, [one], "Ann Lee", approve=False)  # whoever gave it may take it off the pile
        assert [each.state for each in store.all()] == ["rejected"]
    assert not same_name("Ann", "Anne")


def test_a_review_is_of_all_that_were_named_or_of_none(tmp_path: Path) -> None:
    with open_feedback(tmp_path) as store:
        one, own = add(store), add(store, 9, by="Bob", study_uid="s2")
        for ids, code in (
            ((one, own), "feedback.own"),
            ((one, "99-1"), "feedback.no_such_id"),
        ):
            with pytest.raises(FeedbackError) as refused:
                review(store, ids)
            assert refused.value.code == code
        assert len(store.all("waiting")) == 2


def test_what_was_decided_stays_decided(tmp_path: Path) -> None:
    with open_feedback(tmp_path) as store:
        one, other = add(store), add(store, 9, study_uid="s2")
        review(store, [one])
        review(store, [other], approve=False)
        store.undo(one, record=lambda: 0)
        for each in (one, other):
            for approve in (True, False):
                with pytest.raises(FeedbackError) as refused:
                    review(store, [each], approve=approve)
                assert refused.value.code == "feedback.decided"
        with pytest.raises(FeedbackError) as refused:
            store.undo(one, record=lambda: 0)
        assert refused.value.code == "feedback.decided"
        with pytest.raises(FeedbackError) as refused:
            store.undo("77-1", record=lambda: 0)
        assert refused.value.code == "feedback.no_such_id"


def test_one_word_a_person_until_it_is_undone(tmp_path: Path) -> None:
    with open_feedback(tmp_path) as store:
        one = add(store)
        with pytest.raises(FeedbackError) as refused:
            add(store, 9, by="ANN", relevant=False)
        assert refused.value.code == "feedback.given_already"
        add(store, 10, by="Cid")
        add(store, 11, record=6)
        store.undo(one, record=lambda: 0)
        add(store, 12, relevant=False)
        assert len(store.all()) == 4


STEPS = st.lists(
    st.tuples(st.sampled_from(["give", "approve", "reject", "undo"]), st.integers(0, 4)),
    max_size=12,
)


@settings(max_examples=25)
@given(STEPS, STEPS)
def test_undone_after_any_history_it_is_as_if_it_had_never_been(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    def play(store: FeedbackStore, steps: list[tuple[str, int]]) -> None:
        for what, n in steps:
            with contextlib.suppress(FeedbackError):
                ids = {each.study_uid: each.id for each in store.all()}
                study = f"s{n}"
                if what == "give":
                    add(store, 100 + len(store.all()), study_uid=study)
                elif study in ids and what == "undo":
                    store.undo(ids[study], record=lambda: 0)
                elif study in ids:
                    review(store, [ids[study]], approve=what == "approve")

    def approved(with_it: bool) -> list[str]:
        with tempfile.TemporaryDirectory() as folder, open_feedback(Path(folder)) as store:
            play(store, before)
            if with_it:
                it = add(store, 9, study_uid="it")
                review(store, [it])
                assert it in [each.id for each in store.all("approved")]
                store.undo(it, record=lambda: 0)
            play(store, after)
            return [each.study_uid for each in store.all("approved")]

    assert approved(with_it=True) == approved(with_it=False)


CHILD = """
import sys
from pathlib import Path
from caselight.data.feedback import open_feedback
from caselight.errors import FeedbackError
won = 0
with open_feedback(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(1, 41):
        try:
            store.review(
                [f"8-{n}"], approve=True, reviewer=sys.argv[2], at="now", record=lambda: 0
            )
            won += 1
        except FeedbackError as error:
            assert error.code == "feedback.decided", error
print(won)
"""


def test_of_two_processes_that_approve_the_same_one_does(tmp_path: Path) -> None:
    with open_feedback(tmp_path) as store:
        store.add([replace(ONE, study_uid=f"s{n}") for n in range(40)], record=lambda: 8)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("Bob", "Cid")
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    won = [int(child.communicate()[0]) for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sum(won) == 40
    named = [one.reviewer for one in read_feedback(tmp_path, "approved")]
    assert [named.count("Bob"), named.count("Cid")] == won


def test_a_full_disk_keeps_nothing_and_loses_nothing(tmp_path: Path) -> None:
    recorded: list[int] = []
    with open_feedback(tmp_path) as store:
        add(store)
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        many = [replace(ONE, study_uid=f"study-{n}", record=99) for n in range(500)]
        with pytest.raises(StoreError) as refused:
            store.add(many, record=lambda: recorded.append(1) or 9)
        assert refused.value.code == "store.disk_full"
        assert [one.id for one in store.all()] == ["8-1"]
        assert recorded == [], "nothing is on the record that was not kept"
        store._db.execute("PRAGMA max_page_count = 100000")
        assert len(store.add(many, record=lambda: 9)) == 500


def test_what_is_dropped_is_overwritten(tmp_path: Path) -> None:
    with open_feedback(tmp_path) as store:
        one, other = add(store, study_uid="secret-study"), add(store, 9, study_uid="s2")
        assert b"secret-study" in (tmp_path / FILE).read_bytes()
        store.drop([one])
        assert [each.id for each in store.all()] == [other]
    assert b"secret-study" not in (tmp_path / FILE).read_bytes()


def test_a_file_of_a_newer_version_or_no_database_is_refused(tmp_path: Path) -> None:
    with open_feedback(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute(f"PRAGMA user_version = {module.VERSION + 1}")
    with pytest.raises(StoreError) as refused:
        read_feedback(tmp_path)
    assert refused.value.code == "store.newer_version"
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be read as one" * 20)
    with pytest.raises(StoreError) as refused:
        read_feedback(tmp_path)
    assert refused.value.code == "store.damaged"
