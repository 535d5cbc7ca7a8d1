"""The files that make a folder a home: the key of the pseudonyms, and an empty database."""

import contextlib
import os
import secrets
import sqlite3
from pathlib import Path

from caselight.errors import StoreError

VERSION = 3
KEY_BYTES = 32
KEPT = ("key", "tombstones")
"""What a new home may begin with: the key that knows patients again, and whom it refuses."""
SALT_BYTES = 32

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE studies (
  row INTEGER PRIMARY KEY AUTOINCREMENT, study_uid TEXT NOT NULL UNIQUE,
  patient_key TEXT NOT NULL, source_digest TEXT NOT NULL, content_digest TEXT NOT NULL,
  archive TEXT NOT NULL,
  date TEXT, age INTEGER, sex TEXT, site TEXT, split TEXT NOT NULL, own_split INTEGER NOT NULL,
  labels TEXT NOT NULL, sections TEXT NOT NULL, rejected TEXT NOT NULL);
CREATE INDEX studies_by_patient ON studies (patient_key);
CREATE TABLE images (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  study_row INTEGER NOT NULL REFERENCES studies (row) ON DELETE CASCADE, position INTEGER NOT NULL,
  image_uid TEXT NOT NULL, digest TEXT NOT NULL, dhash TEXT NOT NULL,
  caption TEXT, view TEXT, modality TEXT, laterality TEXT, stack TEXT, window TEXT,
  UNIQUE (study_row, position));
CREATE INDEX images_by_digest ON images (digest);
CREATE TABLE salts (patient_key TEXT PRIMARY KEY, salt BLOB NOT NULL);
"""


UPGRADES = {
    1: (
        "ALTER TABLE images ADD COLUMN laterality TEXT",
        "ALTER TABLE images ADD COLUMN stack TEXT",
        "ALTER TABLE images ADD COLUMN window TEXT",
    ),
    2: ("CREATE TABLE salts (patient_key TEXT PRIMARY KEY, salt BLOB NOT NULL)",),
}
"""Version of a store to the statements that make it the next one."""


def make_home(home: Path) -> None:
    """Make the key, then the database, each under a temporary name: the database says "complete".

    Raises:
        StoreError: `store.not_a_home`.
    """
    _refuse_foreign(home)
    key = home / "key"
    if not key.exists():
        staged = home / f".key-{secrets.token_hex(4)}"
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        _publish(staged, key)
    staged = home / f".store-{secrets.token_hex(4)}"
    with contextlib.closing(sqlite3.connect(staged)) as db:
        db.executescript(SCHEMA)
        meta = {"version": VERSION, "store_id": secrets.token_hex(8), "generation": 0}
        db.executemany("INSERT INTO meta VALUES (?, ?)", [(k, str(v)) for k, v in meta.items()])
        db.commit()
    _publish(staged, home / "store.sqlite")


def _publish(staged: Path, target: Path) -> None:
    """Move a finished file into place unless another process was first: then its file stands."""
    try:
        os.link(staged, target)
    except FileExistsError:
        pass
    except OSError:
        # A file system without links: two processes that make one home at once may collide here.
        if not target.exists():
            staged.replace(target)
    staged.unlink(missing_ok=True)


def _refuse_foreign(home: Path) -> None:
    """Refuse to turn a folder of other things, an archive for instance, into a home."""
    others = [p.name for p in home.iterdir() if p.name not in KEPT and p.name[0] != "."]
    if others:
        raise StoreError(
            f"{home} holds {len(others)} other things, {sorted(others)[0]!r} among them, and no "
            "home; name a new or an empty folder",
            code="store.not_a_home",
        )
