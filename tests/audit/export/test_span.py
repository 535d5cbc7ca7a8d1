"""Nothing leaves a log that is not whole, and what leaves begins where it was asked to."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caselight.audit.end import LogEnd
from caselight.audit.export.span import Since, Span, verified
from caselight.audit.files import LogFiles
from caselight.audit.log import AuditLog
from caselight.audit.record import EVENTS, make_line
from caselight.errors import AuditError
from tests.audit import logs
from tests.audit.export.sample import sample_log, searches

N_EVENTS = len(EVENTS)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def span_of(log: AuditLog, since: Since = 0) -> Span:
    return verified(log.files, since=since)


def positions(span: Span) -> list[int]:
    found = [record.position for record, _ in span.records()]
    assert len(found) == len(span)
    return found


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return sample_log(tmp_path / "home", more=5)


def end_of(log: AuditLog) -> LogEnd:
    return LogEnd.read(log.files.read_head()[0])


@pytest.mark.parametrize(
    ("since", "first"),
    [
        (0, 0),
        (9, 9),
        (N_EVENTS + 4, N_EVENTS + 4),
        (BEGAN, 0),
        (BEGAN + timedelta(seconds=3), 3),
        (BEGAN + timedelta(seconds=2, milliseconds=1), 3),
        (datetime(1999, 1, 1, tzinfo=UTC), 0),
        (datetime(2027, 1, 1, tzinfo=UTC), N_EVENTS + 5),
    ],
)
def test_it_begins_where_it_was_asked_to(log: AuditLog, since: Since, first: int) -> None:
    assert positions(span_of(log, since)) == list(range(first, N_EVENTS + 5))


@pytest.mark.parametrize("since", [-1, N_EVENTS + 5, 10**30])
def test_a_record_that_is_not_there_is_refused(log: AuditLog, since: int) -> None:
    with pytest.raises(AuditError, match=f"0 to {N_EVENTS + 4}") as refused:
        span_of(log, since)
    assert refused.value.code == "audit.no_such_record"


def test_records_come_with_their_own_bytes(log: AuditLog) -> None:
    lines = log.files.log.read_bytes().split(b"\n")[:-1]
    for (record, canonical), line in zip(span_of(log).records(), lines, strict=True):
        assert line == record.digest.encode() + b" " + canonical
        assert json.loads(canonical)["event"] == record.event


def test_it_goes_on_from_an_earlier_end(log: AuditLog) -> None:
    end = end_of(log)
    assert positions(span_of(log, end)) == []
    log.append(*searches(3))
    assert positions(span_of(log, end)) == list(range(N_EVENTS + 5, N_EVENTS + 8))
    assert positions(span_of(log, end_of(log))) == []


def test_what_is_not_signed_for_stays(log: AuditLog) -> None:
    end = end_of(log)
    line, _ = make_line(logs.entry(), position=end.size, at=BEGAN, previous=end.last)
    with log.files.log.open("ab") as file:
        file.write(line)
        file.write(b"torn")
    assert positions(span_of(log)) == list(range(N_EVENTS + 5))


def refusal(files: LogFiles, since: Since) -> str:
    with pytest.raises(AuditError, match="nothing was exported") as refused:
        list(verified(files, since=since).records())
    return refused.value.code


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_what_is_exported_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    log = sample_log(tmp_path_factory.mktemp("log") / "home", more=2)
    end = end_of(log)
    log.append(*searches(2))
    whole = bytearray(log.files.log.read_bytes())
    begin = data.draw(st.sampled_from([0, end.n_bytes]))
    at = data.draw(st.integers(begin, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    log.files.log.write_bytes(whole)
    code = refusal(log.files, end if begin else 0)
    assert code in ("audit.altered", "audit.truncated")


def test_a_log_that_was_cut_is_refused(log: AuditLog) -> None:
    lines = log.files.log.read_bytes().splitlines(keepends=True)
    log.files.log.write_bytes(b"".join(lines[:-1]))
    assert refusal(log.files, 0) == "audit.truncated"
    log.files.log.unlink()
    assert refusal(log.files, 0) == "audit.missing"


def test_a_log_that_was_made_anew_is_refused(log: AuditLog) -> None:
    """Every digest fits the next; only the signed root does not."""
    end = end_of(log)
    log.append(*searches(1))
    line, _ = make_line(logs.entry(), position=end.size, at=BEGAN, previous=end.last)
    kept = log.files.log.read_bytes()[: end.n_bytes]
    log.files.log.write_bytes(kept + line)
    note = log.files.head.read_text()
    assert refusal(log.files, 0) == "audit.fork"
    assert refusal(log.files, end) == "audit.fork"
    assert log.files.head.read_text() == note


def test_an_old_copy_is_refused_by_what_an_export_or_a_witness_has_seen(
    log: AuditLog, tmp_path: Path
) -> None:
    old = {path: path.read_bytes() for path in (log.files.log, log.files.head)}
    log.name_witness(tmp_path / "witness")
    log.append(*searches(1))
    end = end_of(log)
    for path, data in old.items():
        path.write_bytes(data)
    assert refusal(log.files, end) == "audit.truncated"
    assert refusal(log.files, 0) == "audit.truncated"


def test_a_change_between_reading_and_saying_is_found(log: AuditLog) -> None:
    span = span_of(log)
    whole = log.files.log.read_bytes()
    log.files.log.write_bytes(whole.replace(b'"pictures":2', b'"pictures":3'))
    with pytest.raises(AuditError) as refused:
        list(span.records())
    assert refused.value.code == "audit.altered"
    lines = whole.splitlines(keepends=True)
    log.files.log.write_bytes(b"".join([*lines[:4], lines[5], lines[4], *lines[6:]]))
    with pytest.raises(AuditError):
        list(span.records())
    log.files.log.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(AuditError):
        list(span.records())
