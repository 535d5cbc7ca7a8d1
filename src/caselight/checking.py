"""Verb: a home's index in, what is wrong with it or suspicious in it out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from caselight.audit.log import AuditLog
from caselight.data.store import Store
from caselight.errors import AuditError, ModelError
from caselight.index.canaries import MODEL_CANARIES
from caselight.index.journal import Opens
from caselight.index.manifest import current_folder, model_folder, read_index, read_snapshot
from caselight.index.poisoning import PoisoningScan, scan_for_poisoning
from caselight.index.verify import FaultKind, IndexFault, IndexVerdict, verify_index
from caselight.models.canaries import answers_alike, model_canaries
from caselight.models.checkpoint import load_checkpoint

_NAMES_INDEX = ("index.built", "index.compacted", "erasure.finished")
_DAMAGED = "damaged"
"""What an erasure says of an index that it could not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyScan:
    """Suspicions, and whom they are of."""

    scan: PoisoningScan
    study_uids: Mapping[int, str]
    """Row of the store to study, of all that are suspected."""


def verify_current(home: Path, *, log: AuditLog) -> IndexVerdict:
    """Verify the current index, and whether it is the one that answers by the record.

    Its canaries are asked, and whether its model makes the codes it made; record and model are
    looked at when all else is well.

    Args:
        home: the home.
        log: its record, whose key the index is signed with.

    Raises:
        IndexMismatch: `index.missing`.
    """
    seal = log.files.verifier()
    folder = current_folder(home)
    verdict = verify_index(folder, seal=seal)
    if not verdict.ok and current_folder(home) != folder:  # it was replaced meanwhile
        folder = current_folder(home)
        verdict = verify_index(folder, seal=seal)
    if not verdict.ok:
        return verdict
    version, _, state = read_snapshot(folder, seal=seal)
    said = state.get(MODEL_CANARIES)
    faults = [
        _record_fault(log, verdict.digest),
        None if said is None else _model_fault(home, version.model, version.n_bits, said),
    ]
    return replace(verdict, faults=tuple(fault for fault in faults if fault is not None))


def scan_current(store: Store, *, seal: Opens, rng: np.random.Generator) -> StudyScan:
    """Look for poison in the current index; see `index/poisoning.py`.

    Pairs that the model may have learned from are held against each other, and so are all others.

    Raises:
        IndexMismatch: `index.missing`, `index.stale` or `index.digest_mismatch`.
    """
    index = read_index(store.home, store=store.generation, seal=seal)
    studies = dict(store.studies())
    learned = [row for row, study in studies.items() if study.split == "train"]
    scan = scan_for_poisoning(index, learned=np.isin(index.rows.study, learned), rng=rng)
    named = {one.study: studies[one.study].study_uid for one in scan.suspicions}
    return StudyScan(scan=scan, study_uids=named)


def _record_fault(log: AuditLog, digest: str) -> IndexFault | None:
    """Whether the record names another index as the one that answers: what was signed stays so.

    An older manifest with its files, or the index of another model, was signed once, too.
    """
    try:
        named = [(r.payload["index"], r.position) for r in log.records(events=_NAMES_INDEX)]
    except AuditError as error:
        return _whole_fault("record", str(error))
    if not named or named[-1][0] in (_DAMAGED, digest):
        return None
    was = dict(named).get(digest)
    return _whole_fault(
        "record",
        f"{'no record' if was is None else f'record {was}'} names it, and by record {named[-1][1]} "
        "another answers since, or none: files of then or of elsewhere were put here, or a build "
        "was killed before its record; run `caselight index build`",
    )


def _model_fault(home: Path, fingerprint: str, n_bits: int, said: str) -> IndexFault | None:
    """Whether the home's model, as it is loaded now, is the one that made the codes."""
    try:
        model = load_checkpoint(model_folder(home, fingerprint))
        if answers_alike(said, model_canaries(model, n_bits)):
            return None
        detail = "the model makes other codes than it must"
    except ModelError as error:
        detail = str(error)
    return _whole_fault("model", detail)


def _whole_fault(kind: FaultKind, detail: str) -> IndexFault:
    return IndexFault(kind=kind, file="", row=None, study=None, detail=detail)
