"""A cursor moves when everything has left, and only then; and it is a checkpoint."""

from pathlib import Path

import pytest

from caselight.audit.end import LogEnd
from caselight.audit.export.cursor import open_cursor
from caselight.audit.log import AuditLog
from caselight.audit.notes import split_notes
from caselight.audit.verify import verify_log
from caselight.errors import AuditError
from tests.audit import logs
from tests.audit.export.sample import sample_log, searches


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return sample_log(tmp_path / "home")


def moved(log: AuditLog, path: Path) -> str:
    note = log.files.read_head()[1]
    with open_cursor(path, log.files.verifier()) as cursor:
        cursor.stage(note)
        cursor.advance()
    return note


def test_it_says_where_the_last_export_ended(log: AuditLog, tmp_path: Path) -> None:
    path, verifier = tmp_path / "cursor", log.files.verifier()
    with open_cursor(path, verifier) as cursor:
        assert cursor.begin is None
    moved(log, path)
    with open_cursor(path, verifier) as cursor:
        assert cursor.begin == LogEnd.read(log.files.read_head()[0])


def test_it_stays_where_it_was_when_an_export_fails(log: AuditLog, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "cursor"
    path.parent.mkdir()
    note = moved(log, path)
    log.append(*searches(1))
    with open_cursor(path, log.files.verifier()) as cursor:
        cursor.stage(log.files.read_head()[1])
    assert path.read_text("utf-8") == note
    assert sorted(one.name for one in path.parent.iterdir()) == [".cursor.lock", "cursor"]


def test_it_is_a_checkpoint_that_a_later_log_is_held_against(log: AuditLog, tmp_path: Path) -> None:
    moved(log, tmp_path / "cursor")
    log.append(*searches(1))
    notes = split_notes((tmp_path / "cursor").read_text("utf-8"))
    verdict = verify_log(log.files.folder, checkpoints=notes)
    assert (verdict.ok, verdict.n_checkpoints) == (True, 2)


@pytest.mark.parametrize(
    "kind", ["changed", "of another log", "short checkpoint", "empty", "bytes"]
)
def test_what_is_no_cursor_of_this_log_is_refused(log: AuditLog, tmp_path: Path, kind: str) -> None:
    head, note = log.files.read_head()
    said = {
        "changed": note.replace("\nbytes ", "\nbytes 1").encode(),
        "of another log": logs.log_of(tmp_path / "other", 3).files.read_head()[1].encode(),
        "short checkpoint": log.checkpoint_of(head).encode(),
        "empty": b"",
        "bytes": b"\xff\xfe",
    }[kind]
    assert said != note.encode()
    path = tmp_path / "cursor"
    path.write_bytes(said)
    with pytest.raises(AuditError, match="no cursor of this log") as refused:
        open_cursor(path, log.files.verifier()).__enter__()
    assert refused.value.code == "audit.bad_signature"
    assert path.read_bytes() == said


def test_one_export_at_a_time_uses_it(log: AuditLog, tmp_path: Path) -> None:
    verifier = log.files.verifier()
    with (
        open_cursor(tmp_path / "cursor", verifier),
        pytest.raises(AuditError, match="another export") as refused,
    ):
        open_cursor(tmp_path / "cursor", verifier).__enter__()
    assert refused.value.code == "audit.not_exported"
    with open_cursor(tmp_path / "cursor", verifier) as cursor:
        assert cursor.begin is None


@pytest.mark.parametrize("place", ["none/cursor", "folder"])
def test_a_place_that_cannot_be_written_is_told_before_anything_leaves(
    log: AuditLog, tmp_path: Path, place: str
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(AuditError, match="nothing was exported") as refused:
        open_cursor(tmp_path / place, log.files.verifier()).__enter__()
    assert refused.value.code == "audit.not_exported"
