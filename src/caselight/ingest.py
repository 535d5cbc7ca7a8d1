"""Verb: studies in, receipt out.

Every picture is decoded exactly or refused with a reason; a study is stored with its pictures or
not at all; a batch of studies is one transaction. What the home already has is recognised by the
bytes of its files and its words, so the same archive twice adds nothing, and an ingest that was
killed goes on where it stopped.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

from caselight.config import IngestSettings
from caselight.data.archive import open_archive
from caselight.data.dicom.series import Expanded, expand
from caselight.data.fingerprint import difference_hash, pixel_digest
from caselight.data.pixels import read_pixels
from caselight.data.reports import remove_names
from caselight.data.store import Held, NewStudy, Store
from caselight.data.texts import pair_text
from caselight.data.tombstones import read_listed, tombstone
from caselight.errors import DataError
from caselight.recording import Recorder
from caselight.types import Image, IngestReceipt, Rejected, SourceImage, SourceStudy, Study

FORMAT = "2"
"""Part of every source digest: raise it when reading changes what is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of one study."""

    new: NewStudy | None = None
    known: bool = False
    """Whether the home had a study of this id."""
    rejected: tuple[Rejected, ...] = ()
    shows_patient: bool = False
    """Whether the study's id, or a picture's path, contains the patient's."""
    erased: bool = False
    """Whether it was left out because its patient was erased."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """What is worth telling about how it was read, and how often it was so."""


def ingest(
    path: Path,
    store: Store,
    *,
    settings: IngestSettings,
    mapping: Mapping[str, str],
    clock: Callable[[], float],
    on_studies: Callable[[int, int], None],
    recorder: Recorder,
    workers: int = 2,
    dataset: str | None = None,
) -> IngestReceipt:
    """Bring an archive into a home.

    Args:
        path: a folder with a manifest, a manifest, a public dataset, or a folder of DICOM files.
        store: the open home.
        settings: batch, limits, split.
        mapping: our column to the archive's, where they differ.
        clock: seconds, for the receipt.
        on_studies: told after each batch how many studies it had, and how many there are in all.
        recorder: puts every study on the record before it is kept.
        workers: threads that decode; the result does not depend on it.
        dataset: the public dataset to read it as; None recognises one.

    Returns:
        What was taken and what was refused.

    Raises:
        AuditError: when the record cannot be written.
        DataError: when the archive as a whole cannot be read.
        EraseError: when the list of the erased is damaged, or has lost somebody.
        StoreError: when the home cannot be written.
    """
    start = clock()
    # A folder and the manifest in it are one archive.
    folder = path if path.is_dir() else path.parent
    origin = store.pseudonym(f"archive:{folder.resolve()}")
    outcomes, told = Counter[str](), Counter[str]()
    with (
        open_archive(path, mapping=mapping, dataset=dataset) as archive,
        store.writing(),
        ThreadPoolExecutor(max_workers=workers) as pool,
    ):
        rejected = list(archive.rejected)
        erased = read_listed(store, n_listed=recorder.n_listed())
        for batch in _batches(archive.studies(), settings.batch_studies):
            held = store.held([source.study_id for source in batch])
            splits = store.splits_of({store.pseudonym(_patient(source)) for source in batch})

            def read(
                source: SourceStudy,
                held: Mapping[str, Held] = held,
                splits: Mapping[str, str] = splits,
            ) -> _Outcome:
                if erased and tombstone(store, store.pseudonym(_patient(source))) in erased:
                    return _Outcome(erased=True)
                return _read(source, store, settings, origin, held.get(source.study_id), splits)

            done = list(pool.map(read, batch))
            _put(store, [outcome.new for outcome in done if outcome.new is not None], recorder)
            for outcome in done:
                outcomes.update(_counts(outcome))
                told.update(outcome.notes)
                rejected.extend(outcome.rejected)
            on_studies(len(batch), archive.n_studies)
        n_torn = store.settle_splits()
    receipt = IngestReceipt(
        accepted=outcomes["accepted"],
        updated=outcomes["updated"],
        unchanged=outcomes["unchanged"],
        rejected=tuple(sorted(rejected, key=lambda r: (r.file, r.code))),
        ignored_columns=archive.ignored_columns,
        images=outcomes["images"],
        images_without_text=outcomes["images_without_text"],
        texts_without_image=outcomes["texts_without_image"],
        notes=(
            *archive.notes,
            *(f"{what}: {count}" for what, count in sorted(told.items())),
            *_notes(outcomes, n_torn),
        ),
        seconds=round(clock() - start, 3),
    )
    recorder.ingested(receipt, origin, erased=outcomes["erased"])
    return receipt


def _put(store: Store, batch: Sequence[NewStudy], recorder: Recorder) -> None:
    store.put(batch, record=lambda salts: recorder.ingesting(batch, salts))


def _read(
    source: SourceStudy,
    store: Store,
    settings: IngestSettings,
    origin: str,
    held: Held | None,
    splits: Mapping[str, str],
) -> _Outcome:
    """Decode one study, unless the home has it already. Runs in a thread: touches no database."""
    expanded = expand(source, settings)
    study_source, notes = _without_names(expanded)
    patient = _patient(source)
    shows_patient = _shows_patient(study_source)
    patient_key = store.pseudonym(patient)
    content = _content_digest(source, study_source)
    digest = _source_digest(content, patient_key)
    limited = _source_digest(content, patient_key, limit=settings.max_pixels)
    if held is not None and held.source_digest in (digest, limited):
        return _Outcome(
            known=True, rejected=held.rejected, shows_patient=shows_patient, notes=notes
        )
    if held is not None and held.archive != origin:
        refusal = Rejected(
            file=source.study_id,
            code="data.duplicate_study",
            reason="the home already holds a study of this id, from another folder and with "
            "other content; give one of the two another study_id",
        )
        return _Outcome(rejected=(refusal,))
    images, refused = [], list(expanded.rejected)
    for image in study_source.images:
        try:
            images.append(_read_image(image, store, settings))
        except DataError as error:
            # Named as the archive names it: where the archive lies is nobody's business.
            reason = str(error).replace(str(image.path), image.name)
            refused.append(Rejected(file=image.name, code=error.code, reason=reason))
    if refused and not images:
        return _Outcome(rejected=tuple(refused))
    study = Study(
        study_uid=source.study_id,
        patient_key=patient_key,
        images=tuple(images),
        sections=dict(study_source.sections),
        labels=source.labels,
        date=study_source.date,
        age=study_source.age,
        sex=study_source.sex,
        site=source.site,
        split=source.split or splits.get(patient_key) or assign_split(patient, settings),
        own_split=source.split is not None,
    )
    # A study that lost a picture to the limit is read again once the limit is another.
    lost = any(rejected.code == "data.too_large" for rejected in refused)
    again = Held(source_digest=limited if lost else digest, archive=origin, rejected=tuple(refused))
    return _Outcome(
        new=NewStudy(study=study, held=again, content_digest=content),
        known=held is not None,
        rejected=tuple(refused),
        shows_patient=shows_patient,
        notes=notes,
    )


def _without_names(expanded: Expanded) -> tuple[SourceStudy, Mapping[str, int]]:
    """The study without the names and ids of its headers in any text, and all there is to tell."""
    source, n_removed = expanded.source, 0
    if not source.names:
        return source, expanded.notes
    sections = {}
    for section, text in source.sections.items():
        sections[section], n = remove_names(text, source.names)
        n_removed += n
    images = []
    for image in source.images:
        caption, n = remove_names(image.caption or "", source.names)
        n_removed += n
        images.append(replace(image, caption=caption) if n else image)
    notes = dict(expanded.notes)
    if n_removed:
        notes["names and ids of the headers taken out of texts"] = n_removed
    return replace(source, sections=sections, images=tuple(images)), notes


def _read_image(image: SourceImage, store: Store, settings: IngestSettings) -> Image:
    pixels = read_pixels(
        image.path, max_pixels=settings.max_pixels, frame=image.frame, window=image.window
    )
    digest = pixel_digest(pixels)
    store.put_pixels(digest, pixels, thumbnail_px=settings.thumbnail_px)
    return Image(
        image_uid=image.name,
        digest=digest,
        dhash=difference_hash(pixels),
        caption=image.caption,
        view=image.view,
        modality=image.modality,
        laterality=image.laterality,
        stack=image.stack,
        window=image.window,
    )


def assign_split(patient: str, settings: IngestSettings) -> str:
    """Put a patient into a split by a digest of the id, the same in every home.

    The digest is not keyed, so that two homes of one archive agree; only the split is stored.
    """
    digest = hashlib.sha256(f"caselight-split:{patient}".encode()).digest()
    bucket = int.from_bytes(digest[:8], "big") % 100
    if bucket < settings.test_percent:
        return "test"
    return "val" if bucket < settings.test_percent + settings.val_percent else "train"


def _content_digest(source: SourceStudy, expanded: SourceStudy) -> str:
    """SHA-256 over all that is known of a study but whose it is, and over its files' bytes.

    Files count whatever they are called, the unread slices of a stack among them; pictures count
    in order, so that other settings make another content.

    Args:
        source: the study as the archive names it.
        expanded: the same with the pictures to read, and without names.
    """
    files = {image.path: _bytes_digest(image.path) for image in source.images}
    said = asdict(replace(expanded, patient_id=None, names=()))
    for image, plain in zip(expanded.images, said["images"], strict=True):
        plain["path"] = files[image.path]
    text = json.dumps([FORMAT, said, sorted(files.values())], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _source_digest(content: str, patient_key: str, *, limit: int | None = None) -> str:
    said = f"{content}:{patient_key}" if limit is None else f"{content}:{patient_key}:{limit}"
    return hashlib.sha256(said.encode()).hexdigest()


def _patient(source: SourceStudy) -> str:
    """The patient's id; a study without one is its own patient."""
    return source.patient_id or f"study:{source.study_id}"


