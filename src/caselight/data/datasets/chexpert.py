"""CheXpert 1.0, full size and small: chest radiographs of Stanford, reports through CheXpert Plus.

Layout: `train.csv`, `valid.csv` and the pictures they name, each path beginning with the name of
the folder (`CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg`). The test set, given
out later, is read where `test.csv`, `test_labels.csv` or `groundtruth.csv` names its pictures.
`df_chexpert_plus_240401.csv`, beside the tables, adds the reports of CheXpert Plus by path.

Split: official (valid is val); copies without the test set have none.

Source: Irvin et al., AAAI 2019, and the columns that public loaders of 1.0 read; the 27 columns of
CheXpert Plus as its table schema lists them. Not verified: the test set's file names.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from caselight.data.columns import read_sex, read_text
from caselight.data.datasets.chexpert_labels import finding_labels
from caselight.data.datasets.common import (
    Counts,
    Dataset,
    Piece,
    Place,
    Source,
    first_lines,
    known,
    matching,
    root_with,
    some_age,
)
from caselight.data.datasets.tables import Cells, Lookup, cell
from caselight.data.spool import Row

_PLUS = "df_chexpert_plus_240401.csv"
_TEST = ("test.csv", "test_labels.csv", "groundtruth.csv")
_FOLDERS = ("CheXpert-v1.0-small", "CheXpert-v1.0", "chexpert")
_PATH = re.compile(
    r"(?:[\w .-]+/)*?((train|valid|test)/(patient\d{5,6})/(study\d{1,3})/view\d{1,2}_\w+)\.\w{3,4}"
)
_SPLITS = {"train": "train", "valid": "val", "test": "test"}
_SECTIONS = {
    "findings": ("section_findings",),
    "impression": ("section_impression",),
    "indication": ("section_clinical_history", "section_history"),
    "comparison": ("section_comparison",),
    "technique": ("section_technique", "section_procedure_comments"),
    "notes": ("section_narrative", "section_summary"),
}
"""Section to the columns of CheXpert Plus that may hold it; the first that is filled counts."""


def _locate(path: Path) -> Place | None:
    root = root_with(path, ("train.csv", "valid.csv"), below=_FOLDERS)
    if root is None:
        return None
    table = root / "train.csv" if (root / "train.csv").is_file() else root / "valid.csv"
    header, first = first_lines(table)
    if not header.startswith("Path,Sex,Age,Frontal/Lateral,AP/PA"):
        return None
    small = "-small/" in first or root.name.endswith("-small")
    return Place(root=root, version="1.0-small" if small else "1.0")


def _layout(_: str) -> tuple[Piece, ...]:
    return (
        Piece(names=("train.csv",), why="names the training images and their labels"),
        Piece(names=("train/",), why="the training images"),
        Piece(names=("valid.csv",), why="names the validation images", needed=False),
        Piece(names=("valid/",), why="the validation images", needed=False),
        Piece(names=_TEST, why="names the test images, given out later", needed=False),
        Piece(names=(_PLUS,), why="the reports, from CheXpert Plus", needed=False),
    )


def _read(source: Source) -> Iterator[Row]:
    reports = Lookup()
    if (plus := source.piece(_PLUS)) is not None:
        _read_reports(source, plus, reports)
    needs = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
    for name in ("train.csv", "valid.csv", "test.csv"):
        table = source.piece(name)
        if table is not None:
            columns = needs if name != "test.csv" else ("Path",)
            rows = source.table(table, columns)
            yield from source.each(rows, partial(_row, source, reports))
    reports.close()


def _read_reports(source: Source, path: Path, reports: Lookup) -> None:
    def keep(_: str, cells: Cells) -> Iterable[Row]:
        stem = _parts(cells, "path_to_image")[0]
        found = {}
        for section, columns in _SECTIONS.items():
            words = [cell(cells, column, read_text) for column in columns]
            text = next((one for one in words if one), None)
            if text is not None:
                found[section] = " ".join(text.split())
        reports.put(stem, json.dumps(found))
        return ()

    for _ in source.each(source.table(path, ("path_to_image",), counted=False), keep):
        pass


def _row(source: Source, reports: Lookup, place: str, cells: Cells) -> Iterable[Row]:
    stem, part, patient, study = _parts(cells, "Path")
    suffix = cells["Path"].strip().rsplit(".", 1)[1]
    sex, age, labels = (
        cell(cells, "Sex", read_sex),
        some_age(source, cells, "Age"),
        finding_labels(cells),
    )
    source.tell_split(f"{stem}.{suffix}", _SPLITS[part], patient=patient)
    picture = source.picture(
        place,
        [f"{stem}.{suffix}"],
        folder=part,
        view=_view(cells),
        modality="DX",
    )
    if picture is None:
        return
    fields = known(
        labels=labels,
        sex=sex,
        age=age,
        split=_SPLITS[part],
        **json.loads(reports.get(stem) or "{}"),
    )
    yield Row(
        place=place,
        study_id=f"{patient}/{study}",
        patient_id=f"chexpert:{patient}",
        fields=fields,
        **picture,
    )


def _parts(cells: Cells, column: str) -> tuple[str, str, str, str]:
    """Path below the root without its suffix, its part, the patient and the study."""
    text = matching(
        column, cells, _PATH, "a path such as train/patient00001/study1/view1_frontal.jpg"
    )
    found = _PATH.fullmatch(text)
    assert found is not None  # noqa: S101 (matching says so)
    stem, part, patient, study = found.groups()
    return stem, part, patient, study


def _view(cells: Cells) -> str | None:
    side, beam = (
        (cells.get("Frontal/Lateral") or "").strip().upper(),
        cell(cells, "AP/PA", read_text),
    )
    return side or None if side == "LATERAL" or beam is None else beam


DATASET = Dataset(
    name="chexpert",
    title="CheXpert",
    url="https://stanfordmlgroup.github.io/competitions/chexpert/",
    terms="Stanford University Dataset Research Use Agreement; no commercial use, no sharing",
    versions=("1.0", "1.0-small"),
    split="official, by patient (valid is val)",
    locate=_locate,
    layout=_layout,
    read=_read,
    # Without the test set, which came later: 223,414 rows of train.csv and 234 of valid.csv.
    expected={
        "1.0": Counts(images=223_648),
        "1.0-small": Counts(images=223_648),
    },
)
