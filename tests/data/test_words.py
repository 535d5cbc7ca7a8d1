"""Kept words: sealed, for their days alone, and gone when they are to be gone."""

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caselight.data.words import (
    FILE,
    KEY_FILE,
    VERSION,
    WordStore,
    has_words,
    kept_words,
    open_words,
)
from caselight.errors import StoreError, WordsError

DAY = date(2026, 3, 1)
PHRASE = "kumquat-like opacity"


def keep(
    store: WordStore,
    record: int,
    words: str = PHRASE,
    *,
    today: date = DAY,
    days: int = 90,
    named: tuple[str, ...] = (),
    unchanged: bool = True,
) -> bool:
    return store.keep(
        record, words, today=today, days=days, named=named, unchanged=lambda: unchanged
    )


@contextlib.contextmanager
def opened(home: Path, *, key: Path | None = None, today: date = DAY) -> Iterator[WordStore]:
    with open_words(home, key=None if key is None else str(key), today=today) as store:
        yield store


def rows(home: Path) -> list[tuple[int]]:
    with contextlib.closing(sqlite3.connect(home / FILE)) as db:
        return db.execute("SELECT record FROM words ORDER BY record").fetchall()


def change(home: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(home / FILE)) as db:
        db.execute(sql)
        db.commit()


# Sealed -------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.dictionaries(st.integers(0, 2**40), st.text(min_size=1, max_size=300), max_size=5))
def test_words_are_read_back_as_they_were(said: dict[int, str]) -> None:
    said = {n: text for n, text in said.items() if not any(0xD800 <= ord(c) < 0xE000 for c in text)}
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as store:
        for record, text in said.items():
            assert keep(store, record, text)
        assert store.read(said) == said
        assert store.read([*said, -1, 2**41]) == said
        assert len(store) == len(said)


def test_no_word_lies_in_any_file_and_equal_words_look_different(tmp_path: Path) -> None:
    assert not has_words(tmp_path)
    with opened(tmp_path) as store:
        keep(store, 1)
        keep(store, 2)
    assert has_words(tmp_path)
    for path in tmp_path.iterdir():
        assert b"kumquat" not in path.read_bytes()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as db:
        (one, nonce), (two, other) = db.execute("SELECT ciphertext, nonce FROM words").fetchall()
    assert one != two
    assert nonce != other
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    with opened(tmp_path) as store:
        assert PHRASE not in repr(store)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE words SET ciphertext = zeroblob(36) WHERE record = 2",
        "UPDATE words SET ciphertext = x'' WHERE record = 2",
        "UPDATE words SET ciphertext = 'text' WHERE record = 2",
        "UPDATE words SET nonce = zeroblob(12) WHERE record = 2",
        "UPDATE words SET nonce = x'' WHERE record = 2",
        "UPDATE words SET day = '2030-01-01' WHERE record = 2",
        "UPDATE words SET until = '2030-01-01' WHERE record = 2",
        "UPDATE words SET named = '[]' WHERE record = 2",
        "UPDATE words SET named = CAST(x'ff00' AS TEXT) WHERE record = 2",
        "UPDATE words SET (nonce, ciphertext) = (SELECT nonce, ciphertext FROM words"
        " WHERE record = 1) WHERE record = 2",
    ],
)
def test_a_row_that_was_changed_or_moved_is_refused_and_named(tmp_path: Path, sql: str) -> None:
    with opened(tmp_path) as store:
        keep(store, 1)
        keep(store, 2, "other words", named=("p",))
    change(tmp_path, sql)
    with opened(tmp_path) as store:
        with pytest.raises(WordsError, match="of record 2 were changed") as refused:
            store.read([1, 2])
        assert refused.value.code == "words.altered"
        assert "other words" not in str(refused.value)
        assert store.read([1]) == {1: PHRASE}, "the others can be read"
        assert store.forget([2]) == 1
        assert store.read([1, 2]) == {1: PHRASE}


# The key ------------------------------------------------------------------------------------


def test_another_key_is_told_from_damage(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, 1)
    (tmp_path / "other").mkdir()
    with opened(tmp_path / "other") as store:
        keep(store, 1)
    (tmp_path / "other" / KEY_FILE).replace(tmp_path / KEY_FILE)
    with opened(tmp_path) as store:
        for act in (lambda: store.read([1]), lambda: keep(store, 2)):
            with pytest.raises(WordsError) as refused:
                act()
            assert refused.value.code == "words.wrong_key"
    assert rows(tmp_path) == [(1,)]


def test_a_lost_key_is_not_made_anew_over_what_it_sealed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, 1)
        (tmp_path / KEY_FILE).unlink()
        for act in (lambda: store.read([1]), lambda: keep(store, 2)):
            with pytest.raises(WordsError) as refused:
                act()
            assert refused.value.code == "words.no_key"
        assert not (tmp_path / KEY_FILE).exists()
        assert store.forget_all() == (1, False)
        assert keep(store, 3)
        assert store.read([3]) == {3: PHRASE}


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 32, b"caselight-words-key 00\n"])
def test_a_file_that_is_no_key_is_refused_and_never_destroyed(tmp_path: Path, data: bytes) -> None:
    elsewhere = tmp_path / "precious"
    elsewhere.write_bytes(data)
    elsewhere.chmod(0o600)
    with opened(tmp_path, key=elsewhere) as store:
        with pytest.raises(WordsError) as refused:
            keep(store, 1)
        assert refused.value.code == "words.bad_key"
        assert store.forget_all() == (0, False)
    assert elsewhere.read_bytes() == data
    assert rows(tmp_path) == []


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, 1)
        (tmp_path / KEY_FILE).chmod(0o640)
        with pytest.raises(WordsError, match="chmod") as refused:
            store.read([1])
        assert refused.value.code == "words.bad_key"
        (tmp_path / KEY_FILE).chmod(0o600)
        assert store.read([1]) == {1: PHRASE}


