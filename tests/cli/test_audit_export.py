"""The record leaves through the door: whole, once, and provable; or not at all."""

import base64
import json
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from caselight.audit.log import open_log
from caselight.merkle import leaf_digest
from tests.audit.export.sample import searches
from tests.audit.export.schema import details, parsed
from tests.audit.export.servers import (
    Silent,
    apart,
    certificate,
    hangs_up_after,
    reads_all,
    server_context,
    serving,
    unused_port,
)
from tests.homes import Answer, archive, contents, done, door, script, train_and_index

MARK = "\ufeff"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose record nobody else writes to: 28 records."""
    root = tmp_path_factory.mktemp("lived")
    done("ingest", archive(root / "archive"), "--home", root / "home")
    train_and_index(root / "home")
    return root / "home"


@pytest.fixture
def home(lived: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lived, tmp_path / "home"))


def export(home: Path, *options: object, form: str = "fhir") -> Answer:
    return door("audit", "export", "--home", home, "--as", form, "--host", "pacs", *options)


def positions(text: str) -> list[int]:
    return [int(json.loads(line)["id"].rpartition(".")[2]) for line in text.splitlines()]


def test_the_life_of_a_home_is_exported_and_proven(home: Path, tmp_path: Path) -> None:
    done("search", "amber", "--home", home)
    said = export(home, form="dicom")
    assert said.err == "29 exported as dicom: records 0 to 28\n"
    lines = said.out.splitlines()
    assert len(lines) == 29
    assert "amber" not in said.out
    last = details(parsed(lines[-1].split(MARK)[1]))
    verifier = home / "audit" / "verifier"
    done("audit", "prove", last["position"].decode(), "--home", home, "--out", tmp_path / "proof")
    proof = json.loads((tmp_path / "proof").read_text("utf-8"))
    assert proof["line"].encode() == last["leaf"] + b" " + last["record"]
    assert proof["checkpoint"].encode() == last["checkpoint"]
    checked = ("audit", "verify", "--proof", tmp_path / "proof", "--verifier", verifier)
    assert done(*checked).out.startswith("proven: record 28, search.answered")


def test_both_formats_say_the_same(home: Path, tmp_path: Path) -> None:
    dicom = [details(parsed(x.split(MARK)[1])) for x in export(home, form="dicom").out.splitlines()]
    fhir = [json.loads(line) for line in export(home).out.splitlines()]
    for one, other in zip(dicom, fhir, strict=True):
        proof: dict[str, Any] = {said["type"]: said for said in other["entity"][-1]["detail"]}
        record = base64.b64decode(proof["record"]["valueBase64Binary"])
        assert one["record"] == record
        assert leaf_digest(record).hex() == proof["leaf"]["valueString"] == one["leaf"].decode()


def test_since_a_record_or_a_moment(home: Path, tmp_path: Path) -> None:
    assert positions(export(home, "--since", 26).out) == [26, 27]
    assert positions(export(home, "--since", "1999-01-01").out) == list(range(28))
    tomorrow = export(home, "--since", "2999-01-01T00:00:00+01:00")
    assert (tomorrow.out, tomorrow.status) == ("", 0)
    assert tomorrow.err == "0 exported as fhir: nothing after record 27\n"
    at = str(json.loads(export(home, "--since", 27).out)["recorded"])
    assert 27 in positions(export(home, "--since", at).out)
    local = datetime.fromisoformat(at).astimezone(UTC).replace(tzinfo=None).isoformat()
    assert export(home, "--since", local).out == export(home, "--since", at).out


def test_a_cursor_gives_every_record_once(home: Path, tmp_path: Path) -> None:
    cursor = tmp_path / "cursor"
    found = [positions(export(home, "--cursor", cursor).out)]
    for n in (1, 0, 3):
        if n:
            open_log(home).append(*searches(n))
        found.append(positions(export(home, "--cursor", cursor).out))
    assert [len(one) for one in found] == [28, 1, 0, 3]
    assert [position for one in found for position in one] == list(range(32))
    assert done("audit", "verify", "--home", home, "--witness", cursor).out.startswith("32 records")


def test_a_file_is_written_whole_and_never_over_another(home: Path, tmp_path: Path) -> None:
    cursor = tmp_path / "cursor"
    one = export(home, "--out", tmp_path / "one", "--cursor", cursor)
    assert one.out == f"28 exported as fhir to {tmp_path / 'one'}: records 0 to 27\n"
    assert positions((tmp_path / "one").read_text("utf-8")) == list(range(28))
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    open_log(home).append(*searches(1))
    before = cursor.read_bytes()
    again = export(home, "--out", tmp_path / "one", "--cursor", cursor)
    assert again.refusal[0] == "data.not_empty"
    assert cursor.read_bytes() == before
    export(home, "--out", tmp_path / "two", "--cursor", cursor)
    assert positions((tmp_path / "two").read_text("utf-8")) == [28]


def test_a_file_can_be_octet_counted_and_unmarked(home: Path, tmp_path: Path) -> None:
    export(home, "--out", tmp_path / "a", "--octet-counting", "--no-bom", form="dicom")
    messages = apart((tmp_path / "a").read_bytes())
    assert len(messages) == 28
    assert all(b" - <?xml" in message for message in messages)


def test_what_a_shell_gets_is_the_same_bytes(home: Path, tmp_path: Path) -> None:
    args = ("audit", "export", "--home", home, "--as", "dicom", "--host", "pacs")
    ran = subprocess.run([script(), *map(str, args)], capture_output=True, check=True)
    export(home, "--out", tmp_path / "file", form="dicom")
    assert ran.stdout == (tmp_path / "file").read_bytes()
    cursor = ("--cursor", str(tmp_path / "cursor"))
    with Path("/dev/full").open("wb") as full:
        refused = subprocess.run(
            [script(), *map(str, args), *cursor], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert b"caselight: audit.not_exported: standard output did not take" in refused.stderr
    assert not (tmp_path / "cursor").exists()


@pytest.mark.parametrize("secured", [False, True])
def test_a_server_gets_every_record_once(home: Path, tmp_path: Path, secured: bool) -> None:
    cursor = tmp_path / "cursor"
    files = certificate(tmp_path, "server")
    tls = server_context(files) if secured else None
    ca = ("--ca", files[0]) if secured else ()

    def sent(*options: object) -> tuple[Answer, list[bytes]]:
        with serving(reads_all, tls=tls) as (port, read):
            to = f"127.0.0.1:{port}"
            answer = export(home, "--to", to, "--cursor", cursor, *ca, *options, form="dicom")
            return answer, apart(read())

    answer, messages = sent()
    assert answer.status == 0, answer.err
    assert answer.out.startswith("28 sent as dicom to 127.0.0.1:")
    assert [m.decode() for m in messages] == export(home, form="dicom").out.splitlines()
    before = cursor.read_bytes()
    open_log(home).append(*searches(2_000))
    # What nobody takes stays to be sent.
    for manner in (hangs_up_after(0), hangs_up_after(100_000)):
        with serving(manner, tls=tls) as (port, _):
            to = ("--to", f"127.0.0.1:{port}", "--cursor", cursor, *ca)
            refused = export(home, *to, form="dicom")
        assert refused.refusal[0] == "audit.not_exported"
        assert (refused.out, cursor.read_bytes()) == ("", before)
    answer, messages = sent()
    assert answer.out.endswith(": records 28 to 2027\n")
    assert len(messages) == 2_000
    assert sent()[1] == []


@pytest.mark.slow
def test_a_killed_export_moves_no_cursor(home: Path, tmp_path: Path) -> None:
    open_log(home).append(*searches(2_000))
    kept = ("--cursor", tmp_path / "cursor")
    with serving(Silent()) as (port, _):
        args = ("audit", "export", "--home", home, "--as", "dicom", "--timeout", "60", *kept)
        running = subprocess.Popen([script(), *map(str, args), "--to", f"127.0.0.1:{port}"])
        while not (tmp_path / ".cursor.next").exists():
            assert running.poll() is None
            time.sleep(0.01)
        busy = export(home, *kept)
        assert busy.refusal[0] == "audit.not_exported"
        running.kill()
        running.wait(30)
    assert not (tmp_path / "cursor").exists()
    assert len(export(home, *kept).out.splitlines()) == 2_028
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"cursor", ".cursor.lock"}
    assert ".cursor.next" not in names


def test_a_broken_log_does_not_leave(home: Path, tmp_path: Path) -> None:
    log = home / "audit" / "log"
    whole = log.read_bytes()
    for broken, code in (
        (whole.replace(b'"images":1', b'"images":2', 1), "audit.altered"),
        (whole[: whole.rindex(b"\n", 0, -1) + 1], "audit.truncated"),
    ):
        log.write_bytes(broken)
        cursor = ("--cursor", tmp_path / "cursor")
        answer = export(home, "--out", tmp_path / "file", *cursor)
        assert answer.refusal[0] == code
        assert not (tmp_path / "file").exists()
        assert not (tmp_path / "cursor").exists()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        refused = export(home, "--to", f"127.0.0.1:{listening.getsockname()[1]}", form="dicom")
        assert refused.refusal[0] == "audit.truncated"
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()


@pytest.mark.parametrize(
    ("form", "options", "code", "says"),
    [
        ("xml", (), "usage.bad_argument", "known are: dicom, fhir, fhir-r5"),
        ("fhir", ("--since", "28"), "audit.no_such_record", "0 to 27, and not 28"),
        ("fhir", ("--since", "9" * 5000), "usage.bad_argument", "expected the number"),
        ("fhir", ("--since", "yesterday"), "usage.bad_argument", "a date like"),
        ("fhir", ("--since", "1", "--cursor", "NEW"), "usage.bad_argument", "not both"),
        ("fhir", ("--out", "NEW", "--to", "a:1"), "usage.bad_argument", "not both"),
        ("fhir", ("--to", "a:1"), "usage.bad_argument", "only DICOM messages travel by syslog"),
        ("fhir", ("--octet-counting",), "usage.bad_argument", "only DICOM"),
        ("dicom", ("--to", "a"), "usage.bad_argument", "expected HOST:PORT"),
        ("dicom", ("--to", "a:0"), "usage.bad_argument", "expected HOST:PORT"),
        ("dicom", ("--to", ":6514"), "usage.bad_argument", "expected HOST:PORT"),
        ("dicom", ("--tls",), "usage.bad_argument", "name it with --to"),
        ("dicom", ("--to", "a:1", "--key", "FILE"), "usage.bad_argument", "--cert"),
        ("dicom", ("--to", "a:1", "--ca", "FILE"), "audit.not_exported", "PEM"),
        ("dicom", ("--to", "127.0.0.1:PORT"), "audit.not_exported", "refused"),
        ("fhir", ("--out", "FILE"), "data.not_empty", "there already"),
        ("fhir", ("--out", "FILE/below"), "store.damaged", "system refused"),
        ("fhir", ("--cursor", "FILE"), "audit.bad_signature", "no cursor of this log"),
        ("fhir", ("--cursor", "FILE/below"), "audit.not_exported", "cannot be used"),
    ],
)
def test_bad_input_gets_one_sentence(
    home: Path, tmp_path: Path, form: str, options: tuple[str, ...], code: str, says: str
) -> None:
    (tmp_path / "file").write_text("something else")
    named = {"NEW": str(tmp_path / "new"), "FILE": str(tmp_path / "file")}
    said = [one.replace("PORT", str(unused_port())) for one in options if one is not None]
    for word, path in named.items():
        said = [one.replace(word, path) for one in said]
    before = contents(home)
    answer = export(home, *said, form=form)
    assert answer.refusal[0] == code, answer.err
    assert says in answer.refusal[1]
    assert answer.out == ""
    assert contents(home) == before
    assert not (tmp_path / "new").exists()


def test_a_home_that_is_none_or_has_no_log_is_told(home: Path, tmp_path: Path) -> None:
    assert export(tmp_path / "none").refusal[0] == "store.missing"
    (home / "audit").rename(tmp_path / "gone")
    assert export(home).refusal[0] == "audit.missing"
    assert not (home / "audit").exists()
