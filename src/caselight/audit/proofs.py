"""Proofs as files: that a record stands in a log, and that a log only grew.

A proof holds the line of a record, the path to a root, and the signed checkpoint with that root.
Whoever has the log's verifier can check it without the log and without a network.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from caselight.audit.log import AuditLog, lines_of
from caselight.audit.notes import Checkpoint, Verifier
from caselight.audit.record import AuditRecord, read_line, split_line
from caselight.errors import AuditError
from caselight.merkle import (
    consistency_path,
    consistent,
    includes,
    inclusion_path,
    leaf_digest,
)

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a proof proves."""

    checkpoint: Checkpoint
    """The log it is proven for."""
    record: AuditRecord | None
    """The record that stands in it, for a proof of inclusion."""
    grew_from: Checkpoint | None
    """The earlier log that it begins with, for a proof of consistency."""


def prove_inclusion(log: AuditLog, position: int) -> dict[str, Any]:
    """Prove that a record stands in the log as it is now.

    Raises:
        AuditError: `audit.no_such_record`.
    """
    return prove_inclusions(log, [position])[0]


def prove_inclusions(log: AuditLog, positions: Sequence[int]) -> list[dict[str, Any]]:
    """Prove that records stand in the log as it is now, all under one checkpoint.

    Raises:
        AuditError: `audit.no_such_record`.
    """
    checkpoint, leaves = log.leaves()
    for position in positions:
        if not 0 <= position < len(leaves):
            raise AuditError(
                f"the log holds {len(leaves)} records, 0 to {len(leaves) - 1}, and not {position}; "
                "`caselight audit show` lists them",
                code="audit.no_such_record",
            )
    end, wanted = log.files.log.stat().st_size, set(positions)
    lines = {at: line for at, line in enumerate(lines_of(log.files.log, end)) if at in wanted}
    return [
        {
            "proof": "inclusion",
            "version": VERSION,
            "position": position,
            "line": lines[position].decode("utf-8"),
            "path": [digest.hex() for digest in inclusion_path(leaves, position)],
            "checkpoint": log.checkpoint_of(checkpoint),
        }
        for position in positions
    ]


def prove_growth(log: AuditLog, earlier: str, verifier: Verifier) -> dict[str, Any]:
    """Prove that the log begins with what an earlier checkpoint was signed for.

    Raises:
        AuditError: `audit.bad_signature`, or `audit.fork` when it does not.
    """
    first = verifier.check(earlier)
    checkpoint, leaves = log.leaves()
    path = consistency_path(leaves, first.size) if 1 <= first.size <= len(leaves) else []
    if not consistent(first.size, first.root, len(leaves), checkpoint.root, path):
        raise AuditError(
            f"the log of {len(leaves)} records does not begin with the {first.size} of that "
            "checkpoint: it was cut or rewritten, or one of the two is of another log",
            code="audit.fork",
        )
    return {
        "proof": "consistency",
        "version": VERSION,
        "earlier": earlier,
        "path": [digest.hex() for digest in path],
        "checkpoint": log.checkpoint_of(checkpoint),
    }


def check_proof(proof: Mapping[str, Any], verifier: Verifier) -> Proven:
    """Check a proof with nothing but a verifier.

    Raises:
        AuditError: `audit.bad_proof` or `audit.bad_signature`.
    """
    try:
        if proof["version"] != VERSION:
            raise bad_proof(
                f"it is of version {proof['version']}, and this Caselight reads {VERSION}"
            )
        checkpoint = verifier.check(proof["checkpoint"])
        path = [bytes.fromhex(digest) for digest in proof["path"]]
        if proof["proof"] == "consistency":
            earlier = verifier.check(proof["earlier"])
            if not consistent(earlier.size, earlier.root, checkpoint.size, checkpoint.root, path):
                raise bad_proof("the later log does not begin with the earlier one")
            return Proven(checkpoint=checkpoint, record=None, grew_from=earlier)
        if proof["proof"] != "inclusion":
            raise bad_proof(f"it is of kind {proof['proof']!r}, expected inclusion or consistency")
        line, position = proof["line"].encode(), int(proof["position"])
        parts = split_line(line)
        record = read_line(line)
        if parts is None or record.position != position:
            raise bad_proof("its record is of another position")
        if not includes(leaf_digest(parts[1]), position, checkpoint.size, path, checkpoint.root):
            raise bad_proof("its path does not lead to the signed root")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise bad_proof("it is no proof as `caselight audit prove` writes it") from None
    return Proven(checkpoint=checkpoint, record=record, grew_from=None)


def read_proof(text: str) -> Mapping[str, Any]:
    """Read a proof's file.

    Raises:
        AuditError: `audit.bad_proof`.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise bad_proof("it is no JSON object")
    return found


def bad_proof(why: str) -> AuditError:
    """What is said of a proof that proves nothing."""
    return AuditError(f"the proof proves nothing: {why}; ask for it anew", code="audit.bad_proof")
