"""Verb: a patient out of a home, and a receipt that proves it.

An erasure is in three steps, and whatever kills it, the next one goes on where it stopped:

1. The patient is put on the list of the erased. From here on nobody brings the patient back.
2. Studies and salt are deleted in one transaction, and the record is written inside it.
3. What nobody who is left has is swept: rows of the index, pictures, thumbnails, features,
   feedback, kept words; databases are written anew; the end is recorded.

A note in the file `erasing` lasts from before the second step to the end of the third. It names
the patient by digests that say nothing without the home's key.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from caselight.audit.digests import patient_digest
from caselight.audit.proofs import prove_inclusions
from caselight.audit.receipts import MADE, trace_models
from caselight.audit.record import Entry
from caselight.data.pending import Pending, drop_pending, read_pending, write_pending
from caselight.data.store import Store
from caselight.data.sweeping import sweep_features, sweep_pictures, sweep_said, sweep_staged
from caselight.data.system_errors import explained
from caselight.data.tombstones import (
    FILE,
    read_listed,
    read_tombstones,
    tombstone,
    write_tombstones,
)
from caselight.errors import AuditError, EraseError, IndexMismatch
from caselight.index.dropping import drop_studies
from caselight.index.manifest import read_manifest
from caselight.publishing import publish_again
from caselight.recording import Recorder
from caselight.types import ErasureReceipt, ModelTrace, Swept

_TOLD = (*MADE, "patient.erased", "erasure.finished")

OUT_OF_REACH = (
    "what was exported or embedded into files, models kept elsewhere, and backups cannot be "
    "reached from here; apply the file `tombstones` to backups when they are restored"
)
INTERRUPTED = "it was interrupted; what was removed before that is not among the numbers"
RETRAIN = "models learned from the patient; train them again, and drop the old ones"
NO_INDEX = "the index was damaged and was removed; build it again"
UNKNOWN = "of some models it is not known whom they learned from: their lists are missing"


def erase(store: Store, recorder: Recorder, patient_key: str) -> ErasureReceipt:
    """Erase a patient for good, after finishing whatever another erasure left undone.

    Args:
        store: the open home.
        recorder: puts it on the record.
        patient_key: the patient's pseudonym.

    Raises:
        AuditError: when it cannot be recorded; nothing is erased then.
        EraseError: `erase.no_such_patient`, or when the list of the erased is damaged.
        StoreError: when the home cannot be written; run it again then, it goes on.
    """
    stone = tombstone(store, patient_key)
    with store.erasing():
        finished = _go_on(store, recorder)
        if patient_key in store.patients():
            write_tombstones(store, _listed(store) | {stone})
            return _erase(store, recorder, {patient_key})[0]
        for digests, receipt in finished:
            if stone in digests:
                return receipt
        listed = stone in _listed(store)
    raise _nobody("and has erased that patient already" if listed else "")


def finish(store: Store, recorder: Recorder) -> tuple[ErasureReceipt, ...]:
    """Finish what a killed erasure left undone, and sweep what belongs to nobody.

    Returns:
        The receipts of what was finished; empty where there was nothing to finish.
    """
    with store.erasing():
        finished = _go_on(store, recorder)
        if not finished:
            _sweep(store, recorder, before=store.generation, after=store.generation)
    return tuple(receipt for _, receipt in finished)


def apply_list(store: Store, recorder: Recorder, path: Path) -> tuple[ErasureReceipt, ...]:
    """Erase everybody on a list from a home, a restored backup say, and take the list over.

    What the home's own list has lost is given up with that, and the record says how many are left.

    Args:
        store: the open home, with the key of the home that the list is of.
        recorder: puts it on the record.
        path: the list.

    Raises:
        EraseError: `erase.bad_list`, or `erase.other_home` for a list of another key.
    """
    with store.erasing():
        given, own = read_tombstones(store, path), _listed(store)
        write_tombstones(store, own | given)
        receipts = [receipt for _, receipt in _go_on(store, recorder, n_listed=0)]
        said = {"listed": len(own | given), "new": len(given - own), "erased": len(receipts)}
        recorder.say("backup.cleansed", said)
    return tuple(receipts)


def readmit(store: Store, recorder: Recorder, patient_key: str) -> None:
    """Take a patient off the list of the erased, so that studies of theirs may come in again.

    Raises:
        EraseError: `erase.no_such_patient` for one who is not on it.
    """
    stone = tombstone(store, patient_key)
    with store.erasing():
        _go_on(store, recorder)
        listed = _listed(store)
        if stone not in listed:
            raise EraseError("the patient is not on the list of the erased; check the key or id")
        # On the record first: who is let in again without one could not be explained.
        recorder.say("patient.readmitted", {"listed": len(listed) - 1})
        write_tombstones(store, listed - {stone})


def plan(store: Store, recorder: Recorder, patient_key: str) -> ErasureReceipt:
    """Say what an erasure would remove, and change nothing.

    Raises:
        EraseError: `erase.no_such_patient`.
    """
    if patient_key not in store.patients():
        raise _nobody()
    rows = store.rows_of(patient_key)
    digest = _digest(store, patient_key)
    kept = [row for row, study in store.studies() if study.patient_key != patient_key]
    now = store.generation
    models = trace_models(list(recorder.log.records(events=MADE)), recorder.trained_on(), digest)
    return ErasureReceipt(
        patient=digest,
        studies=len(rows),
        images=_images(store, rows),
        swept=Swept(
            pictures=sweep_pictures(store, "pixels", without=patient_key, remove=False),
            thumbnails=sweep_pictures(store, "thumbnails", without=patient_key, remove=False),
            features=sweep_features(store, without=patient_key, remove=False),
            **sweep_said(store, without=patient_key, remove=False),
            index_rows=drop_studies(
                store.home,
                kept=kept,
                before=now,
                after=now,
                seal=recorder.signer,
                remove=False,
            ),
        ),
        models=models,
        record=None,
        finished=None,
        notes=_notes(models),
    )


def receipt_of(recorder: Recorder, position: int) -> ErasureReceipt:
    """Make the receipt of an erasure, from its record and the lists beside it alone.

    Args:
        recorder: of the open home.
        position: of the record `patient.erased`.

    Raises:
        AuditError: `audit.no_such_record`.
    """
    records = {r.position: r for r in recorder.log.records(events=_TOLD)}
    if position not in records or records[position].event != "patient.erased":
        raise AuditError(
            f"record {position} is not that of an erasure; `caselight audit show --event "
            "patient.erased` lists them",
            code="audit.no_such_record",
        )
    said = records[position].payload
    made = [r for at, r in records.items() if at < position and r.event in MADE]
    traces = trace_models(made, recorder.trained_on(), said["patient"])
    models = tuple(trace for trace in traces if trace.model in said["models"])
    ends = [r for r in records.values() if r.event == "erasure.finished"]
    # The first: one that was killed behind it swept nothing the second time.
    end = next((r for r in ends if position in r.payload["erased"]), None)
    swept, named = None, [position, *(m.record for m in models if m.record is not None)]
    notes = _notes(models)
    if end is not None:
        swept = Swept(**{one.name: end.payload.get(one.name, 0) for one in fields(Swept)})
        named.append(end.position)
        notes += (INTERRUPTED,) if end.payload["resumed"] else ()
        lost = end.payload["index_before"] is not None and end.payload["index"] is None
        notes += (NO_INDEX,) if lost else ()
    return ErasureReceipt(
        patient=said["patient"],
        studies=said["studies"],
        images=said["images"],
        swept=swept,
        models=models,
        record=position,
        finished=None if end is None else end.position,
        proofs=tuple(prove_inclusions(recorder.log, sorted(set(named)))),
        notes=notes,
    )


# The steps ----------------------------------------------------------------------------------


def _go_on(
    store: Store, recorder: Recorder, *, n_listed: int | None = None
) -> list[tuple[Collection[str], ErasureReceipt]]:
    """Erase everybody on the list who is here, and finish what was begun.

    Args:
        store: the open home.
        recorder: puts it on the record.
        n_listed: how many must be on the list; as many as the record says if not given.

    Returns:
        The receipts, each with the digests of who and what was erased: see `Pending.patients`.
    """
    done: list[tuple[Collection[str], ErasureReceipt]] = []
    n_listed = recorder.n_listed() if n_listed is None else n_listed
    listed = read_listed(store, n_listed=n_listed)
    here = {key for key in store.patients() if tombstone(store, key) in listed}
    pending = read_pending(store.home)
    # While a salt is there the digest can be made: then nothing was deleted yet.
    begun = {_digest(store, key) for key in here}
    if pending is not None and not begun & pending.patients.keys():
        receipts = _finish(store, recorder, pending, resumed=True)
        done += zip(pending.patients.values(), receipts, strict=True)
    if here:
        names = {_digest(store, key): _names(store, key) for key in here}
        receipts = _erase(store, recorder, here)
        done += [(names[receipt.patient], receipt) for receipt in receipts]
    return done


def _erase(store: Store, recorder: Recorder, patient_keys: Collection[str]) -> list[ErasureReceipt]:
    """The second step and the third, for patients who are on the list."""
    made, lists = list(recorder.log.records(events=MADE)), recorder.trained_on()
    entries, patients, n_studies = [], {}, 0
    for key in sorted(patient_keys):
        rows, digest = store.rows_of(key), _digest(store, key)
        n_studies += len(rows)
        patients[digest] = _names(store, key)
        said = {
            "patient": digest,
            "studies": len(rows),
            "images": _images(store, rows),
            "models": {trace.model: trace.learned for trace in trace_models(made, lists, digest)},
        }
        entries.append(Entry(event="patient.erased", actor=recorder.actor, payload=said))
    before = store.generation
    pending = Pending(
        before=before, after=_next(before) if n_studies else before, patients=patients
    )
    write_pending(store.home, pending)
    store.erase(patient_keys, record=lambda: recorder.log.append(*entries))
    return _finish(store, recorder, pending, resumed=False)


def _finish(
    store: Store, recorder: Recorder, pending: Pending, *, resumed: bool
) -> list[ErasureReceipt]:
    """The third step."""
    was = _index(store.home, recorder)
    swept = _sweep(store, recorder, before=pending.before, after=pending.after)
    found = {
        record.payload["patient"]: record.position
        for record in recorder.log.records(events=["patient.erased"])
        if record.payload["patient"] in pending.patients
    }
    recorder.say(
        "erasure.finished",
        {
            "erased": sorted(found.values()),
            **asdict(swept),
            "index_before": was,
            "index": _index(store.home, recorder),
            "resumed": resumed,
            "listed": len(_listed(store)),
        },
    )
    drop_pending(store.home)
    return [receipt_of(recorder, found[patient]) for patient in pending.patients]


def _sweep(store: Store, recorder: Recorder, *, before: str, after: str) -> Swept:
    kept = [row for row, _ in store.studies()]
    with explained():
        index_rows = drop_studies(
            store.home, kept=kept, before=before, after=after, seal=recorder.signer
        )
    swept = Swept(
        index_rows=index_rows,
        pictures=sweep_pictures(store, "pixels", without="", remove=True),
        thumbnails=sweep_pictures(store, "thumbnails", without="", remove=True),
        features=sweep_features(store, without="", remove=True),
        **sweep_said(store, without="", remove=True),
    )
    sweep_staged(store.home)
    store.vacuum()
    # Last: a place that cannot be reached keeps the erasure unfinished, and nothing else.
    publish_again(store.home, recorder=recorder)
    return swept


# Who is meant ----------------------------------------------------------------------------------


def key_of(
    store: Store,
    *,
    patient: str | None = None,
    patient_id: str | None = None,
    study: str | None = None,
) -> str:
    """The pseudonym of a patient who is named by exactly one of three.

    Args:
        store: the open home.
        patient: the pseudonym itself.
        patient_id: the id that the archive knows the patient by; it is not kept.
        study: the id of any study of the patient.

    Raises:
        QueryRefused: `query.no_such_study`.
    """
    if patient is not None:
        return patient
    if patient_id is not None:
        return store.pseudonym(patient_id)
    return store.owner(study or "")


def pending_of(store: Store, study: str) -> str | None:
    """Who an unfinished erasure is of, by a study that it has deleted already: their digest."""
    pending = read_pending(store.home)
    name = store.keyed("erased study", study)
    patients = {} if pending is None else pending.patients
    return next((digest for digest, names in patients.items() if name in names), None)


# Small things ---------------------------------------------------------------------------------


def _listed(store: Store) -> frozenset[str]:
    return read_tombstones(store, store.home / FILE)


def _digest(store: Store, patient_key: str) -> str:
    return patient_digest(store.salts([patient_key])[patient_key], patient_key)


def _names(store: Store, patient_key: str) -> list[str]:
    uids = store.rows_of(patient_key).values()
    return [tombstone(store, patient_key), *(store.keyed("erased study", uid) for uid in uids)]


def _images(store: Store, rows: Collection[int]) -> int:
    return sum(len(store.get(row).images) for row in rows)


def _next(generation: str) -> str:
    store, _, number = generation.rpartition(":")
    return f"{store}:{int(number) + 1}"


def _index(home: Path, recorder: Recorder) -> str | None:
    try:
        return read_manifest(home, seal=recorder.verifier).digest
    except IndexMismatch as error:
        return None if error.code == "index.missing" else "damaged"


def _notes(models: Sequence[ModelTrace]) -> tuple[str, ...]:
    learned = sum(trace.learned in ("directly", "through") for trace in models)
    unknown = any(trace.learned == "unknown" for trace in models)
    return (
        *((f"{learned} {RETRAIN}",) if learned else ()),
        *((UNKNOWN,) if unknown else ()),
        OUT_OF_REACH,
    )


def _nobody(why: str = "") -> EraseError:
    return EraseError(
        f"the home holds nothing of that patient{f' {why}' if why else ''}; name the pseudonym "
        "that `Home.study(...).patient_key` gives, --patient-id, or a --study of theirs"
    )
