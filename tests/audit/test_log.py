"""What is acknowledged is durable, in order and once, whoever writes beside whom and is killed."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from caselight.audit import log as log_module
from caselight.audit.log import open_log
from caselight.audit.notes import split_notes
from caselight.audit.record import Entry
from caselight.audit.verify import verify_log
from caselight.errors import AuditError
from tests.audit.logs import entry, folder, log_of

WRITER = """
import sys
from pathlib import Path
from caselight.audit.log import open_log
from caselight.audit.record import Entry
log = open_log(Path(sys.argv[1]))
for n in range(int(sys.argv[2])):
    said = Entry(event="search.answered", actor=sys.argv[3], payload={"n": n, "pad": "x" * 500})
    print(log.append(said)[0], flush=True)
"""


def whole(home: Path, size: int) -> None:
    verdict = verify_log(folder(home))
    assert verdict.faults == ()
    assert verdict.size == size


def writer(home: Path, n: int, name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), str(n), name], stdout=subprocess.PIPE, text=True
    )


def test_records_come_back_in_order_as_they_were_said(tmp_path: Path) -> None:
    log = log_of(tmp_path, 12)
    records = list(log.records())
    assert [record.position for record in records] == list(range(12))
    assert [record.event for record in records] == ["log.created", *["search.answered"] * 11]
    assert [record.payload["n"] for record in records[1:]] == list(range(1, 12))
    assert [r.previous for r in records] == ["0" * 64, *(r.digest for r in records[:-1])]
    assert list(log.records(start=10)) == records[10:]
    whole(tmp_path, 12)


def test_positions_go_on_where_they_were_after_opening_again(tmp_path: Path) -> None:
    assert log_of(tmp_path, 4).append(entry()) == [4]
    assert open_log(tmp_path).append(entry(), entry()) == [5, 6]
    assert open_log(tmp_path).append() == []
    whole(tmp_path, 7)


def test_a_log_is_for_its_owner_alone(tmp_path: Path) -> None:
    log = log_of(tmp_path, 2)
    assert log.files.folder.stat().st_mode & 0o077 == 0
    for name in ("signing-key", "digest-key", "log"):
        assert (log.files.folder / name).stat().st_mode & 0o077 == 0, name


def test_two_that_make_one_log_at_once_share_it(tmp_path: Path) -> None:
    logs: list[object] = []
    threads = [threading.Thread(target=lambda: logs.append(open_log(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({log.origin for log in logs}) == 1  # type: ignore[attr-defined]
    assert [path.name for path in tmp_path.iterdir()] == ["audit"]
    whole(tmp_path, 1)


def test_threads_share_a_log_and_a_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_of(tmp_path, 1)
    flushes = []
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        flushes.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(log_module.os, "fdatasync", slow)
    got: list[int] = []

    def run(name: int) -> None:
        for n in range(25):
            got.extend(log.append(Entry(event="index.built", actor=str(name), payload={"n": n})))

    threads = [threading.Thread(target=run, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(1, 201))
    assert len(flushes) < 200
    by_actor: dict[str, list[int]] = {}
    for record in log.records(start=1):
        by_actor.setdefault(record.actor, []).append(record.payload["n"])
    assert all(ns == list(range(25)) for ns in by_actor.values())
    whole(tmp_path, 201)


def test_processes_take_turns(tmp_path: Path) -> None:
    log_of(tmp_path, 1)
    running = [writer(tmp_path, 25, f"w{n}") for n in range(3)]
    own = [open_log(tmp_path).append(entry())[0] for _ in range(10)]
    got = [int(line) for one in running for line in one.communicate()[0].split()]
    assert sorted([*own, *got]) == list(range(1, 86))
    whole(tmp_path, 86)


@pytest.mark.parametrize("after", [1, 3, 9, 20])
def test_a_killed_writer_loses_nothing_it_was_told_of(tmp_path: Path, after: int) -> None:
    log_of(tmp_path, 1)
    running = writer(tmp_path, 10_000, "w")
    assert running.stdout is not None
    told = [int(running.stdout.readline()) for _ in range(after)]
    running.kill()
    rest = [int(line) for line in running.communicate()[0].split()]
    (at,) = open_log(tmp_path).append(entry())
    kept = list(open_log(tmp_path).records())
    assert [record.position for record in kept] == list(range(at + 1))
    for position in (*told, *rest):
        assert kept[position].actor == "w"
    whole(tmp_path, at + 1)


@pytest.mark.parametrize(
    "torn", [b"half a line", b"\0" * 5000, b'{"a"}\nmore\n', b"\n", "whole line"], ids=repr
)
def test_what_a_killed_writer_left_is_set_aside_and_said(tmp_path: Path, torn: bytes | str) -> None:
    log = log_of(tmp_path, 3)
    lines = log.files.log.read_bytes().splitlines(keepends=True)
    left = lines[-1][:-1] if isinstance(torn, str) else torn
    with log.files.log.open("ab") as file:
        file.write(left)
    assert open_log(tmp_path).append(entry(9)) == [4]
    assert (folder(tmp_path) / "torn-3").read_bytes() == left
    said = list(log.records())[3]
    assert (said.event, said.payload) == (
        "log.recovered",
        {"bytes": len(left), "records": 0},
    )
    whole(tmp_path, 5)


def test_whole_records_that_the_head_does_not_know_are_kept_and_said(tmp_path: Path) -> None:
    """A writer was killed before it signed for them; or they are of somebody who cannot sign."""
    log = log_of(tmp_path, 3)
    head = log.files.head.read_bytes()
    log.append(entry(7), entry(8))
    log.files.head.write_bytes(head)  # as after a loss of power
    (fault,) = verify_log(log.files.folder).faults
    assert (fault.kind, fault.position) == ("unsigned", 3)
    assert fault.detail.startswith("2 records behind the newest checkpoint")
    assert open_log(tmp_path).append(entry(9)) == [6]
    assert [r.payload.get("n") for r in log.records(start=3)] == [7, 8, None, 9]
    assert next(log.records(start=5)).payload == {"bytes": 0, "records": 2}
    whole(tmp_path, 7)


def test_what_could_not_be_said_is_said_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(tmp_path, 3)
    with log.files.log.open("ab") as file:
        file.write(b"half a line")
    log = open_log(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(log_module.os, "fdatasync", full)
        with pytest.raises(AuditError):
            log.append(entry(8))
    assert log.append(entry(9)) == [4]
    assert next(log.records(start=3)).payload == {"bytes": 11, "records": 0}
    whole(tmp_path, 5)


@pytest.mark.parametrize("n_written", [0, 100])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_refuses_and_leaves_the_log_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, n_written: int
) -> None:
    log = log_of(tmp_path, 3)
    before = log.files.log.read_bytes()
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if n_written:
            real(descriptor, bytes(data)[:n_written])
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(log_module.os, "write", full)
        with pytest.raises(AuditError, match="cannot be written") as refused:
            log.append(entry())
    assert refused.value.code == "audit.not_written"
    assert log.files.log.read_bytes() == before
    assert log.append(entry()) == [3]
    whole(tmp_path, 4)


def test_a_real_limit_on_file_size_refuses_and_leaves_the_log_whole(tmp_path: Path) -> None:
    log = log_of(tmp_path, 20)
    size = log.files.log.stat().st_size
    limited = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size + 900},) * 2)\n{WRITER}"
    )
    run = subprocess.run(
        [sys.executable, "-c", limited, str(tmp_path), "9", "w"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stdout.split() == ["20"]
    assert "audit" in run.stderr
    assert "cannot be written" in run.stderr
    assert log.append(entry()) == [21]
    whole(tmp_path, 22)


def test_a_log_that_was_cut_takes_nothing_more(tmp_path: Path) -> None:
    log = log_of(tmp_path, 6)
    os.truncate(log.files.log, log.files.log.stat().st_size - 1)
    for opened in (log, open_log(tmp_path)):
        with pytest.raises(AuditError) as refused:
            opened.append(entry())
        assert refused.value.code == "audit.truncated"


@pytest.mark.parametrize("name", ["log", "head", "verifier", "signing-key", "digest-key"])
def test_a_log_that_lost_a_file_takes_nothing_more(tmp_path: Path, name: str) -> None:
    (log_of(tmp_path, 3).files.folder / name).unlink()
    with pytest.raises(AuditError) as refused:
        open_log(tmp_path).append(entry())
    assert refused.value.code in ("audit.missing", "audit.truncated")
    assert name in str(refused.value)


@pytest.mark.parametrize("name", ["head", "verifier", "signing-key"])
def test_a_file_of_another_log_is_refused(tmp_path: Path, name: str) -> None:
    log_of(tmp_path / "a", 3)
    log_of(tmp_path / "b", 3)
    shutil.copy(folder(tmp_path / "b") / name, folder(tmp_path / "a") / name)
    with pytest.raises(AuditError) as refused:
        open_log(tmp_path / "a").append(entry())
    assert refused.value.code == "audit.bad_signature"


def test_a_log_of_a_newer_format_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(log_module, "FORMAT", 2)
        before = log_of(tmp_path, 2).files.log.read_bytes()
    with pytest.raises(AuditError) as refused:
        open_log(tmp_path)
    assert refused.value.code == "audit.newer_version"
    assert (folder(tmp_path) / "log").read_bytes() == before


def test_one_bad_entry_spoils_no_other(tmp_path: Path) -> None:
    log = log_of(tmp_path, 1)
    with pytest.raises(ValueError, match="whole numbers"):
        log.append(entry(), Entry(event="index.built", actor="a", payload={"share": 0.5}))
    assert log.append(entry()) == [1]
    whole(tmp_path, 2)


# The witness --------------------------------------------------------------------------------


def witnessed(home: Path, witness: Path) -> None:
    log = log_of(home, 3)
    log.name_witness(witness)
    log.append(entry())
    log.append(entry())


def test_a_witness_is_given_every_checkpoint(tmp_path: Path) -> None:
    witnessed(tmp_path / "home", tmp_path / "witness")
    verifier = open_log(tmp_path / "home").files.verifier()
    notes = split_notes((tmp_path / "witness").read_text("utf-8"))
    assert [verifier.check(note).size for note in notes] == [3, 4, 5]
    assert verify_log(folder(tmp_path / "home")).n_checkpoints == 4


def test_a_restored_copy_is_not_written_on(tmp_path: Path) -> None:
    witnessed(tmp_path / "home", tmp_path / "witness")
    shutil.copytree(folder(tmp_path / "home"), tmp_path / "copy")
    open_log(tmp_path / "home").append(entry())
    shutil.rmtree(folder(tmp_path / "home"))
    shutil.move(tmp_path / "copy", folder(tmp_path / "home"))
    with pytest.raises(AuditError) as refused:
        open_log(tmp_path / "home").append(entry())
    assert refused.value.code == "audit.fork"
    (fault,) = verify_log(folder(tmp_path / "home")).faults
    assert (fault.kind, fault.position) == ("missing", 5)


def test_a_witness_that_cannot_be_told_stops_answers(tmp_path: Path) -> None:
    witnessed(tmp_path / "home", tmp_path / "witness")
    (tmp_path / "witness").unlink()
    (tmp_path / "witness").mkdir()
    log = open_log(tmp_path / "home")
    with pytest.raises(AuditError) as refused:
        log.append(entry())
    assert refused.value.code == "audit.not_written"


def test_a_witness_file_of_another_log_is_refused(tmp_path: Path) -> None:
    witnessed(tmp_path / "a", tmp_path / "witness")
    log = log_of(tmp_path / "b", 3)
    with pytest.raises(AuditError) as refused:
        log.name_witness(tmp_path / "witness")
    assert refused.value.code == "audit.bad_signature"
