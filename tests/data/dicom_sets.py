"""Named DICOM folders, good and bad: each builder fills one and returns it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests.data import broken
from tests.homes import write_records

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2.1"
DX_IMAGE = "1.2.840.10008.5.1.4.1.1.1.1"
RAW_DX_IMAGE = "1.2.840.10008.5.1.4.1.1.1.1.1"
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
RT_PLAN = "1.2.840.10008.5.1.4.1.1.481.5"

AXIAL = [1, 0, 0, 0, 1, 0]
CORONAL = [1, 0, 0, 0, 0, -1]
NO_PICTURE: dict[str, Any] = {"Rows": None, "Columns": None, "PixelData": None}
_RNG_SIDE = 16


def noise(seed: int, *, side: int = _RNG_SIDE) -> Any:
    """Values of a CT or a film, each picture unlike every other."""
    return np.random.default_rng(seed).integers(-1000, 1000, size=(side, side), dtype=np.int16)


def film(folder: Path, name: str, *, uid: str, study: str = "1.2.3.4", **tags: Any) -> Path:
    """One chest film."""
    pixels = noise(hash_of(uid)).view(np.uint16) >> 4
    usual: dict[str, Any] = {
        "SOPClassUID": DX_IMAGE,
        "Modality": "DX",
        "PresentationIntentType": "FOR PRESENTATION",
        "PatientID": "id-4711",
        "StudyDate": "20240131",
    }
    return broken.dicom_file(
        folder, name, pixels=pixels, SOPInstanceUID=uid, StudyInstanceUID=study, **(usual | tags)
    )


def hash_of(uid: str) -> int:
    return int.from_bytes(uid.encode()[-6:], "big")


def ct_slice(folder: Path, n: int, *, z: float | None = None, **tags: Any) -> Path:
    """Slice `n` of a CT series; five millimetres a slice unless `z` says where it lies."""
    at = 5.0 * n if z is None else z
    side = tags.pop("side", _RNG_SIDE)
    usual: dict[str, Any] = {
        "SOPClassUID": CT_IMAGE,
        "Modality": "CT",
        "PatientID": "id-4711",
        "StudyInstanceUID": "1.2.5",
        "SeriesInstanceUID": "1.2.5.1",
        "SOPInstanceUID": f"1.2.5.1.{n}",
        "SeriesNumber": 1,
        "InstanceNumber": n,
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "ImagePositionPatient": [0, 0, at],
        "ImageOrientationPatient": AXIAL,
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        "WindowCenter": 40,
        "WindowWidth": 400,
    }
    values = usual | tags
    uid = str(values["SOPInstanceUID"])
    return broken.dicom_file(folder, f"{uid}.dcm", pixels=noise(hash_of(uid), side=side), **values)


def ct_series(folder: Path, n_slices: int = 9, *, without: Sequence[int] = (), **tags: Any) -> Path:
    """A CT series; numbered against its direction, so that numbers alone would mislead."""
    for n in range(n_slices):
        if n not in without:
            ct_slice(folder, n, InstanceNumber=n_slices - n, **tags)
    return folder


def mixed_series(folder: Path) -> Path:
    """One series of axial slices, a localizer, coronal slices and slices of another size."""
    ct_series(folder, 4)
    ct_slice(folder, 90, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], z=0.0)
    for n in range(3):
        place = [0, 5 * n, 0]
        ct_slice(folder, 20 + n, ImagePositionPatient=place, ImageOrientationPatient=CORONAL)
        ct_slice(folder, 40 + n, side=32)
    return folder


def missing_slices(folder: Path) -> Path:
    """Ten slices of which two in a row and one by itself were lost."""
    return ct_series(folder, 10, without=(3, 4, 7))


def doubled_slices(folder: Path) -> Path:
    """Five places, each scanned twice: plain, then with contrast."""
    for n in range(5):
        ct_slice(folder, n, z=5.0 * n, InstanceNumber=1, AcquisitionNumber=1)
        ct_slice(folder, 10 + n, z=5.0 * n, InstanceNumber=2, AcquisitionNumber=2)
    return folder


def duplicate_instances(folder: Path) -> Path:
    """A film, its copy byte for byte, and a film of its SOPInstanceUID with other pixels."""
    one = film(folder, "a.dcm", uid="1.2.1")
    (folder / "b.dcm").write_bytes(one.read_bytes())
    broken.dicom_file(folder, "c.dcm", SOPInstanceUID="1.2.1", PatientID="id-4711")
    film(folder, "d.dcm", uid="1.2.2")
    return folder


def renamed_bytes(path: Path, old: bytes, new: bytes) -> Path:
    """Replace bytes of a header value by as many others, as no honest writer would."""
    assert len(old) == len(new)
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    return path


def wrong_character_sets(folder: Path) -> Path:
    """Names in other character sets than declared, or in none that exists, and their reports."""
    for n, (declared, encoding) in enumerate(
        [
            ("ISO_IR 192", "latin-1"),
            ("ISO_IR 100", "utf-8"),
            (None, "latin-1"),
            ("ISO_IR 999", "utf-8"),
        ]
    ):
        name = "Grünwald".encode(encoding)
        tags = {} if declared is None else {"SpecificCharacterSet": "ISO_IR 100"}
        path = film(
            folder,
            f"{n}.dcm",
            uid=f"1.2.{n}",
            study=f"1.2.3.{n}",
            PatientID=f"id-{n}",
            PatientName="x" * len(name) + "^Ida",
            AccessionNumber=f"ACC{n}",
            **tags,
        )
        renamed_bytes(path, b"x" * len(name), name)
        if declared is not None:
            renamed_bytes(path, b"ISO_IR 100", declared.encode())
        write_report(
            folder / f"{n}.txt",
            f"Accession: ACC{n}\nFINDINGS: Mrs Ida Grünwald has clear lungs {n}.\n",
            encoding="latin-1" if n % 2 else "utf-8",
        )
    return folder


def write_report(path: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def lone_reports_and_images(folder: Path) -> Path:
    """A film with its report, a film without, and a report without."""
    film(folder, "a.dcm", uid="1.1.1", study="1.1", AccessionNumber="ACC1")
    film(folder, "b.dcm", uid="1.2.1", study="1.2", AccessionNumber="ACC2")
    write_report(folder / "a.txt", "Accession: ACC1\nFINDINGS: Clear lungs.\n")
    write_report(folder / "c.txt", "Accession: ACC3\nIMPRESSION: Small effusion.\n")
    return folder


def report_of_two_studies(folder: Path) -> Path:
    """Two studies share an accession number, and a report has it."""
    film(folder, "a.dcm", uid="1.1.1", study="1.1", AccessionNumber="ACC1")
    film(folder, "b.dcm", uid="1.2.1", study="1.2", AccessionNumber="ACC1")
    write_report(folder / "r.txt", "Accession: ACC1\nFINDINGS: Whose?\n")
    return folder


def code(meaning: str) -> Items:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99T", meaning
    return Items([item])


def structured_report(folder: Path, name: str, sections: dict[str, str], **tags: Any) -> Path:
    """A Basic Text SR: a container a heading, a text in each."""
    containers = []
    for heading, text in sections.items():
        words = Dataset()
        words.RelationshipType, words.ValueType, words.TextValue = "CONTAINS", "TEXT", text
        words.ConceptNameCodeSequence = code("Finding")
        container = Dataset()
        container.RelationshipType, container.ValueType = "CONTAINS", "CONTAINER"
        container.ContinuityOfContent = "SEPARATE"
        container.ConceptNameCodeSequence = code(heading)
        container.ContentSequence = Items([words])
        containers.append(container)
    usual: dict[str, Any] = {
        "SOPClassUID": BASIC_TEXT_SR,
        "Modality": "SR",
        "PatientID": "id-4711",
        "ValueType": "CONTAINER",
        "ConceptNameCodeSequence": code("Radiology Report"),
        "ContentSequence": Items(containers),
    }
    return broken.dicom_file(folder, name, **(NO_PICTURE | usual | tags))


def no_pictures(folder: Path) -> Path:
    """A film with a presentation state, a key object note and a plan beside it."""
    film(folder, "a.dcm", uid="1.2.1")
    for n, sop_class in enumerate((PRESENTATION_STATE, KEY_OBJECTS, KEY_OBJECTS, RT_PLAN)):
        tags = NO_PICTURE | {"SOPClassUID": sop_class, "SOPInstanceUID": f"1.2.9.{n}"}
        broken.dicom_file(folder, f"z{n}.dcm", **tags)
    return folder


def raw_and_presented(folder: Path) -> Path:
    """A film as the detector gave it and as a reader sees it."""
    film(folder, "a.dcm", uid="1.2.1")
    intent = {"SOPClassUID": RAW_DX_IMAGE, "PresentationIntentType": "FOR PROCESSING"}
    film(folder, "b.dcm", uid="1.2.2", **intent)
    return folder


def cine(folder: Path, n_frames: int = 7, **tags: Any) -> Path:
    """An ultrasound clip in one file."""
    frames = np.random.default_rng(3).integers(0, 256, size=(n_frames, 8, 9), dtype=np.uint8)
    usual: dict[str, Any] = {
        "SOPClassUID": US_MULTI_FRAME,
        "SOPInstanceUID": "1.2.7",
        "Modality": "US",
        "NumberOfFrames": n_frames,
        "Rows": 8,
        "Columns": 9,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PlanarConfiguration": None,
        "PixelData": frames.tobytes(),
    }
    return broken.dicom_file(
        folder, "cine.dcm", pixels=np.dstack([frames[0]] * 3), **(usual | tags)
    )


def enhanced_ct(folder: Path, places: Sequence[float]) -> Path:
    """An Enhanced CT whose frames lie where `places` says, in this order."""

    def item(keyword: str, value: object) -> Items:
        held = Dataset()
        setattr(held, keyword, value)
        return Items([held])

    shared = Dataset()
    shared.PlaneOrientationSequence = item("ImageOrientationPatient", AXIAL)
    rescale = Dataset()
    rescale.RescaleIntercept, rescale.RescaleSlope, rescale.RescaleType = 0, 1, "HU"
    shared.PixelValueTransformationSequence = Items([rescale])
    frames = []
    for z in places:
        frame = Dataset()
        frame.PlanePositionSequence = item("ImagePositionPatient", [0, 0, z])
        frames.append(frame)
    pixels = np.stack([noise(100 + n, side=8) for n in range(len(places))])
    return broken.dicom_file(
        folder,
        "enhanced.dcm",
        pixels=pixels[0],
        SOPClassUID=ENHANCED_CT_IMAGE,
        SOPInstanceUID="1.2.8",
        Modality="CT",
        NumberOfFrames=len(places),
        PixelData=pixels.tobytes(),
        SharedFunctionalGroupsSequence=Items([shared]),
        PerFrameFunctionalGroupsSequence=Items(frames),
    )


def disagreeing_manifest(folder: Path) -> Path:
    """A manifest that says of a film what its header does not, and of another what it says too."""
    film(
        folder, "a.dcm", uid="1.2.1", ViewPosition="PA", ImageLaterality="L", PatientSex="F",
        PatientAge="063Y",
    )  # fmt: skip
    film(folder, "b.dcm", uid="1.2.2", ViewPosition="LL", PatientSex="M")
    rows = [
        {
            "image": "a.dcm", "study_id": "a", "patient_id": "p1", "view": "AP",
            "laterality": "R", "modality": "CT", "date": "2023-01-01", "age": 40, "sex": "M",
            "findings": "Clear.",
        },
        {
            "image": "b.dcm", "study_id": "b", "patient_id": "p2", "view": "LATERAL",
            "modality": "X-ray", "age": 50, "findings": "Clear too.",
        },
    ]  # fmt: skip
    write_records(folder, rows)
    return folder
