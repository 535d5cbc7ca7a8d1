"""Phantom studies as DICOM: pictures as a digital radiography system writes them, and reports.

Every identifier is made from the seed under the root that stands for UUIDs, 2.25, so the same
archive has the same bytes and two archives never share a study.
"""

import hashlib
import uuid
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from caselight.data.phantoms.anatomy import FIELD_MM
from caselight.data.phantoms.authors import AUTHORS
from caselight.data.phantoms.detectors import SCANNERS, Scanner, Syntax
from caselight.data.phantoms.patients import Case

IMPLEMENTATION = UID("2.25.138486153420371561268262246917284155047")
"""Implementation class of the phantoms' writer; fixed."""

SYNTAXES: dict[Syntax, tuple[UID, str]] = {
    "explicit": (ExplicitVRLittleEndian, ""),
    "jpeg_ls": (JPEGLSLossless, "pyjpegls"),
    "jpeg_2000": (JPEG2000Lossless, "pylibjpeg"),
    "rle": (RLELossless, "pylibjpeg"),
}
"""Transfer syntax, and pydicom's plugin that packs it."""

WHITE = 4095
"""The largest stored value: 12 bits."""

_VIEWS = {
    "PA": ("PA", ["L", "F"], ("272479007", "postero-anterior"), "Chest PA"),
    "LATERAL": ("LL", ["P", "F"], ("399173006", "left lateral"), "Chest lateral"),
}
"""View to ViewPosition, PatientOrientation, SNOMED code and words."""

_CONCEPTS = {
    "indication": ("121109", "Indications for Procedure"),
    "technique": ("121065", "Procedure Description"),
    "comparison": ("121068", "Previous Findings"),
    "findings": ("121070", "Findings"),
    "impression": ("121073", "Impression"),
}
"""Section to its code in DICOM's own scheme."""


def make_uid(*parts: object) -> str:
    """The identifier of what `parts` name: the same for the same parts, under 2.25."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def write_picture(
    path: Path, pixels: NDArray[np.uint16], *, case: Case, view: str, seed: int
) -> None:
    """Write one film as its scanner does.

    Args:
        path: the new file.
        pixels: u16[size, size] in the scanner's levels, 0..4095, bright is dense.
        case: the study.
        view: "PA" or "LATERAL".
        seed: of the archive.
    """
    scanner = SCANNERS[case.scanner]
    number = case.views.index("PA" if view == "PA" else "LATERAL") + 1
    dataset = _study(case, seed=seed)
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = make_uid(*_name(case, seed), view, pixels.shape[0])
    dataset.SeriesInstanceUID = make_uid(*_name(case, seed), view, "series")
    dataset.Modality = "DX"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PresentationIntentType = "FOR PRESENTATION"
    dataset.SeriesNumber, dataset.InstanceNumber = number, 1
    dataset.BodyPartExamined = "CHEST"
    dataset.AnatomicRegionSequence = _code("816094009", "SCT", "Chest")
    position, orientation, code, words = _VIEWS[view]
    dataset.SeriesDescription = words
    dataset.ViewPosition = position
    dataset.ViewCodeSequence = _code(code[0], "SCT", code[1])
    dataset.PatientOrientation = orientation
    dataset.ImageLaterality = "U"
    dataset.AcquisitionContextSequence = Sequence()
    dataset.DetectorType = "DIRECT"
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    _lay_out(dataset, pixels, scanner)
    syntax, plugin = SYNTAXES[scanner.syntax]
    if plugin:
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    _save(path, dataset, syntax)


def write_report(path: Path, case: Case, *, seed: int) -> None:
    """Write the report of a study as a Basic Text SR, a section a container."""
    dataset = _study(case, seed=seed)
    dataset.SOPClassUID = BasicTextSRStorage
    dataset.SOPInstanceUID = make_uid(*_name(case, seed), "report")
    dataset.SeriesInstanceUID = make_uid(*_name(case, seed), "report", "series")
    dataset.Modality = "SR"
    dataset.SeriesNumber, dataset.InstanceNumber = 99, 1
    dataset.SeriesDescription = "Report"
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ContentDate, dataset.ContentTime = dataset.StudyDate, dataset.StudyTime
    dataset.ReferencedPerformedProcedureStepSequence = Sequence()
    dataset.PerformedProcedureCodeSequence = Sequence()
    dataset.ValueType = "CONTAINER"
    dataset.ContinuityOfContent = "SEPARATE"
    dataset.ConceptNameCodeSequence = _code("18748-4", "LN", "Diagnostic imaging report")
    sections = []
    for section in AUTHORS[case.author].headings:
        text: str | None = getattr(case.dictation, section)
        if text is not None:
            value, meaning = _CONCEPTS[section]
            words = Dataset()
            words.RelationshipType, words.ValueType = "CONTAINS", "TEXT"
            words.ConceptNameCodeSequence = _code(value, "DCM", meaning)
            words.TextValue = text
            sections.append(words)
    dataset.ContentSequence = Sequence(sections)
    _save(path, dataset, ExplicitVRLittleEndian)


def _name(case: Case, seed: int) -> tuple[object, ...]:
    """What tells a study from all others."""
    return ("caselight phantom", seed, case.patient, case.number)


def _study(case: Case, *, seed: int) -> Dataset:
    """What all files of a study share: patient, study, machine."""
    scanner = SCANNERS[case.scanner]
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = case.patient_name
    dataset.PatientID = f"patient-{case.patient + 1:06d}"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = case.sex
    dataset.PatientAge = f"{case.age:03d}Y"
    dataset.StudyInstanceUID = make_uid(*_name(case, seed))
    dataset.StudyID = str(case.number + 1)
    dataset.AccessionNumber = case.accession
    dataset.StudyDate = dataset.SeriesDate = case.date.strftime("%Y%m%d")
    # Somewhere in the working day; the archive tells days apart and no more.
    minute = 7 * 60 + (case.patient * 37 + case.number * 11) % (11 * 60)
    dataset.StudyTime = dataset.SeriesTime = f"{minute // 60:02d}{minute % 60:02d}00"
    dataset.StudyDescription = "Chest radiograph"
    dataset.ReferringPhysicianName = ""
    dataset.InstitutionName = scanner.site
    dataset.Manufacturer = scanner.manufacturer
    dataset.ManufacturerModelName = scanner.model
    dataset.StationName = scanner.station
    return dataset


def _lay_out(dataset: Dataset, pixels: NDArray[np.uint16], scanner: Scanner) -> None:
    """Pixels and what says how to read them."""
    black, white = scanner.levels
    stored, centre = pixels, (black + white + 1) / 2
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.PixelIntensityRelationshipSign = -1
    if scanner.inverted:
        stored, centre = WHITE - pixels, WHITE - centre
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.PresentationLUTShape = "INVERSE"
        dataset.PixelIntensityRelationshipSign = 1
    dataset.PixelIntensityRelationship = "LOG"
    dataset.SamplesPerPixel = 1
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    spacing = f"{FIELD_MM / pixels.shape[0]:.5g}"
    dataset.ImagerPixelSpacing = [spacing, spacing]
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.WindowCenter, dataset.WindowWidth = f"{centre:g}", str(white - black + 1)
    dataset.PixelData = stored.astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _code(value: str, scheme: str, meaning: str) -> Sequence:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def _save(path: Path, dataset: Dataset, syntax: UID) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = "CASELIGHT"
    dataset.file_meta = meta
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
