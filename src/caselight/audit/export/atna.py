"""One record as a DICOM audit message, as audit repositories (ATNA) collect them.

Source: DICOM PS3.15, A.5.1 (schema), A.5.2 and A.5.3 (what stands in it).
"""

import base64
from collections.abc import Collection, Sequence
from xml.etree import ElementTree as ET

from caselight.audit.export.events import (
    MAX_DICOM_BYTES,
    OURS,
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
from caselight.audit.export.syslog import syslog_message
from caselight.audit.record import AuditRecord

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'
_SYSTEM, _PERSON = "2", "1"
_PATIENT, _REPORT, _SECURITY = "1", "3", "13"
_IDS: dict[SubjectKind, tuple[str, str | None, Code]] = {
    "patient": (
        _PERSON,
        _PATIENT,
        Code(value="2", meaning="Patient Number", scheme="RFC-3881"),
    ),
    # Not (110180, DCM): a digest is no UID, and must not be taken for one.
    "study": (_SYSTEM, _REPORT, Code(value="study", meaning="Study digest", scheme=OURS)),
    "query": (_SYSTEM, _REPORT, Code(value="query", meaning="Query in digests", scheme=OURS)),
    "model": (_SYSTEM, None, Code(value="model", meaning="Model fingerprint", scheme=OURS)),
    "index": (_SYSTEM, None, Code(value="index", meaning="Index digest", scheme=OURS)),
    "place": (_SYSTEM, None, Code(value="place", meaning="Place digest", scheme=OURS)),
}
"""Type, role and kind of id of each subject."""
_RECORD = Code(value="record", meaning="Record of the log", scheme=OURS)


def audit_message(record: AuditRecord, canonical: bytes, source: Source) -> bytes:
    """A record as one syslog message with a DICOM audit message in it, UTF-8, without framing.

    A message longer than every repository must take leaves out the studies that were found, and
    then the record itself, and says so; the leaf still leads to it.

    Args:
        record: what was recorded.
        canonical: the JSON of its line, whose leaf digest the record has.
        source: who reports it.
    """
    kind = kind_of(record)
    about = subjects(record, kind)
    left_out: list[str] = []
    while True:
        kept = [one for one in about if not ("studies" in left_out and one.kind == "study")]
        xml = _message(record, canonical, source, kind, kept, left_out)
        message = syslog_message(xml, at=record.at, host=source.host, bom=source.bom)
        if len(message) <= MAX_DICOM_BYTES or "record" in left_out:
            return message
        left_out.append("record" if left_out else "studies")


def _message(
    record: AuditRecord,
    canonical: bytes,
    source: Source,
    kind: Kind,
    about: Sequence[Subject],
    left_out: Collection[str],
) -> bytes:
    root = ET.Element("AuditMessage")
    event = ET.SubElement(
        root,
        "EventIdentification",
        EventActionCode=kind.action,
        EventDateTime=record.at,
        EventOutcomeIndicator=kind.outcome,
    )
    _code(event, "EventID", kind.event)
    for one in (*kind.types, own_type(record.event)):
        _code(event, "EventTypeCode", one)
    if "code" in record.payload:
        ET.SubElement(event, "EventOutcomeDescription").text = plain(str(record.payload["code"]))
    for participant in participants(record, kind):
        _participant(root, participant)
    reported = ET.SubElement(root, "AuditSourceIdentification", AuditSourceID=source.log)
    ET.SubElement(reported, "AuditSourceTypeCode", {"csd-code": "4"})
    for subject in about:
        _subject(root, subject, kind)
    details = {
        "log": source.log.encode(),
        "position": str(record.position).encode(),
        "leaf": record.digest.encode(),
        "checkpoint": source.checkpoint.encode(),
    }
    if "record" not in left_out:
        details["record"] = canonical
    if left_out:
        details["left-out"] = ",".join(left_out).encode()
    proof = _object(root, f"{source.log}/{record.position}", _SYSTEM, _SECURITY, None)
    _code(proof, "ParticipantObjectIDTypeCode", _RECORD)
    ET.SubElement(proof, "ParticipantObjectName").text = _RECORD.meaning
    for name, value in details.items():
        said = {"type": name, "value": base64.b64encode(value).decode()}
        ET.SubElement(proof, "ParticipantObjectDetail", said)
    return _DECLARATION + ET.tostring(root, encoding="unicode").encode()


def _participant(root: ET.Element, participant: Participant) -> None:
    found = ET.SubElement(
        root,
        "ActiveParticipant",
        UserID=participant.name,
        UserIsRequestor="true" if participant.requestor else "false",
    )
    for role in participant.roles:
        _code(found, "RoleIDCode", role)
    if participant.medium is not None:
        _code(ET.SubElement(found, "MediaIdentifier"), "MediaType", participant.medium)


def _subject(root: ET.Element, subject: Subject, kind: Kind) -> None:
    type_code, role, id_type = _IDS[subject.kind]
    of_patient = subject.kind in ("patient", "study")
    found = _object(root, subject.id, type_code, role, kind.lifecycle if of_patient else None)
    _code(found, "ParticipantObjectIDTypeCode", id_type)
    if subject.query is not None:
        asked = base64.b64encode(subject.query).decode()
        ET.SubElement(found, "ParticipantObjectQuery").text = asked
        return
    name = "pseudonym" if of_patient else id_type.meaning
    ET.SubElement(found, "ParticipantObjectName").text = name
    if subject.kind == "patient":
        described = ET.SubElement(found, "ParticipantObjectDescription")
        ET.SubElement(described, "Anonymized").text = "true"


def _object(
    root: ET.Element, id_: str, type_code: str, role: str | None, lifecycle: int | None
) -> ET.Element:
    said = {"ParticipantObjectID": id_, "ParticipantObjectTypeCode": type_code}
    if role is not None:
        said["ParticipantObjectTypeCodeRole"] = role
    if lifecycle is not None:
        said["ParticipantObjectDataLifeCycle"] = str(lifecycle)
    return ET.SubElement(root, "ParticipantObjectIdentification", said)


def _code(parent: ET.Element, name: str, code: Code) -> None:
    said = {
        "csd-code": code.value,
        "codeSystemName": code.scheme,
        "originalText": code.meaning,
    }
    ET.SubElement(parent, name, said)
