"""What kind of thing a DICOM file is, by its SOP class."""

from typing import Literal

from pydicom.uid import UID

Kind = Literal["image", "report", "document", "other"]
"""A picture; a structured report that a person dictated; a report in a file of another format
(PDF, CDA); and all the rest: presentation states, plans, key objects, dose records, directories."""

_REPORTS = frozenset(
    {
        "Basic Text SR Storage",
        "Enhanced SR Storage",
        "Comprehensive SR Storage",
        "Comprehensive 3D SR Storage",
        "Extensible SR Storage",
        "Text SR Storage - Trial",
        "Detail SR Storage - Trial",
        "Comprehensive SR Storage - Trial",
    }
)
_DOCUMENTS = frozenset({"Encapsulated PDF Storage", "Encapsulated CDA Storage"})
_IMAGES = frozenset({"Enhanced US Volume Storage"})
"""Pictures whose class is not called an image."""


def kind_of(sop_class: str | None, *, has_rows: bool) -> tuple[Kind, str]:
    """The kind of a SOP class, and its name in words.

    Args:
        sop_class: SOPClassUID; None where the file has none.
        has_rows: whether its header has Rows and Columns, which decides where the class does not.

    Source: DICOM PS3.4 2024, B.5 and PS3.6, annex A.
    """
    name = UID(sop_class).name if sop_class is not None else "no SOP class"
    if sop_class is None or name == sop_class:
        name = "no SOP class" if sop_class is None else "a private or unknown SOP class"
        return ("image" if has_rows else "other"), name
    if name in _REPORTS:
        return "report", name
    if name in _DOCUMENTS:
        return "document", name
    if "Image Storage" in name or name in _IMAGES:
        return "image", name
    return "other", name


def for_processing(intent: str | None, class_name: str) -> bool:
    """Whether the pixels are raw detector data, by PresentationIntentType or by their class."""
    if intent is not None:
        return intent.upper() == "FOR PROCESSING"
    return class_name.endswith("For Processing")
