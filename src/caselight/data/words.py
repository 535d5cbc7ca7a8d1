"""The words of queries, kept only where a site asks for it: encrypted, for some days, erasable.

`words.sqlite` holds a row for each record of a search: a nonce, the encrypted words, the day, the
last day they may be kept, and the pseudonyms of patients whom the query named. The key lies apart,
in `words-key` of the home or where a setting says; without it nobody reads a word, so destroying it
erases all of them, those in backups of the database too.

Words are sealed by AES-256-GCM (NIST SP 800-38D) together with all else of their row: a row that
was changed, or put in the place of another, is refused and named.
"""

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from caselight.data.feedback import open_database
from caselight.data.system_errors import explained
from caselight.data.tombstones import flush, write_durable
from caselight.data.transactions import transaction
from caselight.errors import WordsError

FILE = "words.sqlite"
KEY_FILE = "words-key"
VERSION = 1
_KEY_BYTES = 32
_KEY = re.compile(rb"caselight-words-key ([0-9a-f]{64})\n")
"""It says what it is: any other file, the home's own key say, is never taken for it."""
_NONCE_BYTES = 12
_SCHEMA = """
CREATE TABLE IF NOT EXISTS words (
  record INTEGER PRIMARY KEY, nonce BLOB NOT NULL, ciphertext BLOB NOT NULL, day TEXT NOT NULL,
  until TEXT NOT NULL, named TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS words_by_until ON words (until);
CREATE TABLE IF NOT EXISTS sealed (key TEXT NOT NULL);
"""


class WordStore:
    """The open store of words of one home. Use `open_words`."""

    def __init__(self, db: sqlite3.Connection, key_file: Path, *, own_key: bool) -> None:
        self._db = db
        self._key_file = key_file
        self._own_key = own_key

    def __len__(self) -> int:
        with explained():
            return int(self._db.execute("SELECT COUNT(*) FROM words").fetchone()[0])

    def keep(
        self,
        record: int,
        words: str,
        *,
        today: date,
        days: int,
        named: Collection[str],
        unchanged: Callable[[], bool],
    ) -> bool:
        """Keep the words of one search; the first ones make the key.

        Args:
            record: position of the search in the log.
            words: what was asked.
            today: the day, UTC.
            days: how long they may be kept, 1 or more.
            named: pseudonyms of patients whom the query named.
            unchanged: whether the home still holds what the search saw. Asked while this store is
                locked: an erasure changes the home first and sweeps here then, so that it either
                is seen or finds the words.

        Returns:
            Whether they were kept: not when the home has changed.

        Raises:
            WordsError: `words.no_key`, `words.bad_key` or `words.wrong_key`.
            StoreError: when it cannot be written.
        """
        with transaction(self._db):
            if not unchanged():
                return False
            key = self._key(make=True)
            nonce = secrets.token_bytes(_NONCE_BYTES)
            until = today + timedelta(days=days)
            said = (record, today.isoformat(), until.isoformat(), json.dumps(sorted(named)))
            sealed = AESGCM(key).encrypt(nonce, words.encode(), _bound(*said))
            self._db.execute(
                # A home restored from a copy may come to a record for the second time.
                "INSERT OR REPLACE INTO words (record, day, until, named, nonce, ciphertext)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (*said, nonce, sealed),
            )
            return True

    def read(self, records: Collection[int]) -> dict[int, str]:
        """The words of some searches, by record; those that are not kept are left out.

        Raises:
            WordsError: `words.no_key`, `words.bad_key`, `words.wrong_key`, or `words.altered`
                naming the record.
        """
        # In one transaction, or the key could be destroyed between it and the rows.
        wanted = set(records)
        with transaction(self._db):
            rows = [row for row in self._rows() if row[0] in wanted]
            if not rows:
                return {}
            key = self._key(make=False)
            return {row[0]: _opened(key, *row) for row in rows}

    def named(self, record: int) -> tuple[str, ...]:
        """Whom the query of a search named, where its words are kept; this needs no key.

        Raises:
            WordsError: `words.altered`.
        """
        with explained():
            asked = "SELECT named FROM words WHERE record = ?"
            row = self._db.execute(asked, (record,)).fetchone()
        if row is None:
            return ()
        named = _patients(row[0])
        if named is None:
            raise _altered(record)
        return named

    def stray(self, is_there: Callable[[str], bool]) -> list[int]:
        """Records whose query named somebody who is not there, or nobody can tell any more whom."""
        with explained():
            found = self._db.execute("SELECT record, named FROM words ORDER BY record").fetchall()
        read = [(record, _patients(said)) for record, said in found]
        return [n for n, named in read if named is None or not all(map(is_there, named))]

    def forget(self, records: Collection[int]) -> int:
        """Delete the words of some searches, and write the file anew; how many there were."""
        with transaction(self._db):
            gone = self._db.executemany(
                "DELETE FROM words WHERE record = ?", [(one,) for one in records]
            ).rowcount
        self._vacuum()
        return max(gone, 0)

    def forget_before(self, day: date) -> int:
        """Delete what was kept before a day; how many there were."""
        return self._forgotten("day < ?", day.isoformat())

    def expire(self, today: date) -> int:
        """Delete what may not be kept any longer; how many there were."""
        return self._forgotten("until < ?", today.isoformat())

    def forget_all(self) -> tuple[int, bool]:
        """Destroy the key, then delete everything.

        A file elsewhere is destroyed only if it is the key that words were kept under. A kill in
        between leaves rows that nobody can read; the next call deletes them.

        Returns:
            How many rows there were, and whether a key was destroyed.
        """
        with transaction(self._db):
            found = self._key_file.exists() and (self._own_key or self._is_ours())
            if found:
                _destroy(self._key_file)
            gone = self._db.execute("DELETE FROM words").rowcount
            self._db.execute("DELETE FROM sealed")
        self._vacuum()
        return gone, found

    def _forgotten(self, which: str, day: str) -> int:
        with explained():
            asked = f"SELECT 1 FROM words WHERE {which} LIMIT 1"  # noqa: S608 (our words)
            if self._db.execute(asked, (day,)).fetchone() is None:
                return 0  # so that opening writes nothing
        with transaction(self._db):
            gone = self._db.execute(f"DELETE FROM words WHERE {which}", (day,)).rowcount  # noqa: S608
        self._vacuum()
        return gone

    def _rows(self) -> Sequence[Any]:
        return self._db.execute(
            "SELECT record, day, until, named, nonce, ciphertext FROM words ORDER BY record"
        ).fetchall()

    def _key(self, *, make: bool) -> bytes:
        """The key, made where there is neither one nor anything that needs one."""
        sealed = self._sealed()
        if make and sealed is None and not self._key_file.exists():
            _make_key(self._key_file)
        key = _read_key(self._key_file)
        if sealed is None:
            self._db.execute("INSERT INTO sealed VALUES (?)", (_name(key),))
        elif sealed != _name(key):
            raise WordsError(
                f"{self._key_file} is not the key that the words were kept under; restore that, "
                "or destroy them with `caselight feedback forget --all`",
                code="words.wrong_key",
            )
        return key

    def _sealed(self) -> str | None:
        """The name of the key that words are kept under; None before the first."""
        row = self._db.execute("SELECT key FROM sealed").fetchone()
        return None if row is None else str(row[0])

    def _is_ours(self) -> bool:
        try:
            return self._sealed() == _name(_read_key(self._key_file))
        except WordsError:
            return False

    def _vacuum(self) -> None:
        with explained():
            self._db.execute("VACUUM")


