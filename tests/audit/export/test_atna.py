"""DICOM audit messages are of the schema, whatever a record says, and lead back to it."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.audit.export.atna import audit_message
from caselight.audit.export.events import KINDS, MAX_DICOM_BYTES
from caselight.audit.record import EVENTS
from caselight.merkle import leaf_digest
from tests.audit.export.sample import PAYLOADS, SOURCE, record_of, strange_payloads, strange_text
from tests.audit.export.schema import check, codes, details, parsed
from tests.audit.test_record import payloads

MARK = b"\xef\xbb\xbf"


def xml_of(message: bytes) -> bytes:
    return message.split(MARK, 1)[1]


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_a_message_of_the_schema(event: str) -> None:
    record, canonical = record_of(event)
    root = parsed(xml_of(audit_message(record, canonical, SOURCE)))
    event_codes = codes(root, "EventIdentification/EventID")
    if event != "request.refused":
        assert event_codes == [(KINDS[event].event.value, "DCM")]
    assert codes(root, "EventIdentification/EventTypeCode")[-1] == (event, "99CASELIGHT")
    head = root[0].attrib
    assert head["EventDateTime"] == "2026-01-01T00:00:00.000Z"
    assert details(root)["record"] == canonical
    assert leaf_digest(details(root)["record"]).hex() == details(root)["leaf"].decode()


@given(strange_text)
def test_any_name_of_an_actor_is_well_formed_and_kept(actor: str) -> None:
    record, canonical = record_of("search.answered", actor=actor)
    message = audit_message(record, canonical, SOURCE)
    assert b"\n" not in message
    root = parsed(xml_of(message))
    assert json.loads(details(root)["record"])["actor"] == actor
    printable = all(c.isprintable() for c in actor) and actor.strip() and actor != "caselight"
    if printable:
        assert root[1].attrib["UserID"] == actor


@pytest.mark.parametrize("actor", ["]]>", "<!--", "&amp;", "a\x00b", "\u202e", "'\"", "﷐"])
def test_names_that_look_like_markup_are_only_names(actor: str) -> None:
    record, canonical = record_of("study.ingested", actor=actor)
    root = parsed(xml_of(audit_message(record, canonical, SOURCE)))
    assert root.find("ActiveParticipant") is not None


@given(st.sampled_from(EVENTS), payloads | strange_payloads)
def test_any_payload_makes_a_message(event: str, payload: dict[str, Any]) -> None:
    record, canonical = record_of(event, payload)
    parsed(xml_of(audit_message(record, canonical, SOURCE)))


def test_a_query_goes_in_digests_and_in_base64() -> None:
    record, canonical = record_of("search.answered")
    root = parsed(xml_of(audit_message(record, canonical, SOURCE)))
    asked = root.findtext("ParticipantObjectIdentification/ParticipantObjectQuery")
    assert asked is not None
    assert json.loads(base64.b64decode(asked)) == PAYLOADS["search.answered"]["query"]


def test_a_study_is_not_passed_off_as_a_uid_and_a_patient_is_said_to_be_a_pseudonym() -> None:
    record, canonical = record_of("study.ingested")
    root = parsed(xml_of(audit_message(record, canonical, SOURCE)))
    patient, study, _ = root.findall("ParticipantObjectIdentification")
    assert codes(study, "ParticipantObjectIDTypeCode") == [("study", "99CASELIGHT")]
    assert codes(patient, "ParticipantObjectIDTypeCode") == [("2", "RFC-3881")]
    assert patient.findtext("ParticipantObjectDescription/Anonymized") == "true"


@pytest.mark.parametrize(
    ("n_hits", "left_out"), [(20, b""), (100, b"studies"), (300, b"studies,record")]
)
def test_a_message_stays_within_what_every_repository_takes(n_hits: int, left_out: bytes) -> None:
    hits = [{"study": f"{n:032x}", "age": "60-69", "sex": "F", "site": "n"} for n in range(n_hits)]
    record, canonical = record_of("search.answered", {**PAYLOADS["search.answered"], "hits": hits})
    message = audit_message(record, canonical, SOURCE)
    assert len(message) <= MAX_DICOM_BYTES
    said = details(parsed(xml_of(message)))
    assert said.get("left-out", b"") == left_out
    assert said["leaf"].decode() == record.digest
    assert ("record" in said) == (b"record" not in left_out)


@pytest.mark.parametrize(
    "wrong",
    [
        b"<AuditMessage/>",
        b'<AuditMessage><EventIdentification EventOutcomeIndicator="0"/></AuditMessage>',
    ],
)
def test_the_checker_finds_what_is_wrong(wrong: bytes) -> None:
    with pytest.raises(AssertionError):
        parsed(wrong)


def test_the_checker_finds_every_part_that_is_missing() -> None:
    """Take away each element and each attribute of a message that the schema demands."""
    record, canonical = record_of("study.ingested")
    xml = xml_of(audit_message(record, canonical, SOURCE))
    n_found = 0
    for at, element in enumerate(parsed(xml).iter()):
        for name in element.attrib:
            root = parsed(xml)
            one = list(root.iter())[at]
            del one.attrib[name]
            if name in ("EventActionCode", "ParticipantObjectTypeCode") or name.endswith(
                ("Role", "LifeCycle")
            ):
                check(root)
                continue
            n_found += 1
            with pytest.raises(AssertionError):
                check(root)
    assert n_found > 40
