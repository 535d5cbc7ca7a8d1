"""What each event of the log is in the codes of DICOM, and what it was done to.

Events that DICOM has no message for are its Application Activity; our own name of the event is
always said beside DICOM's, as a second type.

Source: DICOM PS3.15, A.5.3 (messages); PS3.16, CID 400 to 405 (codes).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from caselight.audit.record import AuditRecord

DCM = "DCM"
OURS = "99CASELIGHT"
"""Coding scheme of what DICOM has no code for; private ones begin with 99."""
SELF = "caselight"
MAX_DICOM_BYTES = 32_768
"""The longest message that every DICOM audit repository must take (PS3.15, A.6)."""

Action = Literal["C", "R", "U", "D", "E"]
"""Create, read, update, delete, execute."""
SubjectKind = Literal["patient", "study", "query", "model", "index", "place"]
_UNSAYABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A coded concept."""

    value: str
    meaning: str
    scheme: str = DCM


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What an event is to others."""

    event: Code
    """The family: DICOM's EventID."""
    action: Action
    types: tuple[Code, ...] = ()
    """DICOM's own types of it; ours follows."""
    lifecycle: int | None = None
    """What became of its patients and studies: DICOM's data life cycle, 1..15."""
    outcome: Literal["0", "4"] = "0"
    """Success, or a minor failure: nothing was done, or it was begun again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that an event was done to."""

    kind: SubjectKind
    id: str
    """A keyed digest, a fingerprint or a position; never an identifier from outside."""
    query: bytes | None = None
    """What was asked, in digests, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Who took part."""

    name: str
    requestor: bool
    roles: tuple[Code, ...]
    medium: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who reports: the same in all messages of one export."""

    log: str
    """Name of the log."""
    host: str
    """Name of the machine, as the messages are to say it."""
    checkpoint: str
    """The signed note that the exported records stand under."""
    bom: bool = True
    """Whether syslog messages say by a mark that they are UTF-8."""


QUERY = Code(value="110112", meaning="Query")
EXPORT = Code(value="110106", meaning="Export")
IMPORT = Code(value="110107", meaning="Import")
ACTIVITY = Code(value="110100", meaning="Application Activity")
PATIENT = Code(value="110110", meaning="Patient Record")
ALERT = Code(value="110113", meaning="Security Alert")
_STARTED = Code(value="110134", meaning="Audit Recording Started")
_APPLICATION = Code(value="110150", meaning="Application")
_LAUNCHER = Code(value="110151", meaning="Application Launcher")
_DESTINATION = Code(value="110152", meaning="Destination Role ID")
_SOURCE = Code(value="110153", meaning="Source Role ID")
_TO_MEDIUM = Code(value="110154", meaning="Destination Media")
_FROM_MEDIUM = Code(value="110155", meaning="Source Media")
_URI = Code(value="110037", meaning="URI")
_ROLES: Mapping[Code, tuple[tuple[Code, ...], tuple[Code, ...]]] = {
    QUERY: ((_SOURCE,), (_DESTINATION,)),
    EXPORT: ((_SOURCE,), (_APPLICATION, _SOURCE)),
    IMPORT: ((_DESTINATION,), (_APPLICATION, _DESTINATION)),
    ACTIVITY: ((_LAUNCHER,), (_APPLICATION,)),
    PATIENT: ((), (_APPLICATION,)),
    ALERT: ((), (_APPLICATION,)),
}
"""Of who asked for it, and of the application."""

_ACTIVITY = Kind(event=ACTIVITY, action="E")
_EXPORT = Kind(event=EXPORT, action="R", lifecycle=10)
_QUERY = Kind(event=QUERY, action="E", lifecycle=6)
KINDS: Mapping[str, Kind] = {
    "log.created": Kind(event=ALERT, action="E", types=(_STARTED,)),
    "log.recovered": Kind(event=ALERT, action="E", types=(_STARTED,), outcome="4"),
    "study.ingested": Kind(event=IMPORT, action="C", lifecycle=2),
    "ingest.finished": _ACTIVITY,
    "model.trained": _ACTIVITY,
    "model.adapted": _ACTIVITY,
    "model.tuned": _ACTIVITY,
    "model.evaluated": _ACTIVITY,
    "models.compared": _ACTIVITY,
    "index.built": _ACTIVITY,
    "index.compacted": _ACTIVITY,
    "index.published": _ACTIVITY,
    "index.withdrawn": _ACTIVITY,
    "search.answered": _QUERY,
    "search.explained": _QUERY,
    "embeddings.made": _EXPORT,
    "answer.exported": _EXPORT,
    "draft.leaked": Kind(event=ACTIVITY, action="E", outcome="4"),
    "feedback.given": _ACTIVITY,
    "feedback.reviewed": _ACTIVITY,
    "feedback.undone": _ACTIVITY,
    "feedback.exported": Kind(event=EXPORT, action="R", lifecycle=10),
    "words.forgotten": _ACTIVITY,
    "patient.erased": Kind(event=PATIENT, action="D", lifecycle=15),
    "erasure.finished": _ACTIVITY,
    "patient.readmitted": _ACTIVITY,
    "backup.cleansed": _ACTIVITY,
    "request.refused": Kind(event=ACTIVITY, action="E", outcome="4"),
}
"""Every event that a log may hold; a test holds it complete."""
_REFUSED_QUERY = Kind(event=QUERY, action="E", outcome="4")
_PLAIN_KEYS: tuple[SubjectKind, ...] = ("index", "place")
_QUERIES = ("search", "index explain")


def kind_of(record: AuditRecord) -> Kind:
    """What a record is to others; a refused search is a query that failed."""
    if record.event == "request.refused" and record.payload.get("request") in _QUERIES:
        return _REFUSED_QUERY
    return KINDS[record.event]


def own_type(event: str) -> Code:
    """Our name of an event, as a code."""
    return Code(value=event, meaning=event.replace(".", " "), scheme=OURS)


def participants(record: AuditRecord, kind: Kind) -> Iterator[Participant]:
    """Who took part: who asked, the application, and for what came or left, the medium."""
    of_actor, of_application = _ROLES[kind.event]
    if record.actor != SELF:
        yield Participant(name=plain(record.actor), requestor=True, roles=of_actor)
    yield Participant(name=SELF, requestor=False, roles=of_application)
    if kind.event in (EXPORT, IMPORT):
        role = _TO_MEDIUM if kind.event is EXPORT else _FROM_MEDIUM
        yield Participant(name="not recorded", requestor=False, roles=(role,), medium=_URI)


def subjects(record: AuditRecord, kind: Kind) -> list[Subject]:
    """What was done something to, as far as the record names it; hits in order, best first."""
    said = record.payload
    found = []
    if kind.event is QUERY:
        asked = said.get("query", said)
        text = json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()
        found.append(Subject(kind="query", id=str(record.position), query=text))
    named: list[tuple[SubjectKind, Any]] = []
    if "patient" in said:
        named.append(("patient", said["patient"]))
    named += [("study", study) for study in _studies(said)]
    # An erasure says of each model whether it had learned from the patient.
    models = [said["model"]] if "model" in said else said.get("models", ())
    named += [("model", model) for model in models]
    named += [(key, said[key]) for key in _PLAIN_KEYS if said.get(key) is not None]
    found += [Subject(kind=kind_, id=token(str(id_))) for kind_, id_ in named]
    return found


def plain(text: str) -> str:
    r"""A text that XML, JSON and syslog can all hold: what they cannot is said as `\u0007`."""
    said = _UNSAYABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return said if said.strip() else "not recorded"


def token(text: str) -> str:
    """A plain text with single spaces and none at its ends, as ids are in XML."""
    return " ".join(plain(text).split())


def _studies(said: Mapping[str, Any]) -> list[Any]:
    """The digests of studies: of one, of several, or of the hits."""
    if "study" in said:
        return [said["study"]]
    several = said.get("studies")
    # An erasure says how many they were.
    return several if isinstance(several, list) else [hit["study"] for hit in _hits(said)]


def _hits(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    hits = said.get("hits", ())
    # What left in an export is a number of hits.
    return list(hits) if isinstance(hits, list) else []
