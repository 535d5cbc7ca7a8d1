"""A folder of DICOM files as an archive of studies."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from caselight.data.columns import read_age, read_date, read_sex
from caselight.data.dicom.headers import header_text, open_header
from caselight.data.spool import Row, Spool, SpooledArchive, printable
from caselight.errors import DataError
from caselight.types import SourceImage

_HEADER_TAGS = (
    "StudyInstanceUID",
    "SOPInstanceUID",
    "PatientID",
    "PatientSex",
    "PatientAge",
    "StudyDate",
    "Modality",
    "ViewPosition",
)


class DicomFolder(SpooledArchive):
    """An archive of DICOM files, grouped by StudyInstanceUID."""


def archive_files(folder: Path) -> Iterator[Path]:
    """Files below a folder in order of path; hidden ones and DICOMDIR are passed over."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name != "DICOMDIR":
                yield Path(place) / name


def open_dicom_folder(folder: Path) -> DicomFolder:
    """Read the headers of every DICOM file below a folder and group them into studies.

    Reads StudyInstanceUID, SOPInstanceUID (the image's name), PatientID, PatientSex, PatientAge,
    StudyDate, Modality and ViewPosition, nothing else; a sex, an age or a date that cannot be read
    is left out and counted in a note. Files that are not DICOM are refused, and so is the second of
    two files with one SOPInstanceUID. Pixels are looked at only when they are read.

    Returns:
        The archive, whose `rejected` is complete.
    """
    spool, counts, n_rows = Spool(), Counter[str](), 0
    inside = os.path.realpath(folder).rstrip(os.sep) + os.sep
    for path in archive_files(folder):
        n_rows += 1
        place = printable(path.relative_to(folder).as_posix())
        try:
            if not os.path.realpath(path).startswith(inside):
                raise DataError(  # noqa: TRY301 (one way to refuse a file)
                    "the file is a link that leads outside of the folder; copy the file itself",
                    code="data.path_outside",
                )
            spool.add(_header_row(path, place, counts))
        except DataError as error:
            spool.reject(place, code=error.code, reason=str(error))
    notes = [f"{what}: {count}" for what, count in sorted(counts.items())]
    return DicomFolder(spool, n_rows=n_rows, notes=notes)


def _header_row(path: Path, place: str, counts: Counter[str]) -> Row:
    dataset = open_header(path, _HEADER_TAGS)
    study, instance = (
        header_text(dataset, "StudyInstanceUID"),
        header_text(dataset, "SOPInstanceUID"),
    )
    if study is None or instance is None:
        raise DataError(
            "the header lacks its StudyInstanceUID or SOPInstanceUID; export the file again",
            code="data.not_dicom",
        )
    readers: dict[str, tuple[str, Callable[[object], object]]] = {
        "sex": ("PatientSex", read_sex),
        "age": ("PatientAge", read_age),
        "date": ("StudyDate", read_date),
    }
    fields: dict[str, Any] = {}
    for name, (keyword, read) in readers.items():
        try:
            fields[name] = read(header_text(dataset, keyword))
        except ValueError:
            counts[f"{keyword} left out because it could not be read"] += 1
    return Row(
        place=place,
        study_id=study,
        image=SourceImage(
            path=path,
            name=instance,
            view=header_text(dataset, "ViewPosition"),
            modality=header_text(dataset, "Modality"),
        ),
        image_key=instance,
        patient_id=header_text(dataset, "PatientID"),
        fields={name: value for name, value in fields.items() if value is not None},
    )
