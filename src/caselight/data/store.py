"""The store: studies in SQLite, pixels as lossless PNGs named by their digest.

One folder, the *home*, holds everything: `store.sqlite`, `pixels/`, `thumbnails/`, `key` (readable
by its owner alone), and later `features.sqlite`, `models/` and `index/`. Files are written under a
temporary name and moved into place, and a batch of studies is one transaction, so a process killed
at any moment leaves a home that opens and goes on.
"""

import contextlib
import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from caselight.data.home_files import KEY_BYTES, SALT_BYTES, UPGRADES, VERSION, make_home
from caselight.data.in_use import alone
from caselight.data.png_files import save_png, thumbnail
from caselight.data.system_errors import explained
from caselight.errors import QueryRefused, StoreError
from caselight.types import Image, Pixels, Rejected, Study

_STUDIES = (
    "SELECT row, study_uid, patient_key, date, age, sex, site, split, own_split, labels, sections"
    " FROM studies"
)
_IMAGE_FIELDS = tuple(field.name for field in fields(Image))
_IMAGES = f"SELECT study_row, {', '.join(_IMAGE_FIELDS)} FROM images"  # noqa: S608 (our names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the store remembers of a study it has, to know it again."""

    source_digest: str
    """Of all the archive says and of its files, the patient included."""
    archive: str
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStudy:
    """A study ready to be stored, with what is needed to know it again."""

    study: Study
    held: Held
    content_digest: str
    """The same without the patient, so that it is equal in every home."""


