"""NIH ChestX-ray14: frontal chest radiographs with fourteen findings mined from reports.

Layout: `Data_Entry_2017_v2020.csv` (or the first release's `Data_Entry_2017.csv`),
`train_val_list.txt`, `test_list.txt`, and the pictures in `images_001/images/` to
`images_012/images/`, or all in `images/`. Each picture is a study of its own, since the table has
no other. Labels are the words between "|"; "No Finding" is one of them.

Split: test is official; val is ours, a tenth of the patients of the train_val list, drawn by a
digest of the patient's number, so that every copy draws the same.

Source: nihcc.app.box.com/v/ChestXray-NIHCC (README_ChestXray.pdf, the two tables). Some copies
call the column "Patient Sex" instead of "Patient Gender"; both are read. Ages above 130, which the
first release has, are left out and counted.
"""

import hashlib
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
    some_age,
)
from caselight.data.datasets.tables import Cells, Lookup, WrongCellError, cell, read_lines
from caselight.data.spool import Row

_TABLES = {"2020": "Data_Entry_2017_v2020.csv", "2017": "Data_Entry_2017.csv"}
_TRAIN_VAL, _TEST = "train_val_list.txt", "test_list.txt"
_PARTS = tuple(f"images_{n:03d}" for n in range(1, 13))
_IMAGE = re.compile(r"\d{8}_\d{3}\.png")
_PATIENT = re.compile(r"\d{1,8}")
VAL_PERCENT = 10


def _locate(path: Path) -> Place | None:
    for version, table in _TABLES.items():
        root = root_with(path, (table,), below=("CXR8", "nih", "ChestXray-NIHCC"))
        if root is not None:
            return Place(root=root, version=version)
    return None


def _layout(version: str) -> tuple[Piece, ...]:
    return (
        Piece(names=(_TABLES[version],), why="names every image, its patient and its labels"),
        Piece(names=(_TRAIN_VAL,), why="the official split: training and validation"),
        Piece(names=(_TEST,), why="the official split: test"),
        *(
            # All pictures in one folder is how the archives unpack by themselves.
            Piece(names=(f"{part}/", "images/"), why="a twelfth of the images", needed=False)
            for part in _PARTS
        ),
    )


def _read(source: Source) -> Iterator[Row]:
    splits = Lookup()
    for name, split in ((_TRAIN_VAL, "train"), (_TEST, "test")):
        path = source.piece(name)
        if path is None:
            continue
        for number, line in read_lines(path):
            image = line.strip()
            if _IMAGE.fullmatch(image) is None:
                source.refuse(
                    f"{name}:{number}",
                    "the line is no image's name such as 00000001_000.png; copy the list again",
                )
            elif not splits.put(image, split):
                source.refuse(
                    f"{name}:{number}",
                    "the image stands in the official lists twice; copy both lists again",
                )
    table = source.piece(_TABLES[source.version])
    if table is not None:
        folders = ["", *(f"{part}/" for part in _PARTS)]
        needs = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "View Position")
        yield from source.each(source.table(table, needs), partial(_row, source, splits, folders))
    splits.close()


def _row(
    source: Source, splits: Lookup, folders: list[str], place: str, cells: Cells
) -> Iterable[Row]:
    image = matching("Image Index", cells, _IMAGE, "an image's name such as 00000001_000.png")
    patient = matching("Patient ID", cells, _PATIENT, "a number")
    sex = "Patient Sex" if "Patient Sex" in cells else "Patient Gender"
    fields = known(
        labels=_labels(cells),
        sex=cell(cells, sex, read_sex),
        age=some_age(source, cells, "Patient Age"),
        split=_split(splits.get(image), patient),
    )
    if "split" not in fields:
        source.note("images in neither official list, given a split by patient")
    source.tell_split(image, fields.get("split"), patient=f"nih:{patient}")
    picture = source.picture(
        place,
        [f"{folder}images/{image}" for folder in folders],
        # The official parts are filled in order of name, but where each ends is not written.
        folder="images",
        view=cell(cells, "View Position", read_text),
        modality="DX",
    )
    if picture is None:
        return
    # Neighbours in the table share a folder: look there first next time.
    folder = picture["image"].name.removesuffix(f"images/{image}")
    folders.remove(folder)
    folders.insert(0, folder)
    yield Row(
        place=place,
        study_id=image.removesuffix(".png"),
        patient_id=f"nih:{patient}",
        fields=fields,
        **picture,
    )


def _labels(cells: Cells) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(word.strip() for word in cells["Finding Labels"].split("|")))
    if not all(labels):
        raise WrongCellError(
            'column Finding Labels was expected to hold findings separated by "|"; copy the table '
            "again from its source"
        )
    return labels


def _split(official: str | None, patient: str) -> str | None:
    if official != "train":
        return official
    digest = hashlib.sha256(f"caselight-split:nih:{patient}".encode()).digest()
    return "val" if int.from_bytes(digest[:8], "big") % 100 < VAL_PERCENT else "train"


DATASET = Dataset(
    name="nih-chestxray14",
    title="NIH ChestX-ray14",
    url="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    terms="no restriction on use; name the NIH Clinical Center and cite Wang et al., CVPR 2017",
    versions=("2020", "2017"),
    split="test official; val ours, a tenth of the other patients",
    locate=_locate,
    layout=_layout,
    read=_read,
    expected={
        "2020": Counts(studies=112_120, images=112_120),
        "2017": Counts(studies=112_120, images=112_120),
    },
)
