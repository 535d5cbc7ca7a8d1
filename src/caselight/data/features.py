"""Features of frozen towers, kept on disk so that no picture or text is encoded twice.

A feature is filed under the tower that made it (weights and input handling) and the digest of what
it was made from; no text is stored. A batch is one transaction, so a killed run loses one batch.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caselight.data.system_errors import explained


class FeatureCache:
    """The open cache of one home."""

    def __init__(self, path: Path) -> None:
        with explained():
            self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS features (tower TEXT, key TEXT, vector BLOB,"
                " PRIMARY KEY (tower, key)) WITHOUT ROWID"
            )

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def get(self, tower: str, keys: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Look up features; keys that are not there are left out."""
        found = {}
        with explained():
            for key in keys:
                row = self._db.execute(
                    "SELECT vector FROM features WHERE tower = ? AND key = ?", (tower, key)
                ).fetchone()
                if row is not None:
                    found[key] = np.frombuffer(row[0], dtype="<f4").astype(np.float32)
        return found

    def put(self, tower: str, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep features, all of them or none."""
        rows = [(tower, key, v.astype("<f4").tobytes()) for key, v in vectors.items()]
        with explained():
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", rows)
            self._db.execute("COMMIT")

    def sweep(self, kept: Iterable[str], *, remove: bool) -> int:
        """Drop every feature of what is not kept, and write the file anew without it.

        Args:
            kept: digests of pictures and texts that somebody still has.
            remove: whether to drop them; else they are only counted.

        Returns:
            How many features are of nothing that is kept.
        """
        stray = "FROM features WHERE key NOT IN (SELECT key FROM kept)"
        with explained():
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.execute("CREATE TEMP TABLE kept (key TEXT PRIMARY KEY) WITHOUT ROWID")
            try:
                self._db.execute("BEGIN")
                keys = ((key,) for key in kept)
                self._db.executemany("INSERT OR IGNORE INTO kept VALUES (?)", keys)
                (count,) = self._db.execute(f"SELECT COUNT(*) {stray}").fetchone()
                if remove:
                    self._db.execute(f"DELETE {stray}")
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            finally:
                self._db.execute("DROP TABLE kept")
            if remove:
                self._db.execute("VACUUM")
        return int(count)


def text_key(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
