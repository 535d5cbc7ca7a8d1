"""Every event has a place in the codes of others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.audit.export.events import (
    EXPORT,
    IMPORT,
    KINDS,
    kind_of,
    participants,
    plain,
    subjects,
)
from caselight.audit.record import EVENTS
from tests.audit.export.sample import MODEL, PATIENT, PAYLOADS, SECOND, STUDY, record_of
from tests.docs.pages import ROOT, table

PAGE = ROOT / "docs" / "guide" / "audit.md"


def test_every_event_is_mapped_and_no_other() -> None:
    assert set(KINDS) == set(EVENTS) == set(PAYLOADS)


def test_the_page_says_what_each_event_is() -> None:
    listed = table(PAGE, "| Exported |")
    found = {
        event: (f"{kind.event.value} {kind.event.meaning}", kind.action, kind.outcome)
        for event, kind in KINDS.items()
    }
    assert listed == found


def test_a_refused_search_is_a_query_that_failed() -> None:
    search, _ = record_of("request.refused", {"request": "search", "code": "query.empty"})
    other, _ = record_of("request.refused", {"request": "ingest", "code": "data.not_found"})
    assert (kind_of(search).event.value, kind_of(search).outcome) == ("110112", "4")
    assert (kind_of(other).event.value, kind_of(other).outcome) == ("110100", "4")


@pytest.mark.parametrize("event", EVENTS)
def test_who_asked_is_the_one_requestor(event: str) -> None:
    record, _ = record_of(event)
    kind = kind_of(record)
    found = list(participants(record, kind))
    assert [one.name for one in found if one.requestor] == ["reader"]
    assert [one.name for one in found][1] == "caselight"
    assert (len(found) == 3) == (kind.event in (EXPORT, IMPORT))


def test_what_the_log_does_of_itself_nobody_asked_for() -> None:
    record, _ = record_of("log.recovered", actor="caselight")
    (alone,) = participants(record, kind_of(record))
    assert (alone.name, alone.requestor) == ("caselight", False)


def test_subjects_are_what_the_record_names() -> None:
    def named(event: str) -> list[tuple[str, str]]:
        record, _ = record_of(event)
        return [(one.kind, one.id) for one in subjects(record, kind_of(record))]

    assert named("search.answered")[:3] == [("query", "7"), ("study", STUDY), ("study", SECOND)]
    assert named("study.ingested") == [("patient", PATIENT), ("study", STUDY)]
    assert named("patient.erased") == [("patient", PATIENT), ("model", MODEL)]
    assert named("answer.exported") == []


@given(st.text(alphabet=st.characters()))
def test_a_plain_text_holds_nothing_that_a_line_or_xml_cannot(text: str) -> None:
    said = plain(text)
    assert said.strip()
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in said)
    assert len(said.splitlines()) == 1
    assert plain(said) == said
