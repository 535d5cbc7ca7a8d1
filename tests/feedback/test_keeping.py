"""Words are kept by choice, never at the price of an answer, and nowhere but in their store."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from caselight.config import Config
from caselight.data.store import open_store
from caselight.data.words import FILE, KEY_FILE, WordStore, kept_words
from caselight.errors import UsageError
from caselight.feedback.keeping import forget, words_keeper
from caselight.home import Home
from caselight.recording import Recorder
from caselight.types import Query
from tests.feedback.answers import KEEP, WORDS, Asked, ask, asked, owner_of
from tests.homes import trained, trained_copy

PLAIN = Config()


def kept(home: Path) -> dict[int, str]:
    with kept_words(home) as store:
        return store.read(range(10_000))


def rows(home: Path) -> list[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(home / FILE)) as db:
        return db.execute("SELECT day, until FROM words ORDER BY record").fetchall()


def test_nothing_is_kept_unless_it_is_chosen(tmp_path: Path) -> None:
    one = asked(tmp_path, config=PLAIN)
    assert not (one.home / FILE).exists()
    assert not (one.home / KEY_FILE).exists()
    two = ask(one.home)
    assert kept(one.home) == {two.record: WORDS}
    ask(one.home, config=PLAIN)
    ask(one.home, Query(like=("s004",)))
    assert kept(one.home) == {two.record: WORDS}, "a query without words leaves none"
    (row,) = rows(one.home)
    today = datetime.now(UTC).date()
    assert row == (today.isoformat(), (today + timedelta(days=90)).isoformat())


def test_words_are_in_no_file_and_in_nothing_that_is_said(tmp_path: Path) -> None:
    one = asked(tmp_path)
    for path in one.home.rglob("*"):
        assert not path.is_file() or b"kumquat" not in path.read_bytes(), path
    place = Home(one.home, config=KEEP)
    (given,) = place.give_feedback(one.record, one.hits[:1], relevant=True)
    assert "kumquat" not in repr((place, given))


def test_words_that_may_name_somebody_are_not_kept(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    heard: list[str] = []

    def is_identifying(words: str) -> bool:
        heard.append(words)
        return "Doe" in words

    with Home(home, config=KEEP, is_identifying=is_identifying) as place:
        result = place.search("amber of Jane Doe")
        second = place.search(" amber ")
    assert result.notes == second.notes
    assert heard == ["amber of Jane Doe", "amber"]
    assert kept(home) == {second.record: "amber"}


@pytest.mark.parametrize("what", ["no_key", "bad_key", "full"])
def test_an_answer_is_given_though_its_words_cannot_be_kept(tmp_path: Path, what: str) -> None:
    one = asked(tmp_path)
    place = Home(one.home, config=KEEP)
    if what == "no_key":
        (one.home / KEY_FILE).unlink()
    elif what == "bad_key":
        (one.home / KEY_FILE).write_bytes(b"something else")
    with full_disk() if what == "full" else contextlib.nullcontext():
        result = place.search(WORDS)
    assert result.hits
    assert result.notes[-1].startswith("the words were not kept: ")
    assert ("the disk is full" in result.notes[-1]) == (what == "full")
    assert "kumquat" not in result.notes[-1]
    with contextlib.closing(sqlite3.connect(one.home / FILE)) as db:
        assert db.execute("SELECT record FROM words").fetchall() == [(one.record,)]


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    real = WordStore.keep

    def keep(self: WordStore, *args: object, **said: object) -> bool:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        self._db.execute(f"PRAGMA max_page_count = {pages}")
        long = (args[0], "x" * 100_000)
        return real(self, *long, **said)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WordStore, "keep", keep)
        yield


CHILD = """
import os, signal, sys
from caselight.config import Config
from caselight.data.words import WordStore
from caselight.home import Home
real = WordStore.%s
def die(self, *args, **kwargs):
    if %r == "after":
        real(self, *args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
WordStore.%s = die
Home(sys.argv[1], config=Config.from_mapping({"words": {"keep": True}})).search("amber")
"""


@pytest.mark.parametrize(
    ("step", "when"), [("keep", "before"), ("_key", "after"), ("keep", "after")]
)
def test_killed_behind_the_record_the_home_goes_on(tmp_path: Path, step: str, when: str) -> None:
    home = trained_copy(tmp_path)
    before = len([r for r in Home(home).log().records() if r.event == "search.answered"])
    child = subprocess.run(
        [sys.executable, "-c", CHILD % (step, when, step), str(home)], check=False
    )
    assert child.returncode == -signal.SIGKILL
    answered = [r.position for r in Home(home).log().records() if r.event == "search.answered"]
    answered = answered[before:]
    assert len(answered) == 1, "the answer was recorded, and not given"
    one = ask(home)
    said = {one.record: WORDS}
    if (step, when) == ("keep", "after"):
        said[answered[0]] = "amber"
    assert kept(home) == said


def test_whom_the_query_named_is_kept_beside_it(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    key = owner_of(home, "s010")
    for query, named in (
        (Query(text="amber", like=("s004",), unlike=("s000",)), ("s004", "s000")),
        (Query(text="amber", image=trained()[0] / "images" / "004-PA.png"), ("s004",)),
        (Query(text="was 's004'; seen?"), ("s004",)),
        (Query(text=f"patient {key}."), ("s010",)),
        (Query(text="s0044 or f00d"), ()),
    ):
        one = ask(home, query)
        with kept_words(home) as store:
            assert set(store.named(one.record)) == {owner_of(home, study) for study in named}


@pytest.mark.parametrize("how", ["like", "picture", "id"])
def test_an_erasure_while_it_is_answered_is_not_missed(tmp_path: Path, how: str) -> None:
    """An answer that saw the patient before the erasure, and comes to its words behind it."""
    home = trained_copy(tmp_path)
    query = {
        "like": Query(text="amber", like=("s004",)),
        "picture": Query(text="amber"),
        "id": Query(text="amber as in s004"),
    }[how]
    with open_store(home) as store:
        digests = [i.digest for i in store.get(store.rows_named(["s004"])["s004"]).images]
        keep, other = (
            words_keeper(
                store, KEEP.words, is_identifying=lambda _: False, today=lambda: date(2026, 1, 1)
            )
            for _ in range(2)
        )
        shown = digests if how == "picture" else []
        assert keep(7, query, shown) is None
        assert set(kept(home)) == {7}
        Home(home).erase(study="s004")
        assert kept(home) == {}
        note = other(8, query, shown)
        assert note is not None
        assert "the home changed" in note
    assert kept(home) == {}


# Forgotten ----------------------------------------------------------------------------------


def days(home: Path) -> Asked:
    """Words of four days, the last by a search."""
    with open_store(home) as store:
        for record, day in ((1, 1), (2, 2), (3, 3)):
            keep = words_keeper(
                store,
                KEEP.words.model_copy(update={"keep_days": 3650}),
                is_identifying=lambda _: False,
                today=lambda day=day: date(2026, 1, day),  # type: ignore[misc]
            )
            assert keep(record, Query(text=f"words {record}"), []) is None
    return ask(home)


def test_words_are_forgotten_by_day_by_record_and_all_on_the_record(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    one = days(home)
    place = Home(home)
    assert place.forget_words(before=date(2026, 1, 2)).words == 1
    assert set(kept(home)) == {2, 3, one.record}
    assert place.forget_words(record=2).words == 1
    assert place.forget_words(record=2).words == 0
    gone = place.forget_words(everything=True)
    assert (gone.words, gone.key) == (2, True)
    assert kept(home) == {}
    assert not (home / KEY_FILE).exists()
    said = [r.payload for r in place.log().records() if r.event == "words.forgotten"]
    assert said[-1] == {"words": 2, "key": True}
    assert [one["words"] for one in said] == [1, 1, 0, 2]
    assert kept(ask(home).home), "and they can be kept again, under another key"


def test_one_way_to_say_what_to_forget(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    for said in ({}, {"record": 1, "everything": True}, {"before": date(2026, 1, 1), "record": 0}):
        with pytest.raises(UsageError):
            Home(home).forget_words(**said)  # type: ignore[arg-type]
    assert Home(home).forget_words(everything=True).words == 0
    assert not (home / FILE).exists(), "nothing is made to be forgotten"


def test_what_was_kept_ends_with_its_day_though_no_more_is_kept(tmp_path: Path) -> None:
    home = asked(tmp_path).home
    with contextlib.closing(sqlite3.connect(home / FILE)) as db:
        db.execute("UPDATE words SET until = '2026-01-01'")
        db.commit()
    place = Home(home)
    assert place.search("amber").notes == ()
    assert rows(home) == []
    (home / FILE).write_bytes(os.urandom(4096))
    with Home(home) as other:
        assert other.search("amber").hits
        assert "could not be deleted" in other.search("amber").notes[-1]


def test_an_export_forgets_what_is_too_old_by_the_clock_it_is_given(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    one = days(home)
    with open_store(home) as store:
        recorder = Recorder(store, actor="")
        late = date(2026, 1, 2) + timedelta(days=3650)
        assert forget(store, recorder, settings=KEEP.words, today=late, record=99).words == 0
    assert set(kept(home)) == {2, 3}, "the search's own 90 days are over, and those of record 1"
    assert one.record not in kept(home)
