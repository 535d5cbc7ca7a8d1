"""The columns of a manifest: what each means and how one cell of it is read."""

import datetime
import difflib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from caselight.errors import DataError
from caselight.types import SECTIONS

_MISSING = frozenset({"", "nan", "none", "null"})
_AGE = re.compile(r"(\d{1,3})(?:\.\d*)?|(\d{3})([YMWD])")
_AGE_UNITS_A_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?|(\d{4})(\d{2})(\d{2})")
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}
_SIDES = {"l": "L", "left": "L", "r": "R", "right": "R", "b": "B", "both": "B", "bilateral": "B"}
_SEX_UNKNOWN = frozenset({"u", "unknown", "n/a"})
_SPLITS = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}


class UnreadableDateError(ValueError):
    """A date that is no date. The study goes on without it, and a note counts it."""


def read_text(value: object) -> str | None:
    """One cell as text, stripped; None where it is missing.

    Missing: null, NaN, and the strings "", "nan", "None" and "null" in any case, which tables
    write for an empty cell. A number becomes its digits, and 100.0 becomes "100", since tables
    turn whole numbers into floats beside an empty cell.

    Raises:
        ValueError: naming what was expected, never the value.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("text or a number")  # noqa: TRY004 (the one error of readers)
    if isinstance(value, float):
        value = str(int(value)) if value.is_integer() else str(value)
    text = str(value).strip()
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("text in UTF-8") from None
    return None if text.casefold() in _MISSING else text


def read_path(value: object) -> str | None:
    """A path as the manifest spells it; whether it leads outside is judged by the manifest."""
    text = read_text(value)
    if text is not None and ("\0" in text or not PurePath(text).name):
        raise ValueError("the path of a file")
    return text


def read_labels(value: object) -> tuple[str, ...]:
    """Labels in order, each once: a JSON list, or a string separated by "|" or ";"."""
    expected = 'a list of words, or words separated by "|" or ";"'
    cells: Sequence[object]
    if isinstance(value, list | tuple):
        cells = value
    else:
        text = read_text(value)
        if text is None:
            return ()
        cells = re.split(r"[|;]", text)
        if text.startswith("["):
            try:
                cells = json.loads(text)
            except (json.JSONDecodeError, RecursionError):
                raise ValueError(expected) from None
    try:
        labels = [read_text(cell) for cell in cells]
    except ValueError:
        raise ValueError(expected) from None
    return tuple(dict.fromkeys(label for label in labels if label is not None))


def read_age(value: object) -> int | None:
    """Whole years, 0..130, rounded down: 63, 63.5, "63", or DICOM's "063Y", "018M", "003W"."""
    expected = 'whole years from 0 to 130, like 63, or a DICOM age like "063Y"'
    text = read_text(value)
    if text is None:
        return None
    found = _AGE.fullmatch(text.upper())
    if found is None:
        raise ValueError(expected)
    plain, count, unit = found.groups()
    years = int(plain) if plain is not None else int(int(count) / _AGE_UNITS_A_YEAR[unit])
    if years > 130:
        raise ValueError(expected)
    return years


def read_sex(value: object) -> str | None:
    """Sex as "M", "F" or "O"; None where it is missing or said to be unknown."""
    text = read_text(value)
    if text is None or text.casefold() in _SEX_UNKNOWN:
        return None
    if text.casefold() not in _SEXES:
        raise ValueError("M, F or O")
    return _SEXES[text.casefold()]


def read_laterality(value: object) -> str | None:
    """Side as "L", "R" or "B"; None where it is missing or said to be unpaired."""
    text = read_text(value)
    if text is None or text.casefold() in ("u", "unpaired"):
        return None
    if text.casefold() not in _SIDES:
        raise ValueError("L, R or B")
    return _SIDES[text.casefold()]


def read_split(value: object) -> str | None:
    """Split as "train", "val" or "test"; "valid", "validation" and "dev" mean "val"."""
    text = read_text(value)
    if text is None:
        return None
    if text.casefold() not in _SPLITS:
        raise ValueError("train, val or test")
    return _SPLITS[text.casefold()]


