"""What makes a query askable, and the pictures it brings."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from caselight.config import IngestSettings
from caselight.data.bands import OLDEST
from caselight.data.dicom.series import expand
from caselight.data.filters import check_filters
from caselight.data.pixels import read_pixels
from caselight.errors import DataError, QueryRefused
from caselight.types import By, Fusion, Group, Pixels, Query, SourceImage, SourceStudy, Target

PATIENT: Mapping[str, str] = {"age": f"whole years, 0 to {OLDEST}", "sex": "F, M or O"}
"""What may be said of the patient at hand."""

_KINDS: Mapping[str, tuple[type, ...]] = {
    "text": (str, type(None)),
    "image": (Path, type(None)),
    "like": (tuple, list),
    "unlike": (tuple, list),
    "patient": (Mapping,),
    "filters": (Mapping,),
    "k": (int,),
    "keep_own": (bool,),
    "image_weight": (int, float, type(None)),
}
"""What each part of a query must be: Python checks no types, and JSON may have been edited."""
_CHOICES: Mapping[str, tuple[object, ...]] = {
    "target": get_args(Target),
    "by": get_args(By),
    "group": get_args(Group),
    "fusion": (*get_args(Fusion), None),
}


def parse_patient(said: str | None) -> dict[str, str]:
    """Read `age=63,sex=F`.

    Raises:
        QueryRefused: `query.bad_patient`, without repeating what was said of the patient.
    """
    patient: dict[str, str] = {}
    for pair in (said or "").split(",") if said is not None else ():
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or key in patient:
            raise _bad_patient("the patient is not written key=value, each key once")
        patient[key] = value.upper() if key == "sex" else value
    check_patient(patient)
    return patient


def check_patient(patient: Mapping[str, str]) -> None:
    """Refuse what cannot be said of a patient.

    Raises:
        QueryRefused: `query.bad_patient`.
    """
    for key, value in patient.items():
        if key not in PATIENT:
            raise _bad_patient("the patient has a key that is none of ours")
        if key == "age":
            # Three digits at most: Python refuses to read thousands of them.
            right = re.fullmatch("[0-9]{1,3}", value) is not None and int(value) <= OLDEST
        else:
            right = value in ("F", "M", "O")
        if not right:
            raise _bad_patient(f"the patient's {key} is not {PATIENT[key]}")


def read_query_pictures(path: Path, settings: IngestSettings) -> list[Pixels]:
    """The pictures of a query, chosen as ingest would choose them.

    Args:
        path: a picture; of a DICOM file with several frames, or a CT slice, come several. Or a
            folder with the files of one series.
        settings: which frames and windows are taken.

    Raises:
        DataError: for a file that cannot be read exactly.
    """
    files = _files_in(path) if path.is_dir() else [path]
    images = tuple(SourceImage(path=one, name=str(one)) for one in files)
    expanded = expand(SourceStudy(study_id="query", patient_id=None, images=images), settings)
    for refused in expanded.rejected:
        raise DataError(refused.reason, code=refused.code)
    if not expanded.pictures:
        raise DataError(
            f"no file at {path} but an empty folder; name a picture, or the folder of one series",
            code="data.not_found",
        )
    return [
        read_pixels(
            picture.path,
            max_pixels=settings.max_pixels,
            frame=picture.frame,
            window=picture.window,
        )
        for picture in expanded.pictures
    ]


def _files_in(folder: Path) -> list[Path]:
    """The files right inside a folder, in order of name; hidden ones are passed over."""
    try:
        inside = [one for one in folder.iterdir() if not one.name.startswith(".")]
    except OSError as error:
        raise DataError(
            f"no file at {folder} but a folder that cannot be opened ({error.strerror}); give "
            "permission to read it",
            code="data.not_found",
        ) from None
    return sorted(one for one in inside if one.is_file())


def check_query(query: Query) -> None:
    """Refuse a query that asks for nothing, or for what does not go together.

    Raises:
        QueryRefused: with a code for each of these.
    """
    _check_kinds(query)
    words = (query.text or "").strip()
    _check_words(words)
    if query.k < 1:
        raise QueryRefused(
            f"k is {query.k}, expected at least 1; say how many hits you want", code="query.bad_k"
        )
    if not words and query.image is None and not query.like:
        raise QueryRefused(
            "the query is empty; give some words, a picture with --image, or a study with --like"
        )
    _check_combination(query, words)
    check_filters(query.filters)
    check_patient(query.patient)


def _check_kinds(query: Query) -> None:
    """Refuse a misspelt choice, which would otherwise ask another question without a word."""
    for name, choices in _CHOICES.items():
        if getattr(query, name) not in choices:
            raise QueryRefused(
                f"the query's {name} is {getattr(query, name)!r}, expected one of "
                f"{', '.join(map(repr, choices))}; choose one",
                code="query.bad_value",
            )
    for name, kinds in _KINDS.items():
        value = getattr(query, name)
        right = isinstance(value, kinds) and (name == "keep_own" or not isinstance(value, bool))
        held = (*value, *value.values()) if isinstance(value, Mapping) else value
        if isinstance(held, tuple | list):
            right = right and all(isinstance(one, str) for one in held)
        if not right:
            raise QueryRefused(
                f"the query's {name} is not of the type that `caselight.Query` names (found a "
                f"{type(value).__name__}); an image is a Path, studies are a tuple of ids, and "
                "filters map text to text",
                code="query.bad_value",
            )


def _check_words(words: str) -> None:
    try:
        words.encode()
    except UnicodeEncodeError:
        raise QueryRefused(
            "the words hold characters that are no Unicode text; type them again",
            code="query.bad_text",
        ) from None


def _check_combination(query: Query, words: str) -> None:
    for study in query.like:
        if study in query.unlike:
            raise QueryRefused(
                f"study {study!r} is named both with --like and with --unlike; name it with one",
                code="query.bad_combination",
            )
    if query.by != "codes" and not words:
        raise QueryRefused(
            f"--by {query.by} looks for words and the query has none; add words, or leave out --by",
            code="query.bad_combination",
        )
    if query.by == "words" and (query.image is not None or query.like or query.unlike):
        raise QueryRefused(
            "--by words looks for words alone, and a picture or a study has none to look for; use "
            "--by both, or leave out --image, --like and --unlike",
            code="query.bad_combination",
        )
    composed = bool(words) and query.image is not None
    if (query.image_weight is not None or query.fusion is not None) and not composed:
        raise QueryRefused(
            "--image-weight and --fusion say how words and a picture go together, and the query "
            "has only one of the two; give both, or leave these options out",
            code="query.bad_weight",
        )
    if query.image_weight is not None and not 0 <= query.image_weight <= 1:
        raise QueryRefused(
            f"the image weight is {query.image_weight}, expected 0 (words alone) to 1 (the picture "
            "alone); give a share",
            code="query.bad_weight",
        )


def _bad_patient(why: str) -> QueryRefused:
    return QueryRefused(f"{why}; write --patient age=63,sex=F", code="query.bad_patient")
