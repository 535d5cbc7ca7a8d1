"""What was said of answers, relevant or not, and whether somebody else agreed.

`feedback.sqlite` in the home holds a row for each study that was judged. It holds no words: those
are in the store of words, where there is one. A change is one transaction, and its record in the
log is written inside it: what is kept was recorded. What is deleted is overwritten.
"""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from caselight.data.system_errors import explained
from caselight.data.transactions import transaction
from caselight.errors import FeedbackError, StoreError

FILE = "feedback.sqlite"
VERSION = 1
State = Literal["waiting", "approved", "rejected", "undone"]
Source = Literal["person", "mediator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One study of one answer, judged."""

    id: str
    """Position of its record `feedback.given`, and which study of it: "45-1". Never used again."""
    record: int
    """Position of the answer, `search.answered`, in the log."""
    study_uid: str = field(repr=False)
    patient_key: str = field(repr=False)
    """Whose study it was when it was judged."""
    named: tuple[str, ...] = field(repr=False)
    """Patients whom the query named by a study or a picture of theirs."""
    relevant: bool
    source: Source
    by: str = field(repr=False)
    """Who gave it, as they call themselves."""
    given: str
    """UTC, RFC 3339 to the second."""
    state: State = "waiting"
    reviewer: str | None = field(default=None, repr=False)
    reviewed: str | None = None
    """When, as `given`; kept when it is undone later."""


_COLUMNS = tuple(one.name for one in fields(Feedback))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackPair:
    """Words and a study that a reviewer agrees about; what a training learns from."""

    text: str = field(repr=False)
    study_uid: str = field(repr=False)
    relevant: bool
    feedback: Feedback


class FeedbackStore:
    """The open feedback of one home. Use `open_feedback`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, given: Sequence[Feedback], *, record: Callable[[], int]) -> tuple[Feedback, ...]:
        """Keep judgements, all of them or none.

        Args:
            given: what was said, without ids.
            record: puts it on the record, and says where; when that fails nothing is kept.

        Returns:
            The same with their ids.

        Raises:
            FeedbackError: `feedback.given_already` where the same person's word on the same study
                of the same answer still stands.
            StoreError: `store.locked` or `store.disk_full`.
        """
        marks = ", ".join("?" * len(_COLUMNS))
        insert = f"INSERT INTO feedback ({', '.join(_COLUMNS)}) VALUES ({marks})"  # noqa: S608
        with transaction(self._db):
            for number, one in enumerate(given, start=1):
                self._refuse_twice(one)
                said = {name: getattr(one, name) for name in _COLUMNS}
                said |= {"id": f"?-{number}", "named": json.dumps(one.named)}
                self._db.execute(insert, tuple(said.values()))
            # As late as can be: what is recorded and then not kept has to be given again.
            at = record()
            self._db.execute(
                "UPDATE feedback SET id = ? || substr(id, 2) WHERE id LIKE '?-%'", (str(at),)
            )
        return tuple(replace(one, id=f"{at}-{number}") for number, one in enumerate(given, start=1))

    def _refuse_twice(self, one: Feedback) -> None:
        standing = self._find(
            "WHERE record = ? AND study_uid = ? AND state IN ('waiting', 'approved')",
            one.record,
            one.study_uid,
        )
        for before in standing:
            if same_name(before.by, one.by):
                raise FeedbackError(
                    f"found feedback {before.id} by the same person on the same study of the same "
                    "answer, expected one word a person; undo that to say otherwise",
                    code="feedback.given_already",
                )

    def review(
        self,
        ids: Sequence[str],
        *,
        approve: bool,
        reviewer: str,
        at: str,
        record: Callable[[], object],
    ) -> None:
        """Approve or reject what waits, all of it or none.

        Raises:
            FeedbackError: `feedback.no_such_id`, `feedback.decided`, or `feedback.own` when
                somebody would approve what they gave themselves.
        """
        with transaction(self._db):
            for one in self._named(ids):
                if one.state != "waiting":
                    raise FeedbackError(
                        f"feedback {one.id} is {one.state}, expected one that waits; "
                        "`caselight feedback list --state waiting` shows them, and `undo` takes "
                        "back what was approved",
                        code="feedback.decided",
                    )
                if approve and same_name(one.by, reviewer):
                    raise FeedbackError(
                        f"feedback {one.id} was given by who would approve it, expected somebody "
                        "else; have another person review it, named by --reviewer",
                        code="feedback.own",
                    )
                self._db.execute(
                    "UPDATE feedback SET state = ?, reviewer = ?, reviewed = ? WHERE id = ?",
                    ("approved" if approve else "rejected", reviewer, at, one.id),
                )
            record()

    def undo(self, feedback: str, *, record: Callable[[], object]) -> None:
        """Take one back, whatever it is by now.

        Raises:
            FeedbackError: `feedback.no_such_id`, or `feedback.decided` for one that is undone.
        """
        with transaction(self._db):
            (one,) = self._named([feedback])
            if one.state == "undone":
                raise FeedbackError(
                    f"feedback {one.id} is undone already; there is nothing left to do",
                    code="feedback.decided",
                )
            self._db.execute("UPDATE feedback SET state = 'undone' WHERE id = ?", (one.id,))
            record()

    def all(self, state: State | None = None) -> tuple[Feedback, ...]:
        """Everything that was said, or what is in one state, in the order it was given."""
        with explained():
            if state is None:
                return tuple(self._find("ORDER BY row"))
            return tuple(self._find("WHERE state = ? ORDER BY row", state))

    def drop(self, ids: Collection[str]) -> None:
        """Delete some for good, and write the file anew without them."""
        with transaction(self._db):
            self._db.executemany("DELETE FROM feedback WHERE id = ?", [(one,) for one in ids])
        with explained():
            self._db.execute("VACUUM")

    def _named(self, ids: Sequence[str]) -> list[Feedback]:
        found = []
        for one in dict.fromkeys(ids):
            rows = list(self._find("WHERE id = ?", one))
            if not rows:
                raise FeedbackError(
                    f"there is no feedback {one[:16]!r} in this home, or its patient was erased; "
                    "`caselight feedback list` shows all",
                    code="feedback.no_such_id",
                )
            found += rows
        return found

    def _find(self, which: str, *values: object) -> Iterator[Feedback]:
        asked = f"SELECT {', '.join(_COLUMNS)} FROM feedback {which}"  # noqa: S608 (our names)
        for row in self._db.execute(asked, values).fetchall():
            said = dict(zip(_COLUMNS, row, strict=True))
            said["named"] = tuple(json.loads(said["named"]))
            said["relevant"] = bool(said["relevant"])
            yield Feedback(**said)


@contextlib.contextmanager
def open_feedback(home: Path) -> Iterator[FeedbackStore]:
    """Open the feedback of a home, making its file first where there is none.

    Raises:
        StoreError: `store.newer_version`, `store.locked` or `store.damaged`.
    """
    schema = (
        "CREATE TABLE IF NOT EXISTS feedback (row INTEGER PRIMARY KEY AUTOINCREMENT,"
        " id TEXT NOT NULL UNIQUE, record INTEGER NOT NULL, study_uid TEXT NOT NULL,"
        " patient_key TEXT NOT NULL, named TEXT NOT NULL, relevant INTEGER NOT NULL,"
        " source TEXT NOT NULL, by TEXT NOT NULL, given TEXT NOT NULL, state TEXT NOT NULL,"
        " reviewer TEXT, reviewed TEXT)"
    )
    with open_database(home / FILE, schema, version=VERSION) as db:
        yield FeedbackStore(db)


def read_feedback(home: Path, state: State | None = None) -> tuple[Feedback, ...]:
    """All feedback of a home, or what is in one state; none, and no file, where none was given."""
    if not (home / FILE).exists():
        return ()
    with open_feedback(home) as feedback:
        return feedback.all(state)


@contextlib.contextmanager
def open_database(path: Path, schema: str, *, version: int) -> Iterator[sqlite3.Connection]:
    """Open a small database beside the store, which overwrites what it deletes.

    Args:
        path: its file.
        schema: statements that make its tables where there are none.
        version: of the schema.

    Raises:
        StoreError: `store.newer_version`, `store.locked` or `store.damaged`.
    """
    with explained():
        db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
    with contextlib.closing(db):
        with explained():
            db.execute("PRAGMA secure_delete = ON")
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if found > version:
                raise StoreError(
                    f"{path.name} is of version {found}, and this Caselight reads {version}; "
                    "upgrade Caselight",
                    code="store.newer_version",
                )
            if found < version:
                db.executescript(schema)
                db.execute(f"PRAGMA user_version = {version}")
        yield db


def same_name(one: str, other: str) -> bool:
    """Whether two names are one person's, case and spacing aside."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
