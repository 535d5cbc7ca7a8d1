"""A log that is the same whenever it is made, with every event on it, and payloads as they are."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from caselight.audit import files as files_module
from caselight.audit.export.events import Source
from caselight.audit.log import SELF, AuditLog, open_log
from caselight.audit.record import EVENTS, AuditRecord, Entry, make_line, read_line

MODEL, OTHER_MODEL, INDEX, PLACE = "1a" * 32, "2b" * 32, "3c" * 32, "4d" * 16
PATIENT, STUDY, SECOND = "5e" * 16, "6f" * 16, "70" * 16
COUNTS = {"bits": 128, "images": 24, "reports": 24, "added": 24, "removed": 0}
QUERY = {"text": "8a" * 16, "image": None, "like": [], "unlike": [], "k": 2, "target": "study"}
HITS = [
    {"study": STUDY, "age": "60-69", "sex": "F", "site": "north"},
    {"study": SECOND, "age": None, "sex": None, "site": None},
]
LEARNED = {"patients": 6, "patients_root": "9b" * 32, "data": "ab" * 32, "pairs": 12}
PAYLOADS: dict[str, dict[str, Any]] = {
    "log.created": {"format": 1, "origin": "caselight-log-00000000"},
    "log.recovered": {"bytes": 17, "records": 0},
    "study.ingested": {"study": STUDY, "patient": PATIENT, "content": "bc" * 16, "images": 2},
    "ingest.finished": {"archive": "cd" * 16, "accepted": 1, "refused": {"data.no_pixels": 1}},
    "model.trained": {"model": MODEL, "began": None, **LEARNED},
    "model.adapted": {"model": OTHER_MODEL, "began": MODEL, **LEARNED},
    "model.tuned": {"trials": 4},
    "model.evaluated": {"model": MODEL, "split": "test", "images": 6},
    "models.compared": {"models": [MODEL, OTHER_MODEL], "split": None},
    "index.built": {"index": INDEX, "model": MODEL, **COUNTS},
    "index.compacted": {"index": INDEX, "model": MODEL},
    "index.published": {"place": PLACE, "index": INDEX, "model": MODEL, "shards": 1},
    "index.withdrawn": {"place": PLACE, "files": 3},
    "search.answered": {"query": QUERY, "hits": HITS, "model": MODEL, "index": INDEX},
    "search.explained": {"target": "study", "k": 10},
    "embeddings.made": {"model": MODEL, "rows": 48},
    "answer.exported": {"hits": 2, "pictures": 2, "full": False},
    "draft.leaked": {"model": "a model", "prompt": "ab" * 32},
    "feedback.given": {"record": 13, "studies": [STUDY], "relevant": True, "source": "person"},
    "feedback.reviewed": {"feedback": ["22-1"], "approved": True},
    "feedback.undone": {"feedback": "22-1", "models": [MODEL]},
    "feedback.exported": {"pairs": 1, "feedback": ["22-1"]},
    "words.forgotten": {"words": 3, "key": False},
    "patient.erased": {"patient": PATIENT, "studies": 1, "models": {MODEL: "directly"}},
    "erasure.finished": {"erased": [17], "index_before": INDEX, "index": INDEX, "listed": 1},
    "patient.readmitted": {"listed": 0},
    "backup.cleansed": {"listed": 1, "new": 1, "erased": 0},
    "request.refused": {"request": "search", "code": "query.empty"},
}
strange_text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
strange_payloads = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("code", "study", "patient", "model", "index", "place"), strange_text),
        "hits": st.lists(st.fixed_dictionaries({"study": strange_text}), max_size=2),
        "query": st.fixed_dictionaries({"text": strange_text}),
    },
)
"""What no record should hold where it holds digests and codes, and a writer of plug-ins might."""
SOURCE = Source(log="caselight-log-00000000", host="pacs.example", checkpoint="signed\n")


def record_of(
    event: str, payload: dict[str, Any] | None = None, *, actor: str = "reader"
) -> tuple[AuditRecord, bytes]:
    """One record and the canonical JSON of its line."""
    said = Entry(event=event, actor=actor, payload=PAYLOADS[event] if payload is None else payload)
    line, _ = make_line(said, position=7, at=datetime(2026, 1, 1, tzinfo=UTC), previous="0" * 64)
    return read_line(line[:-1]), line[65:-1]


def clock(step: timedelta = timedelta(seconds=1)) -> Iterator[datetime]:
    """From the first second of 2026 on, a step each time."""
    return (datetime(2026, 1, 1, tzinfo=UTC) + n * step for n in itertools.count())


def sample_log(home: Path, *, more: int = 0) -> AuditLog:
    """A log with every event once, and so many searches behind them."""
    home.mkdir(parents=True, exist_ok=True)
    times = clock()
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with (
        mock.patch.object(files_module.Ed25519PrivateKey, "generate", return_value=key),
        mock.patch.object(files_module.secrets, "token_hex", lambda n: "00" * n),
        mock.patch.object(files_module.secrets, "token_bytes", bytes),
    ):
        log = open_log(home, clock=lambda: next(times))
    actors = {"log.recovered": SELF}
    log.append(
        *(
            Entry(event=event, actor=actors.get(event, "Dr. Ä <o'\"&>"), payload=PAYLOADS[event])
            for event in EVENTS[1:]
        )
    )
    if more:
        log.append(*searches(more))
    return log


def searches(n: int) -> list[Entry]:
    """So many searches."""
    said = PAYLOADS["search.answered"]
    return [Entry(event="search.answered", actor="reader", payload=said)] * n
