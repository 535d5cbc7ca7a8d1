"""What the header of a DICOM file says, as far as a study needs it."""

import contextlib
import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from caselight.data.columns import read_age, read_date, read_laterality, read_sex
from caselight.data.dicom.classes import Kind, for_processing, kind_of
from caselight.data.dicom.geometry import Orientation, Vector, plane
from caselight.data.dicom.groups import GROUP_TAGS, frame_groups
from caselight.data.dicom.headers import DAMAGE, charset_of, decoded_text, items_of, open_header
from caselight.data.dicom.people import PEOPLE_TAGS, ids_in, names_in
from caselight.data.dicom.placement import placement_of
from caselight.data.dicom.values import number
from caselight.data.dicom.views import view_of
from caselight.data.dicom.windows import has_hounsfield_units
from caselight.errors import DataError

_OVERLAYS = tuple((0x6000 + 2 * i) << 16 | 0x0010 for i in range(16))
"""OverlayRows of each of the sixteen overlays that a file may have."""
_TAGS: tuple[str | int, ...] = (
    *("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
    *PEOPLE_TAGS,
    *("PatientSex", "PatientAge", "PatientBirthDate", "StudyDate", "InstitutionName"),
    *("Modality", "ImageType", "ViewPosition", "ViewCodeSequence"),
    *("ImageLaterality", "Laterality", "PresentationIntentType", "BurnedInAnnotation"),
    *("SeriesNumber", "AcquisitionNumber", "InstanceNumber", "NumberOfFrames"),
    *("Rows", "Columns", "PhotometricInterpretation"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence"),
    *("ImagePositionPatient", "ImageOrientationPatient"),
    *GROUP_TAGS,
    *_OVERLAYS,
)
_SLICED = ("CT", "MR", "PT")
_SIDES = ("ImageLaterality", "Laterality")
_OLD_DATE = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One DICOM header. Its `repr` shows nothing that tells who or when."""

    kind: Kind
    class_name: str
    """The SOP class in words."""
    study_uid: str | None = field(default=None, repr=False)
    series_uid: str | None = field(default=None, repr=False)
    sop_uid: str | None = field(default=None, repr=False)
    patient_id: str | None = field(default=None, repr=False)
    accession: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    """Of everybody the header names, as DICOM writes them ("FAMILY^GIVEN")."""
    ids: tuple[str, ...] = field(default=(), repr=False)
    """Of the patient and of the request."""
    sex: str | None = field(default=None, repr=False)
    age: int | None = field(default=None, repr=False)
    """Whole years, as said or from the day of birth."""
    date: str | None = field(default=None, repr=False)
    """Of the study, ISO 8601."""
    site: str | None = field(default=None, repr=False)
    """InstitutionName."""
    modality: str | None = None
    view: str | None = None
    laterality: str | None = None
    """"L", "R" or "B"."""
    series_number: int | None = None
    acquisition_number: int | None = None
    instance_number: int | None = None
    n_frames: int = 1
    rows: int = 0
    columns: int = 0
    image_type: tuple[str, ...] = ()
    orientation: Orientation | None = None
    position: Vector | None = None
    """Of a file with one frame."""
    frame_distances: tuple[float, ...] = ()
    """Along the normal, mm, one a frame; empty where the frames are not parallel slices."""
    hounsfield: bool = False
    """Whether the values are Hounsfield units: a grey CT slice that is no localizer."""
    for_processing: bool = False
    n_overlays: int = 0
    burned_in: bool = False
    """Whether the header says that the picture shows text about the patient."""
    odd_text: bool = False
    """Whether some text was not written in the character sets that the header declares."""
    unreadable: tuple[str, ...] = ()
    """Keywords of values that were left out, since they are not what they should be."""

    def plain(self) -> dict[str, Any]:
        """As JSON holds it; `from_plain` undoes it."""
        return {name: getattr(self, name) for name in _FIELDS}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Facts":
        """Facts from what `plain` gave, lists become tuples again."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in plain.items()
        }
        return cls(**values)


_FIELDS = tuple(one.name for one in fields(Facts))


def read_facts(path: Path) -> Facts:
    """Read one header.

    A value that cannot be read is left out and named in `unreadable`; text in a wrong or unknown
    character set is read as well as it can be and told by `odd_text`. Neither is ever an error.

    Raises:
        DataError: data.not_found, data.empty_file, data.not_dicom, data.truncated, data.too_large.
    """
    dataset = open_header(path, _TAGS)
    try:
        return _Reader(dataset).facts()
    except DAMAGE:
        raise DataError(
            "the DICOM header is damaged; copy the file again from its source",
            code="data.truncated",
        ) from None


class _Reader:
    """Reads one header's values and remembers which could not be read."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._charset = charset_of(dataset)
        self._odd = False
        self._unreadable: list[str] = []

    def facts(self) -> Facts:
        """All of them."""
        dataset = self._dataset
        n_rows, n_columns = self._count("Rows"), self._count("Columns")
        kind, class_name = kind_of(self._sop_class(), has_rows=n_rows > 0 and n_columns > 0)
        image_type = tuple(
            part.strip().upper() for part in (self._text("ImageType") or "").split("\\")
        )
        date = self._read("StudyDate", _date)
        age = self._read("PatientAge", read_age)
        shared = items_of(dataset, "SharedFunctionalGroupsSequence")
        frames = items_of(dataset, "PerFrameFunctionalGroupsSequence")
        place = placement_of(dataset, shared, frames)
        return Facts(
            kind=kind,
            class_name=class_name,
            study_uid=self._text("StudyInstanceUID"),
            series_uid=self._text("SeriesInstanceUID"),
            sop_uid=self._text("SOPInstanceUID"),
            patient_id=self._text("PatientID"),
            accession=self._text("AccessionNumber"),
            names=names_in(dataset, self._item_text),
            ids=ids_in(dataset, self._item_text),
            sex=self._read("PatientSex", read_sex),
            age=age if age is not None else _age_on(date, self._read("PatientBirthDate", _date)),
            date=date,
            site=self._text("InstitutionName"),
            modality=self._text("Modality"),
            view=self._view(place.orientation),
            laterality=self._laterality((*shared, *frames[:1])),
            series_number=self._integer("SeriesNumber"),
            acquisition_number=self._integer("AcquisitionNumber"),
            instance_number=self._integer("InstanceNumber"),
            n_frames=max(self._integer("NumberOfFrames") or 1, 1),
            rows=n_rows,
            columns=n_columns,
            image_type=image_type,
            orientation=place.orientation,
            position=place.position,
            frame_distances=place.frame_distances,
            hounsfield="LOCALIZER" not in image_type and self._hounsfield(),
            for_processing=for_processing(self._text("PresentationIntentType"), class_name),
            n_overlays=sum(tag in dataset for tag in _OVERLAYS),
            burned_in=self._text("BurnedInAnnotation") == "YES",
            odd_text=self._odd,
            unreadable=tuple(self._unreadable),
        )

    def _sop_class(self) -> str | None:
        # A directory of a medium has its class in the file's meta information alone.
        meta = self._dataset.file_meta.get("MediaStorageSOPClassUID")
        return self._text("SOPClassUID") or (meta if isinstance(meta, str) else None)

    def _view(self, orientation: Orientation | None) -> str | None:
        codes = items_of(self._dataset, "ViewCodeSequence")
        meanings = [self._item_text(code, "CodeMeaning") for code in codes]
        view = view_of(self._text("ViewPosition"), meanings)
        if view is None and orientation is not None and self._text("Modality") in _SLICED:
            return plane(orientation)
        return view

    def _laterality(self, groups: Sequence[Dataset]) -> str | None:
        sides = [self._read(keyword, read_laterality) for keyword in _SIDES]
        for group in groups:
            for item in items_of(group, "FrameAnatomySequence"):
                with contextlib.suppress(ValueError):
                    sides.append(read_laterality(self._item_text(item, "FrameLaterality")))
        return next((side for side in sides if side is not None), None)

    def _hounsfield(self) -> bool:
        """As the pixels' reader judges it, so that no window is asked for that it refuses."""
        if not (self._text("PhotometricInterpretation") or "").startswith("MONOCHROME"):
            return False
        try:
            return has_hounsfield_units(self._dataset, frame_groups(self._dataset, 0))
        except (DataError, *DAMAGE):
            return False

    def _text(self, keyword: str) -> str | None:
        return self._item_text(self._dataset, keyword)

    def _item_text(self, item: Dataset, keyword: str) -> str | None:
        text, exact = decoded_text(item, keyword, charset=self._charset)
        self._odd |= not exact
        return text

    def _read(self, keyword: str, read: Callable[[object], Any]) -> Any:
        try:
            return read(self._text(keyword))
        except ValueError:
            self._unreadable.append(keyword)
            return None

    def _integer(self, keyword: str) -> int | None:
        text = self._text(keyword)
        try:
            return None if text is None else int(float(text.split("\\")[0]))
        except (ValueError, OverflowError):
            self._unreadable.append(keyword)
            return None

    def _count(self, keyword: str) -> int:
        """A value that the file holds in binary."""
        try:
            return int(number(self._dataset, keyword) or 0)
        except DAMAGE:
            return 0


def _date(value: object) -> str | None:
    found = _OLD_DATE.fullmatch(str(value))
    return read_date("-".join(found.groups()) if found else value)


def _age_on(date: str | None, birth: str | None) -> int | None:
    if date is None or birth is None:
        return None
    day, born = datetime.date.fromisoformat(date), datetime.date.fromisoformat(birth)
    years = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return years if 0 <= years <= 130 else None