def read_date(value: object) -> str | None:
    """An ISO 8601 day from YYYY-MM-DD, YYYYMMDD, or a timestamp that starts with YYYY-MM-DD.

    Raises:
        UnreadableDateError: for anything else; a day such as 03/04/2020 would have to be guessed.
    """
    text = read_text(value)
    if text is None:
        return None
    found = _DATE.fullmatch(text)
    if found is None:
        raise UnreadableDateError("a day like 2020-01-31")
    year, month, day = (int(part) for part in found.groups() if part is not None)
    try:
        return datetime.date(year, month, day).isoformat()
    except ValueError:
        raise UnreadableDateError("a day like 2020-01-31") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column that a manifest may have."""

    name: str
    meaning: str
    read: Callable[[object], object]
    """Cell to value; ValueError says what was expected."""


COLUMNS = (
    Column(
        name="image",
        meaning="Path of one PNG, JPEG or DICOM file, relative to the manifest's folder.",
        read=read_path,
    ),
    Column(
        name="study_id",
        meaning="Rows with the same study_id are one study; without it each image is its own "
        "study, named by its path without suffix.",
        read=read_text,
    ),
    Column(
        name="patient_id",
        meaning="Patients never sit in two splits; stored only as a keyed pseudonym.",
        read=read_text,
    ),
    Column(name="date", meaning="Day of the study, as YYYY-MM-DD or YYYYMMDD.", read=read_date),
    Column(name="findings", meaning="Report section: what is seen.", read=read_text),
    Column(name="impression", meaning="Report section: what it means.", read=read_text),
    Column(name="indication", meaning="Report section: why it was taken.", read=read_text),
    Column(name="comparison", meaning="Report section: what it was compared with.", read=read_text),
    Column(name="technique", meaning="Report section: how it was taken.", read=read_text),
    Column(name="notes", meaning="Any other text about the study.", read=read_text),
    Column(
        name="report",
        meaning="A whole report; it is split into the sections whose own column is empty.",
        read=read_text,
    ),
    Column(name="caption", meaning="Text that speaks of this image alone.", read=read_text),
    Column(
        name="labels",
        meaning='Labels of the study: a JSON list, or words separated by "|" or ";".',
        read=read_labels,
    ),
    Column(
        name="age",
        meaning='Age in whole years, 0 to 130, or a DICOM age such as "063Y".',
        read=read_age,
    ),
    Column(name="sex", meaning="M, F or O; empty or unknown is allowed.", read=read_sex),
    Column(name="view", meaning="View or plane of this image, such as PA.", read=read_text),
    Column(
        name="laterality",
        meaning="The patient's own side that this image shows: L, R or B.",
        read=read_laterality,
    ),
    Column(name="modality", meaning="Modality of this image, such as CT.", read=read_text),
    Column(name="site", meaning="Hospital or source the study comes from.", read=read_text),
    Column(
        name="split",
        meaning="train, val or test, where the archive decides it; else it is drawn by patient.",
        read=read_split,
    ),
)
"""Every column Caselight reads, in the order of the documentation; any other is ignored."""

COLUMN_NAMES = tuple(column.name for column in COLUMNS)
TEXT_COLUMNS = (*SECTIONS, "report", "caption")
"""The columns that hold words to search by."""


def nearest(word: str, words: Sequence[str]) -> str:
    """A clause naming the nearest spelling, or "" where none is near."""
    close = difflib.get_close_matches(word, words, n=1)
    return f' (did you mean "{close[0]}"?)' if close else ""


def parse_mapping(pairs: Sequence[str]) -> Mapping[str, str]:
    """Read `--map COLUMN=NAME` options: Caselight's COLUMN is called NAME in this manifest.

    Args:
        pairs: each "COLUMN=NAME", COLUMN among `COLUMN_NAMES`.

    Returns:
        Column to the manifest's own name for it.

    Raises:
        DataError: data.bad_mapping.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        column, equals, name = (part.strip() for part in pair.partition("="))
        if not equals or not column or not name:
            raise DataError(
                f'"{pair}" is no mapping; write COLUMN=NAME, such as findings=report_text',
                code="data.bad_mapping",
            )
        if column not in COLUMN_NAMES:
            raise DataError(
                f'there is no column "{column}"{nearest(column, COLUMN_NAMES)}; '
                f"map one of {', '.join(COLUMN_NAMES)}",
                code="data.bad_mapping",
            )
        if column in mapping:
            raise DataError(
                f'column "{column}" is mapped twice; name it once', code="data.bad_mapping"
            )
        mapping[column] = name
    return mapping


def names_in_manifest(mapping: Mapping[str, str]) -> Mapping[str, str]:
    """Column to the name it has in the manifest.

    A name that a mapping claims feeds the mapped column only, so `notes=caption` moves the captions
    rather than copying them.
    """
    claimed = set(mapping.values())
    own = {name: name for name in COLUMN_NAMES if name not in mapping and name not in claimed}
    return {**own, **mapping}
