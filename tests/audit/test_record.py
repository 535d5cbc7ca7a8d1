"""A record is one line: canonical, carrying its own digest, and of a closed vocabulary."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from caselight.audit.record import EVENTS, NO_RECORD, Entry, make_line, read_line, split_line
from caselight.errors import AuditError
from caselight.merkle import leaf_digest

AT = datetime(2026, 11, 23, 19, 54, 34, 567_890, tzinfo=UTC)
payloads = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=12),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=4,
)


def line(payload: dict[str, object], *, position: int = 7, previous: str = "ab" * 32) -> bytes:
    said = Entry(event="index.built", actor="reader", payload=payload)
    return make_line(said, position=position, at=AT, previous=previous)[0]


@given(payloads, st.integers(0, 2**50))
def test_what_is_written_is_read(payload: dict[str, object], position: int) -> None:
    written = line(payload, position=position)
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")
    record = read_line(written[:-1])
    assert record.payload == payload
    assert (record.position, record.previous, record.actor) == (position, "ab" * 32, "reader")
    assert record.at == "2026-11-23T19:54:34.567Z"


@given(payloads)
def test_a_line_is_canonical_and_ends_with_its_place(payload: dict[str, object]) -> None:
    said, canonical = line(payload)[:-1].split(b" ", 1)
    assert rfc8785.dumps(json.loads(canonical)) == canonical
    assert said.decode() == leaf_digest(canonical).hex()
    assert split_line(said + b" " + canonical) == (said, canonical, 7, b"ab" * 32)


def test_the_time_is_said_in_utc() -> None:
    local = AT.astimezone(timezone(timedelta(hours=5)))
    entry = Entry(event="index.built", actor="reader")
    ours, theirs = (make_line(entry, position=0, at=t, previous=NO_RECORD) for t in (AT, local))
    assert ours == theirs


@pytest.mark.parametrize(
    "payload",
    [{"a": 0.5}, {"a": [1, {"b": 1.0}]}, {"a": 2**60}, {"a": object()}, {"a": "\ud800"}],
)
def test_what_canonical_json_cannot_hold_is_refused(payload: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="record"):
        line(payload)


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no event"):
        make_line(Entry(event="made.up", actor="a"), position=0, at=AT, previous=NO_RECORD)


def test_events_are_nouns_and_what_befell_them() -> None:
    assert len(set(EVENTS)) == len(EVENTS)
    assert all(event.replace(".", "", 1).isalpha() and event.count(".") == 1 for event in EVENTS)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_line_with_any_other_byte_is_refused(place: int, turn: int) -> None:
    whole = bytearray(line({"n": 1, "of": "ä∑"})[:-1])
    whole[place % len(whole)] ^= turn
    with pytest.raises(AuditError) as refused:
        read_line(bytes(whole))
    assert refused.value.code == "audit.altered"
