"""Open an archive, whatever it is: a manifest, a public dataset, or a folder of DICOM files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, Self

from caselight.data.datasets import Dataset, named_dataset, open_dataset, recognised
from caselight.data.dicom import archive_files, is_dicom, open_dicom_folder
from caselight.data.manifest import MANIFEST_NAMES, open_manifest
from caselight.data.spool import SpooledArchive
from caselight.errors import DataError
from caselight.types import Rejected, SourceStudy


class Archive(Protocol):
    """What every kind of archive offers; `Manifest` and `DicomFolder` do."""

    rejected: tuple[Rejected, ...]
    """Refused while opening, complete from the start; pictures are judged when they are read."""
    n_studies: int
    """Studies that `studies` gives."""
    n_rows: int
    """Rows or files read, the refused ones among them."""
    ignored_columns: tuple[str, ...]
    """Columns that Caselight does not read, sorted."""
    notes: tuple[str, ...]
    """Things worth telling that refused nothing."""

    def studies(self) -> Iterator[SourceStudy]:
        """Every study that was not refused, in order of first appearance."""

    def close(self) -> None:
        """Free what the archive holds on disk."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def open_archive(
    path: Path, *, mapping: Mapping[str, str], dataset: str | None = None
) -> SpooledArchive:
    """Open a manifest, a folder that holds one, a public dataset, or a folder of DICOM files.

    A manifest wins over a layout that is recognised, and that over DICOM files.

    Args:
        path: file or folder.
        mapping: Caselight's column to the manifest's own name; see `columns.parse_mapping`.
        dataset: read it as this public dataset, whatever else it holds; None recognises one.

    Returns:
        An `Archive`; close it, or use it in a `with`.

    Raises:
        DataError: data.not_found, data.empty_archive, data.no_manifest, data.bad_mapping,
            data.no_such_dataset, and those of `manifest.open_manifest` and `open_dataset`.
    """
    if dataset is not None:
        return _open_dataset(named_dataset(dataset), path, mapping)
    if not path.exists():
        raise DataError(f"nothing at {path}; name a folder or a manifest", code="data.not_found")
    if not path.is_dir() or any((path / name).is_file() for name in MANIFEST_NAMES):
        return open_manifest(path, mapping=mapping)
    found = recognised(path)
    if found is not None:
        return _open_dataset(found, path, mapping)
    some_file = False
    for file in archive_files(path):
        some_file = True
        if _holds_dicom(file):
            if mapping:
                raise DataError(
                    "a folder of DICOM files has no columns to map; leave out --map",
                    code="data.bad_mapping",
                )
            return open_dicom_folder(path)
    if not some_file:
        raise DataError(
            f"{path} holds no files; name the folder that holds the export",
            code="data.empty_archive",
        )
    raise DataError(
        f"{path} holds neither a manifest nor DICOM files; write records.csv into it with two "
        "columns, image (the file's path) and findings (its text), one row an image",
        code="data.no_manifest",
    )


def _open_dataset(dataset: Dataset, path: Path, mapping: Mapping[str, str]) -> SpooledArchive:
    if mapping:
        raise DataError(
            f"{dataset.title} has its own tables, with no columns to map; leave out --map",
            code="data.bad_mapping",
        )
    return open_dataset(dataset, path)


def _holds_dicom(file: Path) -> bool:
    if not file.is_file():
        return False  # A pipe would wait for ever.
    try:
        with file.open("rb") as opened:
            return is_dicom(opened.read(132))
    except OSError:
        return False