def test_a_key_may_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "safe").mkdir()
    (tmp_path / "home").mkdir()
    key = tmp_path / "safe" / "k"
    with opened(tmp_path / "home", key=key) as store:
        keep(store, 1)
    assert not (tmp_path / "home" / KEY_FILE).exists()
    with opened(tmp_path / "home") as store, pytest.raises(WordsError):
        store.read([1])
    with opened(tmp_path / "home", key=key) as store:
        assert store.read([1]) == {1: PHRASE}
        assert store.forget_all() == (1, True)
    assert not key.exists()


def test_the_key_of_another_home_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for name in ("one", "two"):
        with opened(tmp_path / name) as store:
            keep(store, 1)
    other = tmp_path / "two" / KEY_FILE
    with opened(tmp_path / "one", key=other) as store:
        assert store.forget_all() == (1, False)
    with opened(tmp_path / "two") as store:
        assert store.read([1]) == {1: PHRASE}


def test_a_key_that_was_made_before_a_kill_is_taken_up(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, 1)
    change(tmp_path, "DELETE FROM words")
    change(tmp_path, "DELETE FROM sealed")  # as if it had ended before its transaction did
    key = (tmp_path / KEY_FILE).read_bytes()
    with opened(tmp_path) as store:
        assert keep(store, 2)
        assert store.read([2]) == {2: PHRASE}
    assert (tmp_path / KEY_FILE).read_bytes() == key


def test_when_the_last_row_has_ended_its_key_can_still_be_destroyed(tmp_path: Path) -> None:
    key = tmp_path / "elsewhere"
    with opened(tmp_path, key=key) as store:
        keep(store, 1)
        store.forget([1])
        assert store.forget_all() == (0, True)
    assert not key.exists()


def test_without_the_key_an_old_copy_says_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, 1)
        copy = (tmp_path / FILE).read_bytes()
        assert store.forget_all() == (1, True)
        assert store.forget_all() == (0, False)
    (tmp_path / FILE).write_bytes(copy)
    with opened(tmp_path) as store, pytest.raises(WordsError) as refused:
        store.read([1])
    assert refused.value.code == "words.no_key"


# Their days ---------------------------------------------------------------------------------


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 200)), min_size=1, max_size=6),
    st.integers(0, 700),
)
def test_words_end_with_their_last_day_whoever_opens(kept: list[tuple[int, int]], at: int) -> None:
    today = DAY + timedelta(days=at)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with kept_words(home) as store:
            for record, (begin, days) in enumerate(kept):
                keep(store, record, today=DAY + timedelta(days=begin), days=days)
        with opened(home, today=today) as store:
            left = set(store.read(range(len(kept))))
        assert left == {n for n, (begin, days) in enumerate(kept) if begin + days >= at}


def test_what_was_kept_before_a_day_goes_and_the_bytes_with_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, 1, named=("patient-of-old",))
        keep(store, 2, today=DAY + timedelta(days=1))
        assert b"patient-of-old" in (tmp_path / FILE).read_bytes()
        assert store.forget_before(DAY) == 0
        assert store.forget_before(DAY + timedelta(days=1)) == 1
        assert store.forget_before(DAY + timedelta(days=1)) == 0
        assert store.read([1, 2]) == {2: PHRASE}
    assert b"patient-of-old" not in (tmp_path / FILE).read_bytes()


# Whom they named ----------------------------------------------------------------------------


def test_whom_a_query_named_is_known_without_a_key(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, 1, named=("p2", "p1"))
        keep(store, 2)
        (tmp_path / KEY_FILE).unlink()
        assert (store.named(1), store.named(2), store.named(3)) == (("p1", "p2"), (), ())
        assert store.stray(lambda patient: patient != "p1") == [1]
        assert store.stray(lambda _: True) == []
    change(tmp_path, "UPDATE words SET named = '[' WHERE record = 1")
    with opened(tmp_path) as store:
        assert store.stray(lambda _: True) == [1], "nobody can say whom it named: it goes"
        with pytest.raises(WordsError) as refused:
            store.named(1)
        assert refused.value.code == "words.altered"


def test_words_of_a_home_that_changed_meanwhile_are_not_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert not keep(store, 1, unchanged=False)
        assert len(store) == 0
        assert not (tmp_path / KEY_FILE).exists()


# What goes wrong ----------------------------------------------------------------------------


def test_a_full_disk_keeps_nothing_and_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        keep(store, 1)
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError) as refused:
            keep(store, 2, "x" * 100_000)
        assert refused.value.code == "store.disk_full"
        assert store.read([1, 2]) == {1: PHRASE}
        store._db.execute("PRAGMA max_page_count = 100000")
        assert keep(store, 2, "x" * 100_000)


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    change(tmp_path, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreError) as refused, opened(tmp_path):
        pass
    assert refused.value.code == "store.newer_version"


CHILD = """
import sys
from datetime import date
from pathlib import Path
from caselight.data.words import open_words
day = date(2026, 3, 1)
print("ready", flush=True)
sys.stdin.readline()
for n in range(20):
    with open_words(Path(sys.argv[1]), key=None, today=day) as store:
        store.keep(
            2 * n + int(sys.argv[2]), f"words {n}", today=day, days=9, named=(),
            unchanged=lambda: True,
        )
"""


def test_two_processes_that_begin_at_once_share_one_key(tmp_path: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), number],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in "01"
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.communicate("\n")
    assert [child.returncode for child in children] == [0, 0]
    with opened(tmp_path) as store:
        assert store.read(range(40)) == {n: f"words {n // 2}" for n in range(40)}
