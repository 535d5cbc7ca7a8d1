"""ROCO and ROCOv2: radiology figures of open-access articles, each with its caption.

ROCO (version "1"): `train/`, `validation/` and `test/`, each with `radiology/captions.txt` (name,
tab, caption), `radiology/licences.txt` and `radiology/images/ROCO_00002.jpg`, which a script of the
repository downloads. ROCOv2 (version "2"): `train_captions.csv`, `valid_captions.csv` and
`test_captions.csv` (ID, Caption), the pictures of `train_images.zip` and so on, the concepts of
`train_concepts.csv` (ID, CUIs) as labels, and `cui_mapping.csv` for their names.

Each figure is a study of its own with its caption; its patient is not known. Split: official, by
figure: two figures of one article, and so of one patient, may sit in two splits. Each figure has
its article's own licence: see licences.txt or license_information.csv before showing one.

Source: github.com/razorx89/roco-dataset; doi.org/10.5281/zenodo.10821435 and Rückert et al.,
Scientific Data 2024. Not verified: ROCO's numbers after its downloads, so none are given.
"""

import json
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
    known,
    matching,
    root_with,
)
from caselight.data.datasets.tables import Cells, Lookup, WrongCellError, cell, read_lines
from caselight.data.spool import Row

_PARTS = {"1": ("train", "validation", "test"), "2": ("train", "valid", "test")}
_SPLITS = {"train": "train", "validation": "val", "valid": "val", "test": "test"}
_OLD = re.compile(r"ROCO_\d{5}")
_NEW = re.compile(r"ROCOv2_2023_(?:train|valid|test)_\d{6}")
_CUI = re.compile(r"C\d{7}")
_MAPPING = "cui_mapping.csv"


def _locate(path: Path) -> Place | None:
    new = [f"{part}_captions.csv" for part in _PARTS["2"]]
    root = root_with(path, new, below=("ROCOv2", "rocov2"))
    if root is not None:
        return Place(root=root, version="2")
    old = [f"{part}/radiology/captions.txt" for part in _PARTS["1"]]
    root = root_with(path, old, below=("data", "all_data", "roco-dataset/data"))
    return None if root is None else Place(root=root, version="1")


def _layout(version: str) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for part in _PARTS[version]:
        if version == "1":
            folder = f"{part}/radiology"
            pieces += [
                Piece(names=(f"{folder}/captions.txt",), why=f"captions of {part}"),
                Piece(names=(f"{folder}/images/",), why=f"figures of {part}", needed=False),
                Piece(names=(f"{folder}/licences.txt",), why="each figure's licence", needed=False),
            ]
        else:
            folders = (f"{part}_images/{part}/", f"{part}_images/", f"{part}/")
            pieces += [
                Piece(names=(f"{part}_captions.csv",), why=f"captions of {part}"),
                Piece(names=folders, why=f"figures of {part}", needed=False),
                Piece(names=(f"{part}_concepts.csv",), why="labels", needed=False),
            ]
    if version == "2":
        pieces += [
            Piece(names=(_MAPPING,), why="the names of the labels", needed=False),
            Piece(names=("license_information.csv",), why="each figure's licence", needed=False),
        ]
    return tuple(pieces)


def _read(source: Source) -> Iterator[Row]:
    concepts = Lookup()
    if source.version == "2":
        _read_concepts(source, concepts)
    for part in _PARTS[source.version]:
        if source.version == "1":
            table = source.piece(f"{part}/radiology/captions.txt")
            rows = () if table is None else _old_captions(source, table)
        else:
            table = source.piece(f"{part}_captions.csv")
            rows = () if table is None else source.table(table, ("ID", "Caption"))
        yield from source.each(rows, partial(_row, source, part, concepts))
    concepts.close()


def _old_captions(source: Source, path: Path) -> Iterator[tuple[str, Cells]]:
    """Lines of captions.txt as cells."""
    for number, line in read_lines(path):
        source.n_rows += 1
        name, _, caption = line.partition("\t")
        place = f"{path.relative_to(source.root).as_posix()}:{number}"
        yield place, {"ID": name, "Caption": caption}


def _read_concepts(source: Source, concepts: Lookup) -> None:
    names = Lookup()

    def keep_name(_: str, cells: Cells) -> Iterable[Row]:
        # The second column's name has varied: whatever stands beside the CUI is its name.
        other = next(column for column in cells if column != "CUI")
        names.put(
            matching("CUI", cells, _CUI, "a concept such as C0040405"),
            cell(cells, other, read_text) or "",
        )
        return ()

    def keep(_: str, cells: Cells) -> Iterable[Row]:
        image = matching("ID", cells, _NEW, "a figure such as ROCOv2_2023_train_000001")
        cuis = [cui.strip() for cui in cells["CUIs"].split(";") if cui.strip()]
        if not all(_CUI.fullmatch(cui) for cui in cuis):
            raise WrongCellError(
                'column CUIs was expected to hold concepts separated by ";"; copy the table again'
            )
        concepts.put(image, json.dumps([names.get(cui) or cui for cui in cuis]))
        return ()

    if (mapping := source.piece(_MAPPING)) is not None:
        for _ in source.each(source.table(mapping, ("CUI",), counted=False), keep_name):
            pass
    for part in _PARTS["2"]:
        if (table := source.piece(f"{part}_concepts.csv")) is not None:
            for _ in source.each(source.table(table, ("ID", "CUIs"), counted=False), keep):
                pass
    names.close()


def _row(source: Source, part: str, concepts: Lookup, place: str, cells: Cells) -> Iterable[Row]:
    if source.version == "1":
        image = matching("ID", cells, _OLD, "a figure such as ROCO_00002")
        candidates = [f"{part}/radiology/images/{image}.jpg"]
    else:
        image = matching("ID", cells, _NEW, "a figure such as ROCOv2_2023_train_000001")
        folders = (f"{part}_images/{part}", f"{part}_images", part)
        candidates = [f"{folder}/{image}.jpg" for folder in folders]
    caption = " ".join((cell(cells, "Caption", read_text) or "").split()) or None
    source.tell_split(image, _SPLITS[part], patient=f"study:{image}")
    picture = source.picture(place, candidates, folder=part, caption=caption)
    if picture is None:
        return
    labels = dict.fromkeys(json.loads(concepts.get(image) or "[]"))
    fields = known(labels=tuple(labels), split=_SPLITS[part])
    yield Row(place=place, study_id=image, fields=fields, **picture)


DATASET = Dataset(
    name="roco",
    title="ROCO",
    url="https://github.com/razorx89/roco-dataset and https://doi.org/10.5281/zenodo.10821435",
    terms="each figure under its article's own Creative Commons licence",
    versions=("1", "2"),
    split="official, by figure",
    locate=_locate,
    layout=_layout,
    read=_read,
    expected={"2": Counts(studies=79_789, images=79_789)},
)
