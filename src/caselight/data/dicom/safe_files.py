"""DICOM files opened so that no claim of theirs is allocated, and no value of theirs printed."""

import io
import logging
import os
import warnings
from pathlib import Path

_SURELY_SMALL = 1 << 16
"""Bytes; a read of no more is let through without asking how large the file is."""


class _File(io.BufferedReader):
    """A file that reads no further than it goes.

    A header may give a value any length up to 4 GiB, and Python makes room for all of it before it
    finds that the file has ended.
    """

    def __init__(self, path: Path, mode: str = "rb") -> None:  # noqa: ARG002 (as pydicom reopens it)
        # Its name has to be text: pydicom opens by it what it left in the file.
        super().__init__(io.FileIO(str(path)))

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes; the rest of the file where it is None or negative."""
        if size is not None and size > _SURELY_SMALL:
            left = os.fstat(self.fileno()).st_size - self.tell()
            size = max(0, min(size, left))
        return super().read(size)


def open_file(path: Path) -> io.BufferedReader:
    """Open a DICOM file for reading."""
    return _File(path)


def silence_pydicom() -> None:
    """Keep pydicom from printing and logging: its warnings quote header values, names among them.

    This reaches every use of pydicom in the process, which no narrower switch does: its warnings
    are raised deep inside of parsing, and filters of a single thread do not exist.
    """
    warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
