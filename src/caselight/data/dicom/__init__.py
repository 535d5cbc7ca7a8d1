"""DICOM: headers read without trusting them, folders as studies, frames as pictures.

Start with `folder.open_dicom_folder` for studies, `facts.read_facts` for one header,
`series.expand` for which pictures of a study are read, and `frames.read_dicom_pixels` for pixels.
"""

from caselight.data.dicom.folder import DicomFolder, archive_files, open_dicom_folder
from caselight.data.dicom.frames import read_dicom_pixels
from caselight.data.dicom.headers import is_dicom, read_head
from caselight.data.dicom.safe_files import silence_pydicom

silence_pydicom()

__all__ = [
    "DicomFolder",
    "archive_files",
    "is_dicom",
    "open_dicom_folder",
    "read_dicom_pixels",
    "read_head",
]
