"""AuditEvents are resources of FHIR R4 and R5, whatever a record says, and lead back to it."""

import base64
import json
from typing import Any

import pytest
from fhir.resources.auditevent import AuditEvent as AuditEventR5
from fhir.resources.R4B.auditevent import AuditEvent as AuditEventR4B
from hypothesis import given, settings
from hypothesis import strategies as st

from caselight.audit.export.events import KINDS
from caselight.audit.export.fhir import audit_event, audit_event_r5
from caselight.audit.record import EVENTS
from caselight.merkle import leaf_digest
from tests.audit.export.sample import PAYLOADS, SOURCE, record_of, strange_payloads, strange_text
from tests.audit.test_record import payloads

DCM = "http://dicom.nema.org/resources/ontology/DCM"


def r4(event: str, payload: dict[str, Any] | None = None, *, actor: str = "reader") -> Any:
    """The resource as it was written, after FHIR's own models have taken both versions of it."""
    record, canonical = record_of(event, payload, actor=actor)
    text, newer = (form(record, canonical, SOURCE) for form in (audit_event, audit_event_r5))
    assert b"\n" not in text + newer
    AuditEventR4B.model_validate_json(text)
    AuditEventR5.model_validate_json(newer)
    return json.loads(text)


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_a_resource(event: str) -> None:
    said = r4(event)
    assert said["type"]["system"] == DCM
    if event != "request.refused":
        assert said["type"]["code"] == KINDS[event].event.value
    assert said["subtype"][-1]["code"] == event
    assert said["recorded"] == "2026-01-01T00:00:00.000Z"
    proof = {one["type"]: one for one in said["entity"][-1]["detail"]}
    record = base64.b64decode(proof["record"]["valueBase64Binary"])
    assert leaf_digest(record).hex() == proof["leaf"]["valueString"]
    assert json.loads(record)["payload"] == PAYLOADS[event]


@settings(max_examples=50)
@given(strange_text)
def test_any_name_of_an_actor_is_a_resource(actor: str) -> None:
    r4("search.answered", actor=actor)


@settings(max_examples=50)
@given(st.sampled_from(EVENTS), payloads | strange_payloads)
def test_any_payload_is_a_resource(event: str, payload: dict[str, Any]) -> None:
    r4(event, payload)


def test_codes_are_of_the_systems_that_fhir_names() -> None:
    said = r4("patient.erased")
    patient = said["entity"][0]
    assert patient["what"]["identifier"]["value"] == PAYLOADS["patient.erased"]["patient"]
    assert patient["type"]["system"].endswith("/audit-entity-type")
    assert (patient["role"]["code"], patient["lifecycle"]["code"]) == ("1", "15")
    assert (said["action"], said["outcome"]) == ("D", "0")


def test_a_refusal_says_its_code() -> None:
    said = r4("request.refused")
    assert (said["outcome"], said["outcomeDesc"]) == ("4", "query.empty")
    record, canonical = record_of("request.refused")
    newer = json.loads(audit_event_r5(record, canonical, SOURCE))
    assert newer["outcome"]["code"]["code"] == "error"
    assert newer["outcome"]["detail"] == [{"text": "query.empty"}]


def test_the_models_do_refuse() -> None:
    record, canonical = record_of("study.ingested")
    said = json.loads(audit_event(record, canonical, SOURCE))
    for missing in ("type", "agent", "source"):
        with pytest.raises(ValueError, match=missing):
            AuditEventR4B.model_validate({k: v for k, v in said.items() if k != missing})
    with pytest.raises(ValueError, match="code"):
        AuditEventR5.model_validate(said)
