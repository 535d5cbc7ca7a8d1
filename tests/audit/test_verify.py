"""Every change to a log is found, and where it was made."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from caselight.audit.files import LogFiles
from caselight.audit.log import open_log
from caselight.audit.notes import Checkpoint
from caselight.audit.record import NO_RECORD, Entry, make_line, read_line
from caselight.audit.verify import Verdict, verify_log, verify_text
from caselight.errors import AuditError
from caselight.merkle import leaf_digest
from tests.audit.logs import clock, entry, folder, log_of

N = 12


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, tuple[Checkpoint, ...]]:
    """The bytes of a log of N records, and its signed checkpoints at 5 and N."""
    home = tmp_path_factory.mktemp("known")
    early = log_of(home, 5).files.read_head()[0]
    log = open_log(home)
    log.append(*(entry(n) for n in range(5, N)))
    return log.files.log.read_bytes(), (early, log.files.read_head()[0])


def starts(data: bytes) -> list[int]:
    """Where each line begins."""
    return [0, *(i + 1 for i, byte in enumerate(data[:-1]) if byte == ord("\n"))]


def found(verdict: Verdict, position: int) -> None:
    assert verdict.faults, "nothing was found"
    assert verdict.faults[0].position == position, verdict.faults


def test_a_log_that_nobody_touched_is_whole(
    known: tuple[bytes, tuple[Checkpoint, ...]],
) -> None:
    verdict = verify_text(*known)
    assert (verdict.ok, verdict.size, verdict.n_checkpoints) == (True, N, 2)
    assert verdict.root == known[1][1].root


def test_every_byte_that_is_changed_is_found_in_its_record(
    known: tuple[bytes, tuple[Checkpoint, ...]],
) -> None:
    data, checkpoints = known
    rng = np.random.default_rng(0)
    line = 0
    begins = starts(data)
    for at in range(len(data)):
        line += line + 1 < N and at >= begins[line + 1]
        for turn in {1, 0x80, int(rng.integers(1, 256))}:
            changed = bytearray(data)
            changed[at] ^= turn
            found(verify_text(bytes(changed), checkpoints), line)


def test_every_byte_that_is_dropped_or_put_in_is_found_in_its_record(
    known: tuple[bytes, tuple[Checkpoint, ...]],
) -> None:
    data, checkpoints = known
    line = 0
    begins = starts(data)
    for at in range(len(data)):
        line += line + 1 < N and at >= begins[line + 1]
        found(verify_text(data[:at] + data[at + 1 :], checkpoints), line)
        found(verify_text(data[:at] + b"x" + data[at:], checkpoints), line)


def test_every_record_that_is_dropped_repeated_or_swapped_is_found(
    known: tuple[bytes, tuple[Checkpoint, ...]],
) -> None:
    data, checkpoints = known
    lines = data.splitlines(keepends=True)
    for i in range(N):
        found(verify_text(b"".join([*lines[:i], *lines[i + 1 :]]), checkpoints), i)
        for j in range(i + 1, N):
            swapped = lines.copy()
            swapped[i], swapped[j] = lines[j], lines[i]
            found(verify_text(b"".join(swapped), checkpoints), i)
        for j in range(N + 1):
            repeated = [*lines[:j], lines[i], *lines[j:]]
            # A record beside itself: the second of the two stands where another should.
            found(verify_text(b"".join(repeated), checkpoints), j + (i == j))


def test_a_log_that_is_cut_at_any_byte_is_found(
    known: tuple[bytes, tuple[Checkpoint, ...]],
) -> None:
    data, checkpoints = known
    for at in range(len(data)):
        found(verify_text(data[:at], checkpoints), data[:at].count(b"\n"))


def rewritten(lines: list[bytes], start: int) -> bytes:
    """All records from one on made anew, as one who has no key would."""
    records = [read_line(line.rstrip(b"\n")) for line in lines]
    previous = records[start - 1].digest if start else NO_RECORD
    out, times = lines[:start], clock()
    for record in records[start:]:
        said = Entry(event=record.event, actor="nobody", payload=record.payload)
        line, digest = make_line(said, position=record.position, at=next(times), previous=previous)
        out.append(line)
        previous = digest.hex()
    return b"".join(out)


@pytest.mark.parametrize("start", range(N))
def test_a_log_rewritten_with_good_digests_is_found_between_checkpoints(
    known: tuple[bytes, tuple[Checkpoint, ...]], start: int
) -> None:
    data, checkpoints = known
    verdict = verify_text(rewritten(data.splitlines(keepends=True), start), checkpoints)
    (fault,) = verdict.faults
    assert fault.kind == "rewritten"
    good = 5 if start >= 5 else 0
    assert fault.position == good
    assert f"from {good} to {(N if good else 5) - 1} " in fault.detail


def test_records_put_in_behind_the_last_checkpoint_are_told_by_their_number(
    known: tuple[bytes, tuple[Checkpoint, ...]],
) -> None:
    data, checkpoints = known
    line, _ = make_line(entry(), position=N + 1, at=next(clock()), previous="ab" * 32)
    found(verify_text(data + line, checkpoints), N)


def test_a_fork_is_found_by_the_checkpoint_of_the_other_branch(tmp_path: Path) -> None:
    log_of(tmp_path / "a", 6)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    ours, theirs = open_log(tmp_path / "a"), open_log(tmp_path / "b")
    ours.append(entry(1), entry(2))
    theirs.append(entry(3))
    seen = theirs.files.read_head()[1]
    verdict = verify_log(folder(tmp_path / "a"), checkpoints=[seen])
    (fault,) = verdict.faults
    assert (fault.kind, fault.position) == ("rewritten", 0)
    early = log_of(tmp_path / "c", 1)  # a log of its own has nothing to do with it
    with pytest.raises(AuditError):
        early.files.verifier().check(seen)


def test_a_head_that_was_changed_or_lost_is_a_fault(tmp_path: Path) -> None:
    files = log_of(tmp_path, 6).files
    note = files.head.read_text("utf-8")
    files.head.write_text(note.replace("\n6\n", "\n5\n"), "utf-8")
    assert [fault.kind for fault in verify_log(files.folder).faults] == ["unsigned"]
    files.head.unlink()
    assert [fault.kind for fault in verify_log(files.folder).faults] == ["unsigned"]


def test_a_log_signed_anew_by_another_key_is_found_by_the_verifier_kept(tmp_path: Path) -> None:
    kept = log_of(tmp_path / "a", 6).files.verifier()
    log_of(tmp_path / "b", 6)
    forged = verify_log(folder(tmp_path / "b"))
    assert forged.ok
    assert not verify_log(folder(tmp_path / "b"), verifier=kept).ok


def test_no_log_is_no_whole_log(tmp_path: Path) -> None:
    with pytest.raises(AuditError) as refused:
        verify_log(tmp_path)
    assert refused.value.code == "audit.missing"


def test_reading_by_blocks_is_like_reading_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: LogFiles = log_of(tmp_path, 30).files
    expected = verify_log(files.folder)
    for size in (1, 100, 700):
        monkeypatch.setattr("caselight.audit.verify._BLOCK", size)
        assert verify_log(files.folder) == expected
    assert expected.root == files.read_head()[0].root
    leaves = [line[65:-1] for line in files.log.read_bytes().splitlines(keepends=True)]
    assert [leaf_digest(leaf).hex() for leaf in leaves] == [
        record.digest for record in open_log(tmp_path).records()
    ]
