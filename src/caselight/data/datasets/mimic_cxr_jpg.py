"""MIMIC-CXR-JPG 2.0.0 and 2.1.0: chest radiographs, with the reports of MIMIC-CXR beside them.

Layout: `files/p10/p10000001/s50000001/DICOM_ID.jpg`, the tables `mimic-cxr-2.0.0-*.csv.gz` (2.1.0
keeps these names), and for reports the unpacked `mimic-cxr-reports.zip` of MIMIC-CXR:
`files/p10/p10000001/s50000001.txt`, in this folder or in `mimic-cxr-reports/` within it.

Labels are CheXpert's, NegBio's where there is no CheXpert table; in 2.1.0 the studies of the
hand-labelled test set have those labels instead. Split: the official one, `validate` being val.

Source: physionet.org/content/mimic-cxr-jpg, 2.0.0 and 2.1.0. Not verified: the columns of
`mimic-cxr-2.1.0-test-set-labeled.csv` beyond study_id; those named as in `chexpert_labels` are
read, and "Airspace Opacity" as "Lung Opacity".
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from caselight.data.columns import read_split, read_text
from caselight.data.datasets.chexpert_labels import finding_labels
from caselight.data.datasets.common import (
    Counts,
    Dataset,
    Piece,
    Place,
    Source,
    known,
    matching,
    root_with,
    some_date,
)
from caselight.data.datasets.mimic_sections import mimic_sections
from caselight.data.datasets.tables import Cells, Lookup, cell
from caselight.data.spool import Row

_METADATA = "mimic-cxr-2.0.0-metadata.csv.gz"
_SPLIT = "mimic-cxr-2.0.0-split.csv.gz"
_CHEXPERT = "mimic-cxr-2.0.0-chexpert.csv.gz"
_NEGBIO = "mimic-cxr-2.0.0-negbio.csv.gz"
_TEST = "mimic-cxr-2.1.0-test-set-labeled.csv"
_REPORTS = "mimic-cxr-reports/"
_IMAGE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
_SUBJECT = re.compile(r"1\d{7}")
_STUDY = re.compile(r"5\d{7}")


def _locate(path: Path) -> Place | None:
    root = root_with(path, _names(_METADATA), below=("mimic-cxr-jpg", "2.1.0", "2.0.0"))
    if root is None:
        return None
    newer = root_with(root, _names(_TEST)) is not None or root.name == "2.1.0"
    return Place(root=root, version="2.1.0" if newer else "2.0.0")


def _names(table: str) -> tuple[str, ...]:
    """The official name, and the same unpacked or packed."""
    return (table, table.removesuffix(".gz") if table.endswith(".gz") else f"{table}.gz")


def _layout(version: str) -> tuple[Piece, ...]:
    pieces = (
        Piece(names=_names(_METADATA), why="names every image, its study and its view"),
        Piece(names=_names(_SPLIT), why="the official split"),
        Piece(names=("files/",), why="the images"),
        Piece(names=_names(_CHEXPERT), why="labels of the CheXpert labeller", needed=False),
        Piece(
            names=_names(_NEGBIO),
            why="labels of NegBio, read where CheXpert's are missing",
            needed=False,
        ),
        Piece(
            names=(_REPORTS,),
            why="the reports, from MIMIC-CXR; they may also lie beside the images",
            needed=False,
        ),
    )
    if version == "2.0.0":
        return pieces
    return (*pieces, Piece(names=_names(_TEST), why="test labels by hand", needed=False))


def _read(source: Source) -> Iterator[Row]:
    splits, labels, told = Lookup(), Lookup(), Lookup()
    if (split := source.piece(_SPLIT)) is not None:
        _read_splits(source, split, splits)
    # Labels by hand first: the first to name a study is kept.
    for name in (_TEST, _CHEXPERT, _NEGBIO):
        if name == _TEST and source.version == "2.0.0":
            continue
        table = source.piece(name)
        if table is None or (name == _NEGBIO and source.piece(_CHEXPERT) is not None):
            continue
        _read_labels(source, table, labels)
    metadata = source.piece(_METADATA)
    if metadata is not None:
        needs = ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate")
        build = partial(_row, source, splits, labels, told)
        yield from source.each(source.table(metadata, needs), build)
    for lookup in (splits, labels, told):
        lookup.close()


def _read_splits(source: Source, path: Path, splits: Lookup) -> None:
    def keep(_: str, cells: Cells) -> Iterable[Row]:
        image = matching("dicom_id", cells, _IMAGE, "a dicom_id")
        text = (cells["split"] or "").strip()
        split = cell({"split": "val" if text == "validate" else text}, "split", read_split)
        if split is not None:
            splits.put(image, split)
            source.tell_split(image, split, patient=cells["subject_id"])
        return ()

    needs = ("dicom_id", "study_id", "subject_id", "split")
    for _ in source.each(source.table(path, needs, counted=False), keep):
        pass


def _read_labels(source: Source, path: Path, labels: Lookup) -> None:
    def keep(_: str, cells: Cells) -> Iterable[Row]:
        study = matching("study_id", cells, _STUDY, "a study number such as 50000001")
        if "Lung Opacity" not in cells and "Airspace Opacity" in cells:
            cells = {**cells, "Lung Opacity": cells["Airspace Opacity"]}
        labels.put(study, json.dumps(finding_labels(cells)))
        return ()

    for _ in source.each(source.table(path, ("study_id",), counted=False), keep):
        pass


def _row(
    source: Source, splits: Lookup, labels: Lookup, told: Lookup, place: str, cells: Cells
) -> Iterable[Row]:
    image = matching("dicom_id", cells, _IMAGE, "a dicom_id")
    subject = matching("subject_id", cells, _SUBJECT, "a subject number such as 10000001")
    study = matching("study_id", cells, _STUDY, "a study number such as 50000001")
    folder = f"files/p{subject[:2]}/p{subject}"
    picture = source.picture(
        place,
        [f"{folder}/s{study}/{image}.jpg"],
        folder=f"files/p{subject[:2]}",
        view=cell(cells, "ViewPosition", read_text),
        modality="DX",
    )
    if picture is None:
        return
    split = splits.get(image)
    if split is None:
        source.note("images without a split in the official table, given one by patient")
    sections: dict[str, str] = {}
    if told.put(study):
        sections = _sections(source, f"{folder}/s{study}.txt", study=f"s{study}")
    fields = known(
        labels=tuple(json.loads(labels.get(study) or "[]")),
        date=some_date(source, cells, "StudyDate"),
        split=split,
        **sections,
    )
    yield Row(
        place=place,
        study_id=f"s{study}",
        patient_id=f"mimic:{subject}",
        fields=fields,
        **picture,
    )


def _sections(source: Source, name: str, *, study: str) -> dict[str, str]:
    text = source.text((name, f"{_REPORTS}{name}", f"mimic-cxr/{name}"))
    if text is None:
        source.note("studies without a report in this copy")
        return {}
    return mimic_sections(text, study=study)


DATASET = Dataset(
    name="mimic-cxr-jpg",
    title="MIMIC-CXR-JPG",
    url="https://physionet.org/content/mimic-cxr-jpg/",
    terms="PhysioNet Credentialed Health Data License; credentials, training and agreement needed",
    versions=("2.0.0", "2.1.0"),
    split="official, by patient (validate is val)",
    locate=_locate,
    layout=_layout,
    read=_read,
    expected={
        "2.0.0": Counts(studies=227_827, images=377_110),
        "2.1.0": Counts(studies=227_827, images=377_110),
    },
)