@contextlib.contextmanager
def open_words(home: Path, *, key: str | None, today: date) -> Iterator[WordStore]:
    """Open the store of words of a home, and delete what may not be kept any longer.

    Args:
        home: the home; the store is made where there is none.
        key: path of the key file; `words-key` in the home if None.
        today: the day, UTC.

    Raises:
        StoreError: `store.newer_version`, `store.locked`, `store.disk_full` or `store.damaged`.
    """
    with kept_words(home, key=key) as words:
        words.expire(today)
        yield words


@contextlib.contextmanager
def kept_words(home: Path, *, key: str | None = None) -> Iterator[WordStore]:
    """As `open_words`, and nothing is deleted: for who only counts, or deletes by itself."""
    with open_database(home / FILE, _SCHEMA, version=VERSION) as db:
        # What was changed is refused by name, not as a whole because it is no text.
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        key_file = home / KEY_FILE if key is None else Path(key)
        yield WordStore(db, key_file, own_key=key is None)


def has_words(home: Path) -> bool:
    """Whether words were ever kept in a home."""
    return (home / FILE).exists()


def _opened(
    key: bytes, record: int, day: str, until: str, named: str, nonce: bytes, sealed: bytes
) -> str:
    try:
        return AESGCM(key).decrypt(nonce, sealed, _bound(record, day, until, named)).decode()
    except (InvalidTag, ValueError, TypeError):
        raise _altered(record) from None


def _altered(record: int) -> WordsError:
    return WordsError(
        f"the kept words of record {record} were changed or are damaged, and are not used; restore "
        f"{FILE}, or run `caselight feedback forget --record {record}`",
        code="words.altered",
    )


def _patients(said: str) -> tuple[str, ...] | None:
    """Whom a row names; None where that was damaged."""
    try:
        return tuple(str(one) for one in json.loads(said))
    except (ValueError, TypeError):
        return None


def _bound(record: int, day: str, until: str, named: str) -> bytes:
    """What is sealed beside the words."""
    return json.dumps(["caselight-words", VERSION, record, day, until, named]).encode()


def _name(key: bytes) -> str:
    """Says which key the rows need, and nothing about the key."""
    return hmac.new(key, b"caselight-words-key", hashlib.sha256).hexdigest()[:16]


def _make_key(path: Path) -> None:
    write_durable(path, f"caselight-words-key {secrets.token_hex(_KEY_BYTES)}\n".encode())


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode, said = os.fstat(file.fileno()).st_mode, _KEY.fullmatch(file.read(256))
    except FileNotFoundError:
        raise WordsError(
            f"the key of the kept words, {path}, is not there; restore it, set words.key to where "
            "it lies, or destroy the words with `caselight feedback forget --all`",
            code="words.no_key",
        ) from None
    if said is None:
        raise WordsError(
            f"{path} is no key of kept words; restore it, or set words.key to where the key lies",
            code="words.bad_key",
        )
    if mode & 0o077:
        raise WordsError(
            f"{path} can be read by others than its owner, and then it is no secret; run `chmod "
            "600` on it",
            code="words.bad_key",
        )
    return bytes.fromhex(said[1].decode())


def _destroy(path: Path) -> None:
    """Overwrite and unlink; a file system does not promise the first."""
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    flush(path.parent)
