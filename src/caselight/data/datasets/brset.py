"""BRSET: fundus photographs of Brazil, two eyes of most patients, labelled by an ophthalmologist.

Layout: `labels_brset.csv` (1.0.0 calls it `labels.csv`) and `fundus_photos/img00001.jpg`. Each
picture is a study of its own, since labels are by picture and there is no visit. `exam_eye` is 1
for the right eye and 2 for the left; `patient_sex` is 1 for male and 2 for female. A disease marked
1 becomes a label, its name with blanks; a picture without any is labelled "normal". The grade of
`DR_ICDR` above 0 becomes "ICDR 1" to "ICDR 4". The camera stands as the site, since nothing else
says where a picture comes from. There are no reports.

No official split: ours, by patient.

Source: physionet.org/content/brazilian-ophthalmological, 1.0.0 and 1.0.1, and the columns that
public loaders read.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from caselight.data.columns import read_text
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
from caselight.data.datasets.tables import Cells, WrongCellError, cell
from caselight.data.spool import Row

DISEASES = (
    "diabetic_retinopathy",
    "macular_edema",
    "scar",
    "nevus",
    "amd",
    "vascular_occlusion",
    "hypertensive_retinopathy",
    "drusens",
    "hemorrhage",
    "retinal_detachment",
    "myopic_fundus",
    "increased_cup_disc",
    "other",
)
_TABLES = {"1.0.1": "labels_brset.csv", "1.0.0": "labels.csv"}
_IMAGE = re.compile(r"(img\d{5})(?:\.jpg)?")
_PATIENT = re.compile(r"(\d{1,6})(?:\.0)?")
_PHOTOS = "fundus_photos/"


def _locate(path: Path) -> Place | None:
    for version, name in _TABLES.items():
        root = root_with(path, (name,), below=("brset", "BRSET", "1.0.1", "1.0.0"))
        if root is None:
            continue
        header, _ = first_lines(root / name)
        if "exam_eye" in header and "DR_ICDR" in header:
            return Place(root=root, version=version)
    return None


def _layout(version: str) -> tuple[Piece, ...]:
    return (
        Piece(names=(_TABLES[version],), why="names every picture, its eye, patient and labels"),
        Piece(names=(_PHOTOS,), why="the pictures"),
    )


def _read(source: Source) -> Iterator[Row]:
    table = source.piece(_TABLES[source.version])
    if table is not None:
        needs = ("image_id", "patient_id", "patient_sex", "exam_eye", "DR_ICDR", *DISEASES)
        yield from source.each(source.table(table, needs), partial(_row, source))


def _row(source: Source, place: str, cells: Cells) -> Iterable[Row]:
    name = matching("image_id", cells, _IMAGE, "a picture's name such as img00001")
    image = name.removesuffix(".jpg")
    patient = matching("patient_id", cells, _PATIENT, "a number").removesuffix(".0")
    fields = known(
        labels=_labels(cells),
        age=some_age(source, cells, "patient_age"),
        sex=_coded(cells, "patient_sex", {"1": "M", "2": "F"}),
        site=cell(cells, "camera", read_text),
    )
    source.tell_split(image, None, patient=f"brset:{patient}")
    picture = source.picture(
        place,
        [f"{_PHOTOS}{image}.jpg"],
        folder=_PHOTOS,
        modality="OP",
        laterality=_coded(cells, "exam_eye", {"1": "R", "2": "L"}),
    )
    if picture is None:
        return
    yield Row(place=place, study_id=image, patient_id=f"brset:{patient}", fields=fields, **picture)


def _labels(cells: Cells) -> tuple[str, ...]:
    found = [
        disease.replace("_", " ")
        for disease in DISEASES
        if _coded(cells, disease, {"0": "", "1": disease})
    ]
    grade = _coded(cells, "DR_ICDR", {str(n): f"ICDR {n}" if n else "" for n in range(5)})
    return tuple([*found, grade] if grade else found) or ("normal",)


def _coded(cells: Cells, column: str, codes: dict[str, str]) -> str | None:
    """What a number stands for; None where the cell is empty.

    Raises:
        WrongCellError: for a number that stands for nothing.
    """
    text = (cells[column] or "").strip().removesuffix(".0")
    if text.casefold() in ("", "nan"):
        return None
    if text not in codes:
        raise WrongCellError(
            f"column {column} was expected to hold {' or '.join(codes)}; copy the table again from "
            "its source"
        )
    return codes[text]


DATASET = Dataset(
    name="brset",
    title="BRSET",
    url="https://physionet.org/content/brazilian-ophthalmological/",
    terms="PhysioNet Credentialed Health Data License; credentials, training and agreement needed",
    versions=("1.0.1", "1.0.0"),
    split="none official: ours, by patient",
    locate=_locate,
    layout=_layout,
    read=_read,
    expected={
        "1.0.1": Counts(studies=16_266, images=16_266),
        "1.0.0": Counts(studies=16_266, images=16_266),
    },
)
