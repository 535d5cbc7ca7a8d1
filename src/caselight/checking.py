"""Verb: a home's index in, what is wrong with it or suspicious in it out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from caselight.data.store import Store
from caselight.errors import ModelError
from caselight.index.canaries import MODEL_CANARIES
from caselight.index.journal import Opens
from caselight.index.manifest import current_folder, model_folder, read_index, read_snapshot
from caselight.index.poisoning import PoisoningScan, scan_for_poisoning
from caselight.index.verify import IndexFault, IndexVerdict, verify_index
from caselight.models.canaries import answers_alike, model_canaries
from caselight.models.checkpoint import load_checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyScan:
    """Suspicions, and whom they are of."""

    scan: PoisoningScan
    study_uids: Mapping[int, str]
    """Row of the store to study, of all that are suspected."""


def verify_current(home: Path, *, seal: Opens) -> IndexVerdict:
    """Verify the current index, its canaries, and that its model makes the codes it made.

    The model is looked at when all else is well.

    Raises:
        IndexMismatch: `index.missing`.
    """
    folder = current_folder(home)
    verdict = verify_index(folder, seal=seal)
    if not verdict.ok:
        return verdict
    version, _, state = read_snapshot(folder, seal=seal)
    said = state.get(MODEL_CANARIES)
    fault = None if said is None else _model_fault(home, version.model, version.n_bits, said)
    return verdict if fault is None else replace(verdict, faults=(fault,))


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


def _model_fault(home: Path, fingerprint: str, n_bits: int, said: str) -> IndexFault | None:
    """Whether the home's model, as it is loaded now, is the one that made the codes."""
    try:
        model = load_checkpoint(model_folder(home, fingerprint))
        if answers_alike(said, model_canaries(model, n_bits)):
            return None
        detail = "the model makes other codes than it must"
    except ModelError as error:
        detail = str(error)
    return IndexFault(kind="model", file="", row=None, study=None, detail=detail)
