"""Open-i, the Indiana University chest X-ray collection, as NLM gives it out or as on Kaggle.

NLM's layout (version "xml"): `ecgen-radiology/1.xml` and so on from NLMCXR_reports.tgz, and
`NLMCXR_png/CXR1_1_IM-0001-3001.png` from NLMCXR_png.tgz. Each report names its pictures. Kaggle's
(version "kaggle"): `indiana_reports.csv`, `indiana_projections.csv` and
`images/images_normalized/1_IM-0001-4001.dcm.png`; it says which view a picture is.

Both become the same studies, "CXR1" and so on: the sections as they are labelled, the name of the
examination as technique, and as labels the heads of the MeSH terms ("Cardiomegaly" of
"Cardiomegaly/mild"), which are what Kaggle calls Problems. A report without pictures is kept.
Every report is of another patient, as far as is known.

No official split: ours, by patient.

Source: openi.nlm.nih.gov/faq and Demner-Fushman et al., JAMIA 2016; the digest of the split is over
the numbers of the 3,955 reports of NLMCXR_reports.tgz.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

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
from caselight.data.datasets.safe_xml import read_xml, words
from caselight.data.datasets.tables import Cells, Lookup, cell
from caselight.data.spool import Row, printable
from caselight.errors import DataError

_REPORTS, _PICTURES = "ecgen-radiology/", "NLMCXR_png/"
_TABLE, _VIEWS = "indiana_reports.csv", "indiana_projections.csv"
_KAGGLE = "images/images_normalized/"
_UID = re.compile(r"\d{1,5}")
_STUDY = re.compile(r"CXR\d{1,5}")
_IMAGE = re.compile(r"CXR\d[\w-]*")
_FILE = re.compile(r"[\w-][\w.-]*\.png")
_SECTIONS = ("findings", "impression", "indication", "comparison")


def _locate(path: Path) -> Place | None:
    root = root_with(path, (_REPORTS, f"NLMCXR_reports/{_REPORTS}"), below=("openi", "NLMCXR"))
    if root is not None:
        return Place(root=root, version="xml")
    root = root_with(path, (_TABLE,), below=("indiana",))
    return None if root is None else Place(root=root, version="kaggle")


def _layout(version: str) -> tuple[Piece, ...]:
    if version == "kaggle":
        return (
            Piece(names=(_TABLE,), why="the reports"),
            Piece(names=(_VIEWS,), why="names every picture and its view"),
            Piece(names=(_KAGGLE, "images/"), why="the pictures"),
        )
    return (
        Piece(names=(_REPORTS, f"NLMCXR_reports/{_REPORTS}"), why="the reports"),
        Piece(names=(_PICTURES,), why="the pictures"),
    )


def _read(source: Source) -> Iterator[Row]:
    if source.version == "kaggle":
        yield from _read_kaggle(source)
        return
    folder = source.piece(_REPORTS)
    files = [] if folder is None else sorted(folder.glob("*.xml"), key=_number)
    for path in files:
        source.n_rows += 1
        place = printable(path.relative_to(source.root).as_posix())
        try:
            with path.open("rb") as file:
                report = read_xml(file, name=path.name)
        except DataError as error:
            source.refuse(place, str(error), code=error.code)
            continue
        yield from _report_rows(source, place, report)


def _number(path: Path) -> tuple[int, str]:
    return (int(path.stem) if path.stem.isdecimal() else 0, path.name)


def _report_rows(source: Source, place: str, report: Element) -> Iterator[Row]:
    uid = report.find("uId")
    study = "" if uid is None else uid.get("id", "")
    if _STUDY.fullmatch(study) is None:
        source.refuse(place, "the report has no uId such as CXR1; copy it again from its source")
        return
    sections = {
        (one.get("Label") or "").casefold(): words(one) for one in report.iter("AbstractText")
    }
    named = list(report.iter("parentImage"))
    captions = (words(one) for image in named for one in image.iter("caption"))
    yield from _study_rows(
        source,
        study,
        sections={**sections, "technique": next(captions, "")},
        terms=[words(one) for one in report.iter("major")],
        pictures=[(place, image.get("id", ""), None) for image in named],
    )


def _study_rows(
    source: Source,
    study: str,
    *,
    sections: dict[str, str],
    terms: list[str],
    pictures: list[tuple[str, str, str | None]],
    place: str = "",
) -> Iterator[Row]:
    """Rows of one study; pictures are (the place that names it, its name, its view)."""
    source.tell_split(study, None, patient=f"study:{study}")
    heads = dict.fromkeys(term.partition("/")[0].strip() for term in terms)
    fields = known(
        labels=tuple(head for head in heads if head),
        **{section: sections.get(section) for section in (*_SECTIONS, "technique")},
    )
    kaggle = source.version == "kaggle"
    found = 0
    for where, name, view in pictures:
        if (_FILE if kaggle else _IMAGE).fullmatch(name) is None:
            source.refuse(where, "the picture's name is none of the dataset's; copy the report")
            continue
        picture = source.picture(
            where,
            [f"{_KAGGLE}{name}", f"images/{name}"] if kaggle else [f"{_PICTURES}{name}.png"],
            folder=_KAGGLE if kaggle else _PICTURES,
            view=view,
            modality="DX",
        )
        if picture is not None:
            found += 1
            yield Row(place=where, study_id=study, fields=fields, **picture)
    if not pictures and any(section in fields for section in _SECTIONS):
        yield Row(place=place, study_id=study, fields=fields)
    elif pictures and not found:
        source.note("studies left out because none of their pictures is in this copy")


def _read_kaggle(source: Source) -> Iterator[Row]:
    views = Lookup()
    if (table := source.piece(_VIEWS)) is not None:
        _read_views(source, table, views)
    if (table := source.piece(_TABLE)) is not None:
        needs = ("uid", "MeSH", "image", *_SECTIONS)
        yield from source.each(source.table(table, needs), partial(_kaggle_row, source, views))
    views.close()


def _read_views(source: Source, path: Path, views: Lookup) -> None:
    def keep(place: str, cells: Cells) -> Iterable[Row]:
        uid = matching("uid", cells, _UID, "a number")
        name = matching("filename", cells, _FILE, "the name of a PNG")
        n = 0
        while not views.put(f"{uid}:{n}", "\t".join((place, name, cells["projection"].strip()))):
            n += 1
        return ()

    needs = ("uid", "filename", "projection")
    for _ in source.each(source.table(path, needs, counted=False), keep):
        pass


def _kaggle_row(source: Source, views: Lookup, place: str, cells: Cells) -> Iterator[Row]:
    uid = matching("uid", cells, _UID, "a number")
    pictures: list[tuple[str, str, str | None]] = []
    while (found := views.get(f"{uid}:{len(pictures)}")) is not None:
        where, name, view = found.split("\t")
        pictures.append((where, name, view or None))
    sections = {section: _cell_words(cells, section) for section in _SECTIONS}
    yield from _study_rows(
        source,
        f"CXR{uid}",
        sections={**sections, "technique": _cell_words(cells, "image")},
        terms=cells["MeSH"].split(";"),
        pictures=pictures,
        place=place,
    )


def _cell_words(cells: Cells, column: str) -> str:
    return " ".join((cell(cells, column, read_text) or "").split())


DATASET = Dataset(
    name="openi",
    title="Open-i chest X-rays (Indiana University)",
    url="https://openi.nlm.nih.gov/",
    terms="open access; CC BY-NC-ND 4.0, as NLM states it for this collection",
    versions=("xml", "kaggle"),
    split="none official: ours, by patient",
    locate=_locate,
    layout=_layout,
    read=_read,
    expected={
        "xml": Counts(studies=3_955, images=7_470),
        "kaggle": Counts(studies=3_851, images=7_466),
    },
    # With the default of ingest.val_percent and ingest.test_percent.
    split_digests={"xml": "b8f0d6a238608b74b3259a010d7808d043a8b96b895fca3cff374a8492211473"},
)