class Store:
    """An open home. Use `create_store` or `open_store`; close it, or use it in a `with`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._db = sqlite3.connect(home / "store.sqlite", timeout=10.0, isolation_level=None)
        self._db.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten: an erased patient's salt and words must not linger.
        self._db.execute("PRAGMA secure_delete = ON")
        self._key = (home / "key").read_bytes()
        if len(self._key) != KEY_BYTES:
            self._db.close()
            raise StoreError(
                f"the home's key holds {len(self._key)} bytes, expected {KEY_BYTES}; restore the "
                "file `key` from a copy: without it no patient is known again",
                code="store.damaged",
            )

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    # Identity -------------------------------------------------------------------------------

    def pseudonym(self, value: str) -> str:
        """Keyed pseudonym, 32 hex digits; it cannot be undone or guessed without this home's key.

        Source: HMAC-SHA-256, RFC 2104, truncated to 128 bits.
        """
        return hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()[:32]

    def keyed(self, kind: str, value: str) -> str:
        """As `pseudonym`, for another kind of value: equal values of two kinds have two digests."""
        return self.pseudonym(f"{kind}\x00{value}")

    @property
    def generation(self) -> str:
        """Changes with every change of content: an index built on another one is stale."""
        rows = dict(self._rows("SELECT key, value FROM meta"))
        return f"{rows['store_id']}:{rows['generation']}"

    def digest(self) -> str:
        """SHA-256 over all studies, whatever the order they came in: one archive, one digest.

        Patients count by who shares whom, not by pseudonym, so two homes of one archive agree.
        """
        digest = hashlib.sha256()
        patients: dict[str, int] = {}
        for uid, content, split, patient in self._rows(
            "SELECT study_uid, content_digest, split, patient_key FROM studies ORDER BY study_uid"
        ):
            number = patients.setdefault(patient, len(patients))
            digest.update(json.dumps([uid, content, split, number]).encode() + b"\n")
        return digest.hexdigest()

    # Writing --------------------------------------------------------------------------------

    def held(self, study_uids: Sequence[str]) -> dict[str, Held]:
        """Look up studies the home already has, with all their pictures."""
        found = {}
        for uid in study_uids:
            row = next(
                self._rows(
                    "SELECT source_digest, archive, rejected, row FROM studies WHERE study_uid = ?",
                    uid,
                ),
                None,
            )
            if row is None:
                continue
            digests = self._rows("SELECT digest FROM images WHERE study_row = ?", row[3])
            whole = all(self.pixels_path(digest).is_file() for (digest,) in digests)
            found[uid] = Held(
                # A study that has lost a picture is no longer what was ingested: it is read again.
                source_digest=row[0] if whole else "",
                archive=row[1],
                rejected=tuple(Rejected(**r) for r in json.loads(row[2])),
            )
        return found

    def splits_of(self, patient_keys: Iterable[str]) -> dict[str, str]:
        """The split that patients of the home already have, the archive's own word first."""
        found = {}
        for key in patient_keys:
            row = next(
                self._rows(
                    "SELECT split FROM studies WHERE patient_key = ?"
                    " ORDER BY own_split DESC, row LIMIT 1",
                    key,
                ),
                None,
            )
            if row is not None:
                found[key] = row[0]
        return found

    def settle_splits(self) -> int:
        """Give every patient one split: the archive's own where any of the studies has one.

        Returns:
            Patients whom archives put into two splits by their own word: these are left as they
            are, for a person to mend.
        """
        own = (
            "(SELECT o.split FROM studies o WHERE o.patient_key = studies.patient_key"
            " AND o.own_split ORDER BY o.row LIMIT 1)"
        )
        with explained(), self._transaction():
            changed = self._db.execute(
                f"UPDATE studies SET split = {own} WHERE NOT own_split AND split != {own}"  # noqa: S608
            ).rowcount
            if changed:
                self._advance()
        torn = self._rows(
            "SELECT COUNT(*) FROM (SELECT 1 FROM studies WHERE own_split GROUP BY patient_key"
            " HAVING COUNT(DISTINCT split) > 1)"
        )
        return int(next(torn)[0])

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Keep every other ingest out of this home; a killed one lets go by itself.

        Raises:
            StoreError: `store.locked`.
        """
        with contextlib.closing(
            sqlite3.connect(self.home / "writer.sqlite", timeout=0.0, isolation_level=None)
        ) as lock:
            with explained():
                lock.execute("BEGIN EXCLUSIVE")
            yield

    @contextlib.contextmanager
    def erasing(self) -> Iterator[None]:
        """Have the home to oneself: no ingest, and nobody who writes what is made of patients.

        Raises:
            StoreError: `store.locked` or `store.in_use`.
        """
        with self.writing(), alone(self.home):
            yield

    def put(
        self,
        batch: Sequence[NewStudy],
        *,
        record: Callable[[Mapping[str, bytes]], None] | None = None,
    ) -> None:
        """Add studies, or replace those of the same uid, in one transaction.

        Args:
            batch: the studies.
            record: given the patients' salts, puts the batch on the record; when that fails
                nothing of the batch is kept.

        Raises:
            StoreError: `store.locked` or `store.disk_full`; nothing of the batch is kept then.
        """
        if not batch:
            return
        with explained(), self._transaction():
            for new in batch:
                self._put_one(new)
            self._advance()
            salts = self._salts({new.study.patient_key for new in batch})
            if record is not None:
                record(salts)

    def salts(self, patient_keys: Iterable[str]) -> dict[str, bytes]:
        """The secret of each patient under which records speak of them, 32 bytes.

        Made where there is none yet; destroyed when the patient is erased.
        """
        keys = set(patient_keys)
        found = self._known_salts(keys)
        if len(found) < len(keys):
            with explained(), self._transaction():
                found = self._salts(keys)
        return found

    def patients(self) -> set[str]:
        """Everybody of whom the store holds anything, a study or only a salt."""
        rows = self._rows("SELECT patient_key FROM studies UNION SELECT patient_key FROM salts")
        return {key for (key,) in rows}

    def rows_of(self, patient_key: str) -> dict[int, str]:
        """Row to id of every study of a patient."""
        asked = "SELECT row, study_uid FROM studies WHERE patient_key = ?"
        return dict(self._rows(asked, patient_key))

    def holds_picture(self, digest: str, *, without: str = "") -> bool:
        """Whether any study, of anybody but one patient, has the picture."""
        found = self._rows(
            "SELECT 1 FROM images JOIN studies ON studies.row = study_row"
            " WHERE digest = ? AND patient_key != ? LIMIT 1",
            digest,
            without,
        )
        return next(found, None) is not None

    def owners_of_picture(self, digest: str) -> set[str]:
        """Everybody of whom a study has the picture, as pseudonyms."""
        found = self._rows(
            "SELECT patient_key FROM images JOIN studies ON studies.row = study_row"
            " WHERE digest = ?",
            digest,
        )
        return {key for (key,) in found}

    def erase(self, patient_keys: Iterable[str], *, record: Callable[[], object]) -> None:
        """Delete everything of patients, their salts included, in one transaction.

        Args:
            patient_keys: their pseudonyms.
            record: puts it on the record; when that fails nothing is deleted.

        Raises:
            StoreError: `store.locked` or `store.disk_full`; nothing is deleted then.
        """
        keys = [(key,) for key in sorted(patient_keys)]
        with explained(), self._transaction():
            # Images go with their studies.
            gone = self._db.executemany("DELETE FROM studies WHERE patient_key = ?", keys).rowcount
            self._db.executemany("DELETE FROM salts WHERE patient_key = ?", keys)
            if gone:
                self._advance()
            record()

    def vacuum(self) -> None:
        """Write the database anew, so that no page of it holds what was deleted.

        Raises:
            StoreError: `store.locked` or `store.disk_full`.
        """
        with explained():
            self._db.execute("VACUUM")

    def _salts(self, keys: Iterable[str]) -> dict[str, bytes]:
        self._db.executemany(
            "INSERT OR IGNORE INTO salts VALUES (?, ?)",
            [(key, secrets.token_bytes(SALT_BYTES)) for key in sorted(keys)],
        )
        return self._known_salts(keys)

    def _known_salts(self, keys: Iterable[str]) -> dict[str, bytes]:
        asked = "SELECT salt FROM salts WHERE patient_key = ?"
        found = {key: next(self._rows(asked, key), None) for key in keys}
        return {key: row[0] for key, row in found.items() if row is not None}

    def _advance(self) -> None:
        self._db.execute(
            "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'"
        )

    def _put_one(self, new: NewStudy) -> None:
        study = new.study
        self._db.execute("DELETE FROM studies WHERE study_uid = ?", (study.study_uid,))
        refusals = [{"file": r.file, "code": r.code, "reason": r.reason} for r in new.held.rejected]
        cursor = self._db.execute(
            "INSERT INTO studies (study_uid, patient_key, source_digest, content_digest, archive,"
            " date, age, sex, site, split, own_split, labels, sections, rejected)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                study.study_uid, study.patient_key, new.held.source_digest, new.content_digest,
                new.held.archive,
                study.date, study.age, study.sex, study.site, study.split, study.own_split,
                json.dumps(study.labels), json.dumps(dict(study.sections)), json.dumps(refusals),
            ),
        )  # fmt: skip
        self._db.executemany(
            f"INSERT INTO images (study_row, position, {', '.join(_IMAGE_FIELDS)})"  # noqa: S608
            f" VALUES ({', '.join('?' * (2 + len(_IMAGE_FIELDS)))})",
            [
                (cursor.lastrowid, i, *(getattr(image, name) for name in _IMAGE_FIELDS))
                for i, image in enumerate(study.images)
            ],
        )

    def upgrade(self, version: int) -> None:
        """Turn the store of a version into one of the next, unless another process just did."""
        with self._transaction():
            (found,) = self._db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
            if int(found) == version:
                for statement in UPGRADES[version]:
                    self._db.execute(statement)
                self._db.execute("UPDATE meta SET value = ? WHERE key = 'version'", (version + 1,))

    def put_pixels(self, digest: str, pixels: Pixels, *, thumbnail_px: int) -> None:
        """Write a picture and its thumbnail under the digest of its pixels, unless they exist."""
        with explained():
            target = self.pixels_path(digest)
            if not target.exists():
                save_png(pixels, target)
            small = self.thumbnail_path(digest)
            if not small.exists():
                save_png(thumbnail(pixels, thumbnail_px), small)

    # Reading --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(next(self._rows("SELECT COUNT(*) FROM studies"))[0])

    def count_images(self) -> int:
        """How many images the home holds."""
        return int(next(self._rows("SELECT COUNT(*) FROM images"))[0])

    def studies(self) -> Iterator[tuple[int, Study]]:
        """Every study with its row, in order of row; two passes over the disk, not one a study."""
        images = self._rows(f"{_IMAGES} ORDER BY study_row, position")
        by_study = groupby(images, key=itemgetter(0))
        owner, group = next(by_study, (None, iter(())))
        for found in self._rows(f"{_STUDIES} ORDER BY row"):
            held = []
            while owner is not None and owner < found[0]:
                # Another process has replaced this study between the two passes.
                owner, group = next(by_study, (None, iter(())))
            if owner == found[0]:
                held = list(group)
                owner, group = next(by_study, (None, iter(())))
            yield found[0], _study(found, held)

    def get(self, row: int) -> Study:
        """The study in one row.

        Raises:
            StoreError: `store.damaged` when there is none.
        """
        found = self.find([row])
        if row not in found:
            raise StoreError(
                f"the store has no study in row {row}; run `caselight index build` again",
                code="store.damaged",
            )
        return found[row]

    def find(self, rows: Iterable[int]) -> dict[int, Study]:
        """The studies in some rows; those that are not there are left out."""
        studies = {}
        for row in set(rows):
            for found in self._rows(f"{_STUDIES} WHERE row = ?", row):
                images = self._rows(f"{_IMAGES} WHERE study_row = ? ORDER BY position", row)
                studies[row] = _study(found, list(images))
        return studies

    def rows_named(self, study_uids: Iterable[str]) -> dict[str, int]:
        """Id to row of studies; those that are not there are left out."""
        asked = "SELECT study_uid, row FROM studies WHERE study_uid = ?"
        return dict(pair for uid in study_uids for pair in self._rows(asked, uid))

    def facts(self, *columns: str) -> list[tuple[Any, ...]]:
        """(row, then these columns as they are stored) of every study, in any order."""
        return list(self._rows(f"SELECT row, {', '.join(columns)} FROM studies"))  # noqa: S608 (our names)

    def image_facts(self, *columns: str) -> list[tuple[Any, ...]]:
        """(row of the study, position, then these columns) of every image, in any order."""
        return list(self._rows(f"SELECT study_row, position, {', '.join(columns)} FROM images"))  # noqa: S608

    def owner(self, study_uid: str) -> str:
        """The patient of a study, as a pseudonym.

        Raises:
            QueryRefused: `query.no_such_study`.
        """
        found = next(
            self._rows("SELECT patient_key FROM studies WHERE study_uid = ?", study_uid), None
        )
        if found is None:
            raise QueryRefused(
                "the home holds no study of that id, or no longer; name one as the hits do",
                code="query.no_such_study",
            )
        return str(found[0])

    def pixels_path(self, digest: str) -> Path:
        """Where the lossless picture lies."""
        return pixels_path(self.home, digest)

    def thumbnail_path(self, digest: str) -> Path:
        """Where its thumbnail lies."""
        return self.home / "thumbnails" / digest[:2] / f"{digest}.png"

    def _rows(self, sql: str, *values: object) -> Iterator[Any]:
        """Rows of a query, a thousand at a time, so that whoever reads them is not in the way."""
        with explained():
            cursor = self._db.execute(sql, values)
        while True:
            with explained():
                rows = cursor.fetchmany(1000)
            if not rows:
                return
            yield from rows

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def create_store(home: Path) -> Store:
    """Open a home, making it first where there is none.

    Raises:
        StoreError: when the folder holds something else, or cannot be written.
    """
    with explained():
        # Readable by its owner alone: it holds reports.
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (home / "store.sqlite").exists():
            make_home(home)
    return open_store(home)


def open_store(home: Path) -> Store:
    """Open an existing home.

    Raises:
        StoreError: `store.missing`, `store.newer_version` or `store.damaged`.
    """
    if (home / "store.sqlite").is_file() and not (home / "key").is_file():
        raise StoreError(
            f"{home} has lost the file `key`; restore it from a copy: without it no patient is "
            "known again",
            code="store.damaged",
        )
    if not (home / "store.sqlite").is_file():
        raise StoreError(f"{home} is no home; run `caselight ingest PATH --home {home}` first")
    with explained():
        store = Store(home)
    try:
        rows = store._db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        version = int(rows[0])
    except (sqlite3.DatabaseError, TypeError) as error:
        store.close()
        raise StoreError(
            f"{home} holds a store that cannot be read ({error}); restore it from a copy, or "
            "ingest into a new home",
            code="store.damaged",
        ) from None
    if version > VERSION:
        store.close()
        raise StoreError(
            f"{home} was written by a newer Caselight (store version {version}, this one reads "
            f"{VERSION}); upgrade Caselight",
            code="store.newer_version",
        )
    for older in range(version, VERSION):
        with explained():
            store.upgrade(older)
    return store


def pixels_path(home: Path, digest: str) -> Path:
    """Where the lossless picture of a home lies, also for who has not opened its store."""
    return home / "pixels" / digest[:2] / f"{digest}.png"


def _study(found: Sequence[Any], images: Sequence[Sequence[Any]]) -> Study:
    _, uid, patient_key, date, age, sex, site, split, own_split, labels, sections = found
    return Study(
        study_uid=uid,
        patient_key=patient_key,
        images=tuple(Image(**dict(zip(_IMAGE_FIELDS, i[1:], strict=True))) for i in images),
        sections=json.loads(sections),
        labels=tuple(json.loads(labels)),
        date=date,
        age=age,
        sex=sex,
        site=site,
        split=split,
        own_split=bool(own_split),
    )
