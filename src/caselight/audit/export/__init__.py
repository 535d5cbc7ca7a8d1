"""Export: the records of a log in the formats that a hospital collects.

Read `events.py` first: what each event is in the codes of DICOM, and what it was done to. `atna.py`
says a record as a DICOM audit message, `syslog.py` frames it, `fhir.py` says it as an AuditEvent.
`span.py` verifies the records before any of them leaves, `cursor.py` remembers how far they left,
`collector.py` sends them to a server. A message holds nothing that the record does not, and its
leaf, so that it can be proven against the log.
"""

from collections.abc import Callable, Mapping

from caselight.audit.export.atna import audit_message
from caselight.audit.export.events import Source
from caselight.audit.export.fhir import audit_event, audit_event_r5
from caselight.audit.record import AuditRecord

Form = Callable[[AuditRecord, bytes, Source], bytes]
"""A record, its canonical JSON and who reports it, as one message without framing."""
FORMS: Mapping[str, Form] = {
    "dicom": audit_message,
    "fhir": audit_event,
    "fhir-r5": audit_event_r5,
}
"""What a record can be exported as."""
