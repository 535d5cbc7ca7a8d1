"""Answers to searches, as the record has them."""

from collections.abc import Iterable

from caselight.audit.record import AuditRecord
from caselight.recording import Recorder


def read_answers(recorder: Recorder, wanted: Iterable[int]) -> dict[int, AuditRecord]:
    """The answers on record among some positions."""
    positions = {position for position in wanted if position >= 0}
    if not positions:
        return {}
    records = recorder.log.records(start=min(positions), events=["search.answered"])
    found: dict[int, AuditRecord] = {}
    for one in records:
        if one.position in positions and one.event == "search.answered":
            found[one.position] = one
        if one.position >= max(positions):
            break
    return found
