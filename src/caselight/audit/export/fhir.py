"""One record as a FHIR AuditEvent, of R4 (and R4B) or R5.

Source: HL7 FHIR R4 and R5, AuditEvent; codes as IHE BALP uses them.
"""

import base64
import json
from typing import Any

from caselight.audit.export.events import (
    DCM,
    Code,
    Kind,
    Participant,
    Source,
    Subject,
    SubjectKind,
    kind_of,
    own_type,
    participants,
    plain,
    subjects,
)
from caselight.audit.record import AuditRecord

DICOM_CODES = "http://dicom.nema.org/resources/ontology/DCM"
OUR_CODES = "urn:uuid:6c1f8f52-6e0b-4d0e-9a49-3f0f4b7d2c11"
"""Names the events of our log, as `docs/guide/audit.md` lists them."""
OUR_IDS = {
    "patient": "urn:uuid:6c1f8f52-6e0b-4d0e-9a49-3f0f4b7d2c12",
    "study": "urn:uuid:6c1f8f52-6e0b-4d0e-9a49-3f0f4b7d2c13",
    "query": "urn:uuid:6c1f8f52-6e0b-4d0e-9a49-3f0f4b7d2c14",
    "model": "urn:uuid:6c1f8f52-6e0b-4d0e-9a49-3f0f4b7d2c15",
    "index": "urn:uuid:6c1f8f52-6e0b-4d0e-9a49-3f0f4b7d2c16",
    "place": "urn:uuid:6c1f8f52-6e0b-4d0e-9a49-3f0f4b7d2c17",
    "record": "urn:uuid:6c1f8f52-6e0b-4d0e-9a49-3f0f4b7d2c18",
}
"""Name the kinds of digests that entities are identified by; URNs, since they lead nowhere."""
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_TYPES = {"1": "Person", "2": "System Object"}
_ROLES: dict[SubjectKind, tuple[str, str | None]] = {
    "patient": ("1", "1"),
    "study": ("2", "3"),
    "query": ("2", "24"),
    "model": ("2", None),
    "index": ("2", None),
    "place": ("2", None),
}
"""Type and role of each subject."""


def audit_event(record: AuditRecord, canonical: bytes, source: Source) -> bytes:
    """A record as one AuditEvent of R4, JSON in UTF-8 on one line.

    Args:
        record: what was recorded.
        canonical: the JSON of its line, whose leaf digest the record has.
        source: who reports it.
    """
    return _json(_r4(record, canonical, source))


def audit_event_r5(record: AuditRecord, canonical: bytes, source: Source) -> bytes:
    """A record as one AuditEvent of R5; else as `audit_event`."""
    said = _r4(record, canonical, source)
    outcome: dict[str, Any] = {
        "code": {
            "system": "http://hl7.org/fhir/issue-severity",
            "code": "success" if said["outcome"] == "0" else "error",
        }
    }
    if "outcomeDesc" in said:
        outcome["detail"] = [{"text": said["outcomeDesc"]}]
    return _json(
        {
            "resourceType": "AuditEvent",
            "id": said["id"],
            "category": [{"coding": [said["type"]]}],
            "code": {"coding": said["subtype"]},
            "action": said["action"],
            "recorded": said["recorded"],
            "outcome": outcome,
            "agent": [
                {key: value for key, value in one.items() if key not in ("name", "media")}
                for one in said["agent"]
            ],
            "source": {
                "observer": said["source"]["observer"],
                "type": [{"coding": said["source"]["type"]}],
            },
            "entity": [_entity_r5(one) for one in said["entity"]],
        }
    )


def _r4(record: AuditRecord, canonical: bytes, source: Source) -> dict[str, Any]:
    kind = kind_of(record)
    said = {
        "resourceType": "AuditEvent",
        "id": f"{source.log}.{record.position}",
        "type": _coding(kind.event),
        "subtype": [_coding(one) for one in (*kind.types, own_type(record.event))],
        "action": kind.action,
        "recorded": record.at,
        "outcome": kind.outcome,
        "agent": [_agent(one) for one in participants(record, kind)],
        "source": {
            "observer": {"identifier": {"value": source.log}, "display": source.host},
            "type": [{"system": f"{_TERMINOLOGY}/security-source-type", "code": "4"}],
        },
        "entity": [
            *(_entity(one, kind) for one in subjects(record, kind)),
            _proof(record, canonical, source),
        ],
    }
    if "code" in record.payload:
        said["outcomeDesc"] = plain(str(record.payload["code"]))
    return said


def _agent(participant: Participant) -> dict[str, Any]:
    said: dict[str, Any] = {
        "who": {"identifier": {"value": participant.name}},
        "name": participant.name,
        "requestor": participant.requestor,
    }
    if participant.roles:
        # There is room for one: the last says more of the event than that it is an application.
        said["type"] = {"coding": [_coding(participant.roles[-1])]}
    if participant.medium is not None:
        said["media"] = _coding(participant.medium)
    return said


def _entity(subject: Subject, kind: Kind) -> dict[str, Any]:
    type_, role = _ROLES[subject.kind]
    said = _what(subject.kind, subject.id, type_, role)
    if subject.kind in ("patient", "study") and kind.lifecycle is not None:
        said["lifecycle"] = {
            "system": f"{_TERMINOLOGY}/dicom-audit-lifecycle",
            "code": str(kind.lifecycle),
        }
    if subject.query is not None:
        said["query"] = base64.b64encode(subject.query).decode()
    return said


def _proof(record: AuditRecord, canonical: bytes, source: Source) -> dict[str, Any]:
    said = _what("record", f"{source.log}/{record.position}", "2", "13")
    said["detail"] = [
        {"type": "position", "valueString": str(record.position)},
        {"type": "leaf", "valueString": record.digest},
        {"type": "checkpoint", "valueString": source.checkpoint},
        {"type": "record", "valueBase64Binary": base64.b64encode(canonical).decode()},
    ]
    return said


def _what(kind: str, id_: str, type_: str, role: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "what": {"identifier": {"system": OUR_IDS[kind], "value": id_}},
        "type": {
            "system": f"{_TERMINOLOGY}/audit-entity-type",
            "code": type_,
            "display": _TYPES[type_],
        },
    }
    if role is not None:
        said["role"] = {"system": f"{_TERMINOLOGY}/object-role", "code": role}
    return said


def _entity_r5(entity: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {key: entity[key] for key in ("what", "query") if key in entity}
    if "role" in entity:
        said["role"] = {"coding": [entity["role"]]}
    if "detail" in entity:
        said["detail"] = [{**one, "type": {"text": one["type"]}} for one in entity["detail"]]
    return said


def _coding(code: Code) -> dict[str, str]:
    system = DICOM_CODES if code.scheme == DCM else OUR_CODES
    return {"system": system, "code": code.value, "display": code.meaning}


def _json(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