def _shows_patient(source: SourceStudy) -> bool:
    """Whether the study's id, or a picture's path, has the patient's id as one of its words."""
    if not source.patient_id:
        return False
    word = re.compile(rf"(?<![A-Za-z0-9]){re.escape(source.patient_id)}(?![A-Za-z0-9])")
    return any(word.search(i) for i in (source.study_id, *(image.name for image in source.images)))


def _bytes_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"


def _counts(outcome: _Outcome) -> dict[str, int]:
    shown = {"shown_patients": int(outcome.shows_patient)}
    if outcome.new is None:
        return {**shown, "unchanged": int(outcome.known), "erased": int(outcome.erased)}
    study = outcome.new.study
    return {
        **shown,
        "updated" if outcome.known else "accepted": 1,
        "images": len(study.images),
        "images_without_text": sum(pair_text(study, i, "auto") is None for i in study.images),
        "texts_without_image": int(not study.images and pair_text(study, None, "auto") is not None),
    }


def _notes(outcomes: Counter[str], n_torn: int) -> Iterator[str]:
    if n_torn:
        yield (
            f"{n_torn} patients have studies in two splits, by the archive's own word; give every "
            "patient one split, or scores on the later one are too high"
        )
    if outcomes["erased"]:
        # Only how many: a receipt that names them would bring back what was erased.
        yield (
            f"{outcomes['erased']} studies of erased patients were left out; take them out of the "
            "archive too, or see `caselight erase --readmit`"
        )
    if outcomes["shown_patients"]:
        yield (
            f"the study id or a picture's path contains the patient's id in "
            f"{outcomes['shown_patients']} studies, and both are shown in answers; use ids and "
            "file names of their own to avoid that"
        )


def _batches(studies: Iterable[SourceStudy], size: int) -> Iterator[list[SourceStudy]]:
    iterator = iter(studies)
    while batch := list(islice(iterator, size)):
        yield batch
