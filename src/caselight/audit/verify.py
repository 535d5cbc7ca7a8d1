"""Find and locate what was done to a log: changed, dropped, swapped, inserted, cut or forked.

Three things hold a log together: each record carries its own digest, each the digest of the one
before, and signed checkpoints carry the root over all of them. The first two locate a change to
the record; the third finds what was rewritten consistently, between two checkpoints.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from caselight.audit.end import BEGINNING, LogEnd
from caselight.audit.files import LogFiles
from caselight.audit.notes import Checkpoint, Verifier, split_notes
from caselight.audit.record import split_line
from caselight.errors import AuditError
from caselight.merkle import Frontier, leaf_digest

FaultKind = Literal["altered", "out of place", "missing", "torn", "rewritten", "unsigned"]
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, and where."""

    kind: FaultKind
    position: int
    """Which record, counted by line from 0; where several are missing, the first of them."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found."""

    size: int
    """Whole records that were read."""
    root: bytes
    """Of the tree over them, 32 bytes."""
    faults: tuple[Fault, ...]
    """In order; empty when all is well. After the first, later ones may only follow from it."""
    n_checkpoints: int
    """How many signed checkpoints were found to agree, the head among them."""

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.faults


class Walk:
    """Reads a log line by line, from its beginning or a later end, and notes what does not fit."""

    def __init__(self, begin: LogEnd = BEGINNING) -> None:
        self.frontier = Frontier(begin.size, begin.peaks)
        self.faults: list[Fault] = []
        self._previous: bytes | None = begin.last.encode()

    def line(self, line: bytes) -> bytes | None:
        """Take the next line, without its newline; returns the digest of its leaf."""
        at = self.frontier.size
        parts = split_line(line)
        if parts is None:
            self._fault("altered", at, "the line is no record")
            self._skip()
            return None
        said, canonical, position, previous = parts
        digest = leaf_digest(canonical)
        hexed = digest.hex().encode()
        if hexed != said:
            self._fault("altered", at, "the record does not match its own digest")
            self._skip()
            return None
        if position != at or (self._previous is not None and previous != self._previous):
            self._fault(
                "out of place",
                at,
                f"expected record {at}, found one that says it is {position} and follows "
                f"{previous.decode()[:16]}: records were dropped, inserted, swapped or rewritten",
            )
        self.frontier.append(digest)
        self._previous = hexed
        return digest

    def _skip(self) -> None:
        # What follows is held against itself again from the next record on.
        self.frontier.append(bytes(32))
        self._previous = None

    def _fault(self, kind: FaultKind, at: int, detail: str) -> None:
        self.faults.append(Fault(kind=kind, position=at, detail=detail))


def verify_log(
    folder: Path, *, verifier: Verifier | None = None, checkpoints: Sequence[str] = ()
) -> Verdict:
    """Read a whole log and hold it against its signed checkpoints.

    Args:
        folder: the folder of the log; only read.
        verifier: the public key as it was written down elsewhere; the folder's own if not given.
        checkpoints: signed notes kept elsewhere, in any order: a witness file's, or one of
            yesterday. The head is looked at too, and the witness that the log names.

    Raises:
        AuditError: `audit.missing` when there is no log, `audit.bad_signature` for a verifier that
            is none.
    """
    files = LogFiles(folder)
    if not files.log.is_file():
        raise AuditError(
            f"{folder} holds no log; name the home whose folder `audit` does", code="audit.missing"
        )
    known = verifier or files.verifier()
    notes = [files.head.read_text("utf-8")] if files.head.is_file() else []
    walk = Walk()
    if not notes:
        walk.faults.append(Fault(kind="unsigned", position=0, detail="the head is missing"))
    witness = files.witness()
    if witness is not None and witness.is_file():
        notes += split_notes(witness.read_text("utf-8", "replace"))
    seen = _signed([*notes, *checkpoints], known, walk.faults)
    verdict = _walk_through(files.log, walk, seen)
    # Writers may have gone on meanwhile, and have signed for it.
    now = [files.head.read_text("utf-8")] if files.head.is_file() else []
    signed = max((one.size for one in [*seen, *_signed(now, known, [])]), default=0)
    if not verdict.ok or verdict.size <= signed:
        return verdict
    detail = (
        f"{verdict.size - signed} records behind the newest checkpoint: a writer was killed before "
        "it signed for them, or somebody without the key has put them there"
    )
    return replace(verdict, faults=(Fault(kind="unsigned", position=signed, detail=detail),))


def verify_text(data: bytes, checkpoints: Sequence[Checkpoint]) -> Verdict:
    """Hold the bytes of a log against checkpoints whose signatures were looked at already."""
    walk = Walk()
    roots = _roots_wanted(checkpoints)
    met: dict[int, bytes] = {}
    end = data.rfind(b"\n") + 1
    for line in data[:end].split(b"\n")[:-1]:
        walk.line(line)
        if walk.frontier.size in roots:
            met[walk.frontier.size] = walk.frontier.root()
    return conclude(walk, checkpoints, met, torn=len(data) - end)


def _walk_through(path: Path, walk: Walk, checkpoints: Sequence[Checkpoint]) -> Verdict:
    roots = _roots_wanted(checkpoints)
    met: dict[int, bytes] = {}
    rest = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                walk.line(line)
                if walk.frontier.size in roots:
                    met[walk.frontier.size] = walk.frontier.root()
    return conclude(walk, checkpoints, met, torn=len(rest))


def conclude(
    walk: Walk, checkpoints: Sequence[Checkpoint], met: Mapping[int, bytes], *, torn: int
) -> Verdict:
    """Hold what was read against checkpoints.

    Args:
        walk: the whole log, read.
        checkpoints: signed ones.
        met: size to root, for every size that a checkpoint speaks of and the log has.
        torn: bytes behind the last whole line.
    """
    size = walk.frontier.size
    faults = list(walk.faults)
    if torn:
        detail = f"{torn} bytes behind the last whole record; a killed writer leaves such a thing"
        faults.append(Fault(kind="torn", position=size, detail=detail))
    agreed, good = 0, 0
    first_fault = min((fault.position for fault in walk.faults), default=None)
    for checkpoint in sorted(checkpoints, key=lambda c: c.size):
        if checkpoint.size > size:
            detail = f"a checkpoint is signed for {checkpoint.size} records, and {size} are here"
            faults.append(Fault(kind="missing", position=size, detail=detail))
            break
        if met.get(checkpoint.size, checkpoint.root) == checkpoint.root:
            agreed, good = agreed + 1, checkpoint.size
        elif first_fault is None or first_fault >= checkpoint.size:
            detail = (
                f"the root over {checkpoint.size} records is not the signed one, and that over "
                f"{good} is: a record from {good} to {checkpoint.size - 1} was rewritten with all "
                "that follow it, or the log went another way from there"
            )
            faults.append(Fault(kind="rewritten", position=good, detail=detail))
            break
    return Verdict(
        size=size,
        root=walk.frontier.root(),
        faults=tuple(sorted(faults, key=lambda fault: fault.position)),
        n_checkpoints=agreed,
    )


def _roots_wanted(checkpoints: Sequence[Checkpoint]) -> frozenset[int]:
    return frozenset(checkpoint.size for checkpoint in checkpoints)


def _signed(notes: Sequence[str], verifier: Verifier, faults: list[Fault]) -> list[Checkpoint]:
    found = []
    for note in notes:
        try:
            found.append(verifier.check(note))
        except AuditError as error:
            faults.append(Fault(kind="unsigned", position=0, detail=str(error)))
    return found
