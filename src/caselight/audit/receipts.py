"""Which models learned from a patient, and receipts of erasures that others can check.

Beside the log lies a list for every model: the digests of the patients it learned from. Its root is
on the record. So a digest, the record of the model and a path of a few digests prove that the model
learned from the patient, when the patient's salt has long been destroyed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from caselight.audit.notes import Checkpoint, Verifier
from caselight.audit.proofs import Proven, bad_proof, check_proof
from caselight.audit.record import AuditRecord
from caselight.merkle import includes, inclusion_path, leaf_digest, root_of
from caselight.types import Learned, ModelTrace

KIND = "erasure"
VERSION = 1
MADE = ("model.trained", "model.adapted")
"""Events that say whom a model learned from."""
_SWEPT = ("pictures", "thumbnails", "features", "index_rows", "feedback", "words")
"""The last two are not in records of earlier versions."""


def trace_models(
    made: Sequence[AuditRecord], lists: Mapping[str, Sequence[str]], patient: str
) -> tuple[ModelTrace, ...]:
    """Say of every model whether it learned from a patient.

    Args:
        made: the records of models, oldest first.
        lists: fingerprint of a model to the digests of its patients, in order.
        patient: the patient's digest.
    """
    began: dict[str, str] = {}
    records: dict[str, AuditRecord] = {}
    for record in made:
        model = record.payload["model"]
        if record.payload["began"] is not None:
            began[model] = record.payload["began"]
        root = _root(lists.get(model, ()))
        if model not in records or record.payload["patients_root"] == root:
            records[model] = record
    traces = {
        model: _trace(model, records.get(model), lists.get(model), patient)
        for model in sorted({*records, *lists})
    }
    learned = {model for model, trace in traces.items() if trace.learned == "directly"}
    while True:
        more = {m for m, start in began.items() if start in learned and m not in learned}
        if not more:
            break
        learned |= more
        for model in more:
            traces[model] = ModelTrace(
                model=model,
                learned="through",
                through=began[model],
                record=traces[model].record,
                patients=traces[model].patients,
            )
    return tuple(traces[model] for model in sorted(traces))


def _trace(
    model: str, record: AuditRecord | None, listed: Sequence[str] | None, patient: str
) -> ModelTrace:
    if record is None:
        # The list was kept, and the process killed before the record was.
        learned: Learned = "directly" if patient in (listed or ()) else "no"
        return ModelTrace(model=model, learned=learned, patients=len(listed or ()))
    known: dict[str, Any] = {
        "model": model,
        "record": record.position,
        "patients": record.payload["patients"],
    }
    if listed is None or _root(listed) != record.payload["patients_root"]:
        return ModelTrace(learned="unknown", **known)
    if patient not in listed:
        return ModelTrace(learned="no", **known)
    place = listed.index(patient)
    path = inclusion_path([leaf_digest(one.encode()) for one in listed], place)
    return ModelTrace(
        learned="directly", place=place, path=tuple(digest.hex() for digest in path), **known
    )


def check_receipt(receipt: Mapping[str, Any], verifier: Verifier) -> Proven:
    """Check the receipt of an erasure with nothing but a verifier.

    Proves that the log says the same as the receipt: that the patient was erased, how much of whom,
    and of every model whether it learned from the patient; where it did, also that the patient was
    on the list whose root was recorded when the model was made. That a patient was on no list is
    the log's word; who has the home can hold it against the lists.

    Raises:
        AuditError: `audit.bad_proof` or `audit.bad_signature`.
    """
    try:
        return _check(receipt, verifier)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise bad_proof("it is no receipt as `caselight erase` writes it") from None


def _check(receipt: Mapping[str, Any], verifier: Verifier) -> Proven:
    if receipt["version"] != VERSION:
        raise bad_proof(
            f"it is of version {receipt['version']}, and this Caselight reads {VERSION}"
        )
    proven: dict[int, AuditRecord] = {}
    checkpoint: Checkpoint | None = None
    for proof in receipt["proofs"]:
        found = check_proof(proof, verifier)
        if found.record is not None:
            proven[found.record.position] = found.record
            checkpoint = found.checkpoint
    erased, removed = proven[receipt["record"]], receipt["removed"]
    models = {model["model"]: model["learned"] for model in receipt["models"]}
    said = {"patient": receipt["patient"], "models": models}
    said |= {name: removed[name] for name in ("studies", "images")}
    if checkpoint is None or erased.event != "patient.erased" or erased.payload != said:
        raise bad_proof("the record of the erasure says something else")
    if receipt["finished"] is not None:
        finished = proven[receipt["finished"]]
        same = all(finished.payload.get(name, 0) == removed.get(name, 0) for name in _SWEPT)
        if finished.event != "erasure.finished" or not same:
            raise bad_proof("the record of its end says something else")
        if receipt["record"] not in finished.payload["erased"]:
            raise bad_proof("the record of its end is that of another erasure")
    for model in receipt["models"]:
        _check_model(model, receipt["patient"], models, proven)
    return Proven(checkpoint=checkpoint, record=erased, grew_from=None)


def _check_model(
    model: Mapping[str, Any],
    patient: str,
    models: Mapping[str, str],
    proven: Mapping[int, AuditRecord],
) -> None:
    if model["record"] is None:
        return
    made = proven[model["record"]]
    if made.event not in MADE or made.payload["model"] != model["model"]:
        raise bad_proof("the record of a model is that of another")
    if model["learned"] == "directly":
        path = [bytes.fromhex(digest) for digest in model["path"]]
        root = bytes.fromhex(made.payload["patients_root"])
        leaf, size = leaf_digest(patient.encode()), made.payload["patients"]
        if not includes(leaf, model["place"], size, path, root):
            raise bad_proof("the patient is not on the list that a model is recorded with")
    if model["learned"] == "through":
        begun = made.payload["began"]
        if begun != model["through"] or models.get(begun) not in ("directly", "through"):
            raise bad_proof("a model did not begin from one that learned from the patient")


def _root(listed: Sequence[str]) -> str:
    return root_of([leaf_digest(one.encode()) for one in listed]).hex()
