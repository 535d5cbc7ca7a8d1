"""Who is named in a DICOM header: what must not stay in a report."""

from collections.abc import Callable

from pydicom.dataset import Dataset

from caselight.data.dicom.headers import items_of

_NAMES = (
    "PatientName",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "ResponsiblePerson",
    "ReferringPhysicianName",
    "ConsultingPhysicianName",
    "PerformingPhysicianName",
    "ScheduledPerformingPhysicianName",
    "OperatorsName",
    "NameOfPhysiciansReadingStudy",
    "PhysiciansOfRecord",
    "RequestingPhysician",
    "ContentCreatorName",
)
_IDS = ("PatientID", "OtherPatientIDs", "AccessionNumber")
_NAMES_WITHIN = {
    "VerifyingObserverSequence": "VerifyingObserverName",
    "AuthorObserverSequence": "PersonName",
    "ParticipantSequence": "PersonName",
}
_IDS_WITHIN = {"OtherPatientIDsSequence": "PatientID"}
PEOPLE_TAGS = (*_NAMES, *_IDS, *_NAMES_WITHIN, *_IDS_WITHIN)

Text = Callable[[Dataset, str], str | None]
"""Reads a text from a header or an item of it."""


def names_in(dataset: Dataset, text: Text) -> tuple[str, ...]:
    """Every name, as DICOM writes it ("FAMILY^GIVEN"), each once."""
    return _all(dataset, text, _NAMES, _NAMES_WITHIN)


def ids_in(dataset: Dataset, text: Text) -> tuple[str, ...]:
    """Every id of the patient and of the request, each once."""
    return _all(dataset, text, _IDS, _IDS_WITHIN)


def _all(
    dataset: Dataset, text: Text, keywords: tuple[str, ...], within: dict[str, str]
) -> tuple[str, ...]:
    found = [text(dataset, keyword) for keyword in keywords]
    for sequence, keyword in within.items():
        found += [text(item, keyword) for item in items_of(dataset, sequence)]
    parts = (part.strip() for value in found for part in (value or "").split("\\"))
    return tuple(dict.fromkeys(part for part in parts if part.strip("^= ")))
