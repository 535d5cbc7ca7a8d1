"""One record of the log, and the line it is kept as.

A line is the digest of the record in hex, a space, and the record as canonical JSON (RFC 8785).
The digest is that of the record's leaf in the Merkle tree. Keys stand in the order of the alphabet,
so every record ends with its own position and the digest of the one before it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import rfc8785

from caselight.errors import AuditError
from caselight.merkle import leaf_digest

FORMAT = 1
"""Of lines and payloads; the first record of a log names it."""
EVENTS = (
    "log.created",
    "log.recovered",
    "study.ingested",
    "ingest.finished",
    "model.trained",
    "model.adapted",
    "model.tuned",
    "model.evaluated",
    "models.compared",
    "index.built",
    "index.compacted",
    "index.published",
    "index.withdrawn",
    "search.answered",
    "search.explained",
    "embeddings.made",
    "draft.leaked",
    "answer.exported",
    "feedback.given",
    "feedback.reviewed",
    "feedback.undone",
    "feedback.exported",
    "words.forgotten",
    "patient.erased",
    "erasure.finished",
    "patient.readmitted",
    "backup.cleansed",
    "request.refused",
)
"""All that can happen. A new event is a new line here, and in docs/guide/audit.md."""
NO_RECORD = "0" * 64
"""What the first record has before it."""

_LINE = re.compile(
    rb"([0-9a-f]{64}) (\{.*,\"position\":(0|[1-9][0-9]{0,15}),\"previous\":\"([0-9a-f]{64})\"\})",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be recorded."""

    event: str
    """One of `EVENTS`."""
    actor: str
    """Who asked for it: the user of the system, or what the door knows."""
    payload: Mapping[str, Any] = field(default_factory=dict)
    """Digests, names of ours and whole numbers; no patient data, no fractions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """What was recorded."""

    position: int
    """0 is the first."""
    at: str
    """UTC, RFC 3339 to the millisecond."""
    actor: str
    event: str
    payload: Mapping[str, Any]
    previous: str
    """Digest of the record before, 64 hex digits; zeros for the first."""
    digest: str
    """Of this record's leaf, 64 hex digits."""


def make_line(entry: Entry, *, position: int, at: datetime, previous: str) -> tuple[bytes, bytes]:
    """Make the line of a record, its newline included.

    Returns:
        The line, and the digest of its leaf, 32 bytes.

    Raises:
        ValueError: for an event that is none, a fraction, or what JSON cannot hold.
    """
    if entry.event not in EVENTS:
        raise ValueError(f"there is no event {entry.event!r}")
    _check_whole(entry.payload)
    said = {
        "actor": entry.actor,
        "at": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "event": entry.event,
        "payload": entry.payload,
        "position": position,
        "previous": previous,
    }
    try:
        canonical = rfc8785.dumps(said)  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"a record cannot hold this: {error}") from None
    digest = leaf_digest(canonical)
    return digest.hex().encode() + b" " + canonical + b"\n", digest


def split_line(line: bytes) -> tuple[bytes, bytes, int, bytes] | None:
    """Take a line apart without reading its payload.

    Args:
        line: without its newline.

    Returns:
        Digest in hex, canonical bytes, position, and digest of the record before in hex; None
        when it is no line of a log.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    return match[1], match[2], int(match[3]), match[4]


def read_line(line: bytes) -> AuditRecord:
    """Read a record and check its own digest.

    Args:
        line: without its newline.

    Raises:
        AuditError: `audit.altered`.
    """
    parts = split_line(line)
    if parts is None or leaf_digest(parts[1]).hex().encode() != parts[0]:
        raise AuditError(
            "a record does not match its own digest; run `caselight audit verify` to see which",
            code="audit.altered",
        )
    return AuditRecord(**json.loads(parts[1]), digest=parts[0].decode())


def _check_whole(value: object) -> None:
    # Fractions are written differently by different languages; whole numbers are not.
    if isinstance(value, float):
        raise ValueError("a record holds whole numbers alone; choose a smaller unit")  # noqa: TRY004
    if isinstance(value, Mapping):
        for one in value.values():
            _check_whole(one)
    elif isinstance(value, list | tuple):
        for one in value:
            _check_whole(one)
