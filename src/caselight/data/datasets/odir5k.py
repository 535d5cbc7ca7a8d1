"""ODIR-5K: fundus photographs of both eyes of a patient, with a doctor's keywords for each eye.

Layout (version "xlsx"): `ODIR-5K_Training_Annotations(Updated)_V2.xlsx` or `data.xlsx`, one row a
patient, and `0_left.jpg`, `0_right.jpg` in `Training Images/` or `ODIR-5K_Training_Dataset/`.
Version "kaggle": `full_df.csv`, one row an eye, with the same columns and the picture's name.

A patient is a study; each eye's keywords are the caption of its picture and its side the
laterality; the eight letters of the patient are the labels, spelled out. The challenge's test
pictures have no public labels and are not read.

No official split of what is labelled: ours, by patient.

Source: odir2019.grand-challenge.org, and the columns that public loaders read.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from caselight.data.columns import read_sex, read_text
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
from caselight.data.datasets.safe_xml import sheet_rows
from caselight.data.datasets.tables import Cells, WrongCellError, cell
from caselight.data.spool import Row
from caselight.errors import DataError

LABELS = {
    "N": "normal",
    "D": "diabetes",
    "G": "glaucoma",
    "C": "cataract",
    "A": "age-related macular degeneration",
    "H": "hypertension",
    "M": "pathological myopia",
    "O": "other",
}
_SHEETS = ("ODIR-5K_Training_Annotations(Updated)_V2.xlsx", "data.xlsx")
_TABLE = "full_df.csv"
_FOLDERS = (
    "Training Images/",
    "ODIR-5K_Training_Dataset/",
    "ODIR-5K_Training_Images/",
    "ODIR-5K/ODIR-5K/Training Images/",
    "ODIR-5K/Training Images/",
    "preprocessed_images/",
)
_NEEDS = (
    "ID",
    "Patient Age",
    "Patient Sex",
    "Left-Fundus",
    "Right-Fundus",
    "Left-Diagnostic Keywords",
    "Right-Diagnostic Keywords",
    *LABELS,
)
_ID = re.compile(r"\d{1,5}")
_IMAGE = re.compile(r"\d{1,5}_(?:left|right)\.jpg")
_EYES = {"left": ("Left", "L"), "right": ("Right", "R")}


def _locate(path: Path) -> Place | None:
    below = ("ODIR-5K", "ODIR-5K/ODIR-5K")
    root = root_with(path, (_TABLE,))
    if root is not None and "Left-Fundus" in first_lines(root / _TABLE)[0]:
        return Place(root=root, version="kaggle")
    root = root_with(path, _SHEETS[:1], below=below)
    if root is None:
        # A name as plain as data.xlsx counts only beside the pictures.
        root = root_with(path, _SHEETS[1:], below=below)
        if root is None or not any((root / folder).is_dir() for folder in _FOLDERS):
            return None
    return Place(root=root, version="xlsx")


def _layout(version: str) -> tuple[Piece, ...]:
    table = _SHEETS if version == "xlsx" else (_TABLE,)
    return (
        Piece(names=table, why="names every patient, both pictures, keywords and labels"),
        Piece(names=_FOLDERS, why="the training pictures"),
    )


def _read(source: Source) -> Iterator[Row]:
    table = source.piece(_SHEETS[0] if source.version == "xlsx" else _TABLE)
    if table is None:
        return
    if source.version == "xlsx":
        rows = _sheet(source, table)
    else:
        rows = source.table(table, (*_NEEDS, "filename"))
    yield from source.each(rows, partial(_rows, source))


def _sheet(source: Source, path: Path) -> Iterator[tuple[str, Cells]]:
    name = path.relative_to(source.root).as_posix()
    for number, cells in sheet_rows(path):
        source.n_rows += 1
        missing = [column for column in _NEEDS if column not in cells]
        if missing:
            raise DataError(
                f"{name} lacks {', '.join(missing)}; it is not the dataset's own table",
                code="data.missing_column",
            )
        yield f"{name}:{number}", cells


def _rows(source: Source, place: str, cells: Cells) -> Iterable[Row]:
    patient = matching("ID", cells, _ID, "a number")
    fields = known(
        labels=_labels(cells),
        age=some_age(source, cells, "Patient Age"),
        sex=cell(cells, "Patient Sex", read_sex),
    )
    source.tell_split(f"odir-{patient}", None, patient=f"odir5k:{patient}")
    # On Kaggle each eye has its row; a patient's other eye may have been dropped.
    only = (cells.get("filename") or "").strip()
    for side, (prefix, laterality) in _EYES.items():
        column = f"{prefix}-Fundus"
        image = matching(column, cells, _IMAGE, f"a picture's name such as 0_{side}.jpg")
        if only and only != image:
            continue
        picture = source.picture(
            place,
            [f"{folder}{image}" for folder in _FOLDERS],
            folder=_FOLDERS[0],
            modality="OP",
            laterality=laterality,
            caption=_keywords(cells, f"{prefix}-Diagnostic Keywords"),
        )
        if picture is not None:
            yield Row(
                place=place,
                study_id=f"odir-{patient}",
                patient_id=f"odir5k:{patient}",
                fields=fields,
                **picture,
            )


def _keywords(cells: Cells, column: str) -> str | None:
    # Most cells separate keywords by a full-width comma.
    text = (cell(cells, column, read_text) or "").replace("\N{FULLWIDTH COMMA}", ", ")
    parts = (" ".join(part.split()) for part in text.split(","))
    return ", ".join(part for part in parts if part) or None


def _labels(cells: Cells) -> tuple[str, ...]:
    found = []
    for letter, label in LABELS.items():
        value = cells[letter].strip().removesuffix(".0")
        if value not in ("0", "1"):
            raise WrongCellError(
                f"column {letter} was expected to hold 0 or 1; copy the table again from its source"
            )
        if value == "1":
            found.append(label)
    return tuple(found)


DATASET = Dataset(
    name="odir5k",
    title="ODIR-5K",
    url="https://odir2019.grand-challenge.org/",
    terms="for research, as the challenge of Peking University states",
    versions=("xlsx", "kaggle"),
    split="none official of what is labelled: ours, by patient",
    locate=_locate,
    layout=_layout,
    read=_read,
    # 3,500 patients for training, both eyes; Kaggle's table has 6,392 rows.
    expected={
        "xlsx": Counts(studies=3_500, images=7_000),
        "kaggle": Counts(images=6_392),
    },
)
