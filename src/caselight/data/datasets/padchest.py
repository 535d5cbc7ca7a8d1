"""PadChest: chest radiographs of San Juan Hospital, Alicante, with reports in Spanish.

Layout: `PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv` (or the same in gzip) and the
unpacked archives `0.zip` to `54.zip`: each picture in the folder that its column ImageDir names,
in `images/`, or beside the table. Pictures are PNG with 16 bits, and are kept so.

The report, which has no headings, becomes the findings, in Spanish as it stands. Labels are a
Python list in a cell; blanks around a label and empty labels are dropped. Age is the year of the
study less the year of birth. Rows whose Projection is EXCLUDE are left out and counted.

No official split: ours, by patient.

Source: bimcv.cipf.es/bimcv-projects/padchest and Bustos et al., Medical Image Analysis 2020. Not
verified: which archive numbers exist, and whether pictures whose PhotometricInterpretation_DICOM
is MONOCHROME1 were inverted before they were given out; they are counted in a note and not turned.
"""

import ast
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
    known,
    matching,
    root_with,
    some_date,
)
from caselight.data.datasets.tables import Cells, WrongCellError, cell
from caselight.data.spool import Row

_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
_IMAGE = re.compile(r"[\w.-]{1,160}\.png")
_FOLDER = re.compile(r"\d{1,2}")
_ID = re.compile(r"[\w.-]{1,80}")
_YEAR = re.compile(r"(\d{4})(?:\.0)?")
_MAX_LABELS = 20_000
"""Characters of a cell of labels, so that no cell is a bomb."""


def _locate(path: Path) -> Place | None:
    root = root_with(path, (_TABLE, f"{_TABLE}.gz"), below=("PadChest", "padchest"))
    return None if root is None else Place(root=root, version="2019-02-01")


def _layout(_: str) -> tuple[Piece, ...]:
    return (
        Piece(
            names=(_TABLE, f"{_TABLE}.gz"), why="names every image, its patient, report and labels"
        ),
    )


def _read(source: Source) -> Iterator[Row]:
    needs = (
        "ImageID",
        "ImageDir",
        "StudyDate_DICOM",
        "StudyID",
        "PatientID",
        "PatientBirth",
        "PatientSex_DICOM",
        "Projection",
        "Report",
        "Labels",
    )
    table = source.piece(_TABLE)
    if table is not None:
        yield from source.each(source.table(table, needs), partial(_row, source))


def _row(source: Source, place: str, cells: Cells) -> Iterable[Row]:
    image = matching("ImageID", cells, _IMAGE, "the name of a PNG")
    folder = matching("ImageDir", cells, _FOLDER, "a number from 0 to 54")
    patient = matching("PatientID", cells, _ID, "a patient's number")
    study = matching("StudyID", cells, _ID, "a study's number")
    view = cell(cells, "Projection", read_text)
    labels = _labels(cells["Labels"])
    date = some_date(source, cells, "StudyDate_DICOM")
    fields = known(
        labels=labels,
        date=date,
        age=_age(source, date, cells),
        sex=cell(cells, "PatientSex_DICOM", read_sex),
        findings=_report(cells),
    )
    source.tell_split(study, None, patient=f"padchest:{patient}")
    if view == "EXCLUDE":
        source.note("images left out because their Projection is EXCLUDE")
        return
    if (cells.get("PhotometricInterpretation_DICOM") or "").strip() == "MONOCHROME1":
        source.note("images that were MONOCHROME1 in DICOM, taken as they are")
    picture = source.picture(
        place,
        [f"{folder}/{image}", f"images/{folder}/{image}", f"images/{image}", image],
        folder=folder,
        view=view,
        modality=cell(cells, "Modality_DICOM", read_text),
    )
    if picture is None:
        return
    yield Row(
        place=place, study_id=study, patient_id=f"padchest:{patient}", fields=fields, **picture
    )


def _labels(text: str) -> tuple[str, ...]:
    wrong = WrongCellError(
        "column Labels was expected to hold a list of words in brackets; copy the table again from "
        "its source"
    )
    text = text.strip()
    if text.casefold() in ("", "nan"):
        return ()
    if len(text) > _MAX_LABELS:
        raise wrong
    try:
        # Reads constants and lists alone; nothing of the cell is run.
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise wrong from None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise wrong
    return tuple(dict.fromkeys(one.strip() for one in found if one.strip()))


def _report(cells: Cells) -> str | None:
    text = cell(cells, "Report", read_text)
    return None if text is None else " ".join(text.split())


def _age(source: Source, date: str | None, cells: Cells) -> int | None:
    birth = (cells.get("PatientBirth") or "").strip()
    if birth.casefold() in ("", "nan") or date is None:
        return None
    found = _YEAR.fullmatch(birth)
    if found is None:
        raise WrongCellError(
            "column PatientBirth was expected to hold a year; copy the table again from its source"
        )
    years = int(date[:4]) - int(found.group(1))
    if not 0 <= years <= 130:
        source.note("ages left out because they lie outside of 0 to 130")
        return None
    return years


DATASET = Dataset(
    name="padchest",
    title="PadChest",
    url="https://bimcv.cipf.es/bimcv-projects/padchest/",
    terms="PadChest Dataset Research Use Agreement, on request; reports in Spanish",
    versions=("2019-02-01",),
    split="none official: ours, by patient",
    locate=_locate,
    layout=_layout,
    read=_read,
    # Bustos et al.: 160,868 images of 109,931 studies of 67,625 patients.
    expected={"2019-02-01": Counts(studies=109_931, images=160_868)},
)
