"""MedPix 2.0: CT and MR slices of teaching cases, with a caption each and the case's story.

Layout, as in the authors' repository, at its top or in `MedPix-2-0/`: `Case_topic.json` (a list of
cases), `Descriptions.json` (a list of pictures; an earlier state calls it Description.json),
`images/MPX1000_synpic10000.png`, and `splitted_dataset/uid_list.json` (split to cases).

A case is a study and its own patient. From the case come findings, impression (its diagnosis) and
indication (its history); exam, differential diagnosis and discussion become notes; category and
location category of the topic become labels. From the picture come caption, modality, plane, age
and sex. "N/A" means missing.

Split: official, by case (dev is val); `train_1` and `train_2` are halves of train.

Source: github.com/CHILab1/MedPix-2.0 (README of both levels, uid_list.json), Siragusa et al., Data
Science and Engineering 2025. The split's digest is over uid_list.json as published.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from caselight.data.columns import read_sex
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
from caselight.data.datasets.tables import Lookup, WrongCellError, cell
from caselight.data.spool import Row
from caselight.errors import DataError

_CASES, _PICTURES = "Case_topic.json", ("Descriptions.json", "Description.json")
_UIDS = "splitted_dataset/uid_list.json"
_IMAGES = "images/"
_CASE = re.compile(r"MPX\d{4,5}")
_IMAGE = re.compile(r"MPX\d{4,5}_synpic\d{1,7}")
_SPLITS = {"train": "train", "dev": "val", "test": "test"}
_MAX_JSON = 64 << 20
_NOTES = ("Exam", "Differential Diagnosis", "Discussion")


def _locate(path: Path) -> Place | None:
    root = root_with(path, (_CASES,), below=("MedPix-2-0", "MedPix-2.0/MedPix-2-0"))
    if root is None or root_with(root, (*_PICTURES, "splitted_dataset", "images")) is None:
        return None
    return Place(root=root, version="2.0")


def _layout(_: str) -> tuple[Piece, ...]:
    return (
        Piece(names=(_CASES,), why="the cases"),
        Piece(names=_PICTURES, why="names every picture, its caption and its case"),
        Piece(names=(_UIDS,), why="the official split"),
        Piece(names=(_IMAGES,), why="the pictures"),
    )


def _read(source: Source) -> Iterator[Row]:
    splits, cases = Lookup(), Lookup()
    if (uids := source.piece(_UIDS)) is not None:
        _read_splits(source, uids, splits)
    if (table := source.piece(_CASES)) is not None:
        for place, case in _objects(source, table):
            try:
                fields = _case(case)
            except WrongCellError as wrong:
                source.refuse(place, str(wrong))
            else:
                cases.put(str(case["U_id"]), json.dumps(fields))
    if (table := source.piece(_PICTURES[0])) is not None:
        for place, picture in _objects(source, table):
            source.n_rows += 1
            try:
                rows = list(_rows(source, place, picture, cases, splits))
            except WrongCellError as wrong:
                source.refuse(place, str(wrong))
            else:
                yield from rows
    splits.close()
    cases.close()


def _read_splits(source: Source, path: Path, splits: Lookup) -> None:
    lists = _load(path)
    wrong = DataError(
        f"{path.name} is no object of lists of cases with train, dev and test; copy it again",
        code="data.bad_row",
    )
    if not isinstance(lists, dict):
        raise wrong
    for name, split in _SPLITS.items():
        if not isinstance(lists.get(name), list):
            raise wrong
        for uid in lists[name]:
            if not isinstance(uid, str) or not _CASE.fullmatch(uid):
                raise wrong
            if not splits.put(uid, split):
                source.refuse(_UIDS, "a case stands in the split twice; copy the list again")
            source.tell_split(uid, split, patient=f"study:{uid}")


def _case(case: Mapping[str, Any]) -> dict[str, Any]:
    matching("U_id", _plain(case), _CASE, "a case such as MPX1009")
    story, topic = _plain(case.get("Case")), _plain(case.get("Topic"))
    notes = "\n".join(_words(story, name) for name in _NOTES if _words(story, name))
    return known(
        findings=_words(story, "Findings"),
        impression=_words(story, "Case Diagnosis"),
        indication=_words(story, "History"),
        notes=notes,
        labels=tuple(
            label
            for label in (_words(topic, "Category"), _words(topic, "Location Category"))
            if label
        ),
    )


def _rows(
    source: Source, place: str, picture: Mapping[str, Any], cases: Lookup, splits: Lookup
) -> Iterable[Row]:
    plain, said = _plain(picture), _plain(picture.get("Description"))
    uid = matching("U_id", plain, _CASE, "a case such as MPX1009")
    image = matching("image", plain, _IMAGE, "a picture such as MPX1009_synpic10000")
    fields = json.loads(cases.get(uid) or "{}")
    fields["labels"] = tuple(fields.get("labels", ()))
    if not fields["labels"] and cases.get(uid) is None:
        source.note("pictures whose case is not in Case_topic.json")
    fields = known(
        **fields,
        split=splits.get(uid),
        age=some_age(source, {"Age": _words(said, "Age")}, "Age"),
        sex=cell({"Sex": _words(said, "Sex")}, "Sex", read_sex),
    )
    found = source.picture(
        place,
        [f"{_IMAGES}{image}.png"],
        folder=_IMAGES,
        view=_words(said, "Plane") or None,
        modality=_words(plain, "Type") or None,
        caption=_words(said, "Caption") or None,
    )
    if found is not None:
        yield Row(place=place, study_id=uid, fields=fields, **found)


def _objects(source: Source, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Elements of a list with their places; what is no object is refused."""
    found = _load(path)
    if not isinstance(found, list):
        raise DataError(
            f"{path.name} is no list; copy it again from the authors' repository",
            code="data.bad_row",
        )
    for number, one in enumerate(found, start=1):
        place = f"{path.relative_to(source.root).as_posix()}:{number}"
        if isinstance(one, dict):
            yield place, one
        else:
            source.refuse(place, "the element is no object; copy the file again")


def _load(path: Path) -> Any:
    if path.stat().st_size > _MAX_JSON:
        raise DataError(
            f"{path.name} has more than {_MAX_JSON >> 20} MiB; it is none of the dataset's own",
            code="data.too_large",
        )
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise DataError(
            f"{path.name} is no JSON; copy it again from the authors' repository",
            code="data.bad_row",
        ) from None


def _plain(value: object) -> dict[str, str]:
    """An object's texts and numbers as text; the rest left out."""
    if not isinstance(value, dict):
        return {}
    return {str(k): str(v) for k, v in value.items() if isinstance(v, str | int | float)}


def _words(cells: Mapping[str, str], name: str) -> str:
    text = " ".join(cells.get(name, "").split())
    return "" if text.casefold() in ("n/a", "nan", "none", "null") else text


DATASET = Dataset(
    name="medpix2",
    title="MedPix 2.0",
    url="https://github.com/CHILab1/MedPix-2.0",
    terms="no licence stated; pictures of NLM's MedPix, to be cited as Siragusa et al. 2025",
    versions=("2.0",),
    split="official, by case (dev is val)",
    locate=_locate,
    layout=_layout,
    read=_read,
    expected={"2.0": Counts(studies=671, images=2_050)},
    split_digests={"2.0": "2ac788fcfa2e2fe1083426e78a77884a427e980dfff7c2d6d26ad904dc486f80"},
)
