"""What a DICOM file claims is not allocated, and what it holds is not printed."""

import contextlib
import logging
import tracemalloc
import warnings
from pathlib import Path

import pydicom

from caselight.data.dicom.facts import read_facts
from caselight.data.dicom.safe_files import open_file
from caselight.errors import DataError
from tests.data import broken
from tests.homes import process

WORDS = "Confidential^Someone"


def test_a_read_never_makes_room_for_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"a" * 1000)
    tracemalloc.start()
    with open_file(path) as file:
        assert file.read(10) == b"a" * 10
        assert file.read(1 << 40) == b"a" * 990
        assert file.read(1 << 40) == b""
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_it_reads_as_any_other_file(tmp_path: Path) -> None:
    path = tmp_path / "long"
    content = bytes(range(256)) * 1000
    path.write_bytes(content)
    with open_file(path) as file:
        assert file.read() == content
        file.seek(100)
        assert file.read(None) == content[100:]
        file.seek(0)
        assert file.read(1 << 17) == content[: 1 << 17]


def test_a_header_value_of_four_gigabytes_takes_no_room(tmp_path: Path) -> None:
    path = broken.dicom_file(tmp_path)
    data = bytearray(path.read_bytes())
    # Behind the length of the file meta group, a value of that group.
    data[144:144] = b"\x02\x00\x02\x01OB\x00\x00\xf0\xff\xff\xff"
    path.write_bytes(data)
    tracemalloc.start()
    with contextlib.suppress(DataError):  # whether it is refused is not the question here
        read_facts(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 22


def test_malformed_values_are_not_printed(tmp_path: Path) -> None:
    """A warning of pydicom's quotes what it warns of."""
    folder = tmp_path / "archive"
    folder.mkdir()
    path = broken.dicom_file(folder, PatientID="P1")
    data = path.read_bytes()
    uid = pydicom.dcmread(path).file_meta.MediaStorageSOPInstanceUID.encode()
    spoilt = WORDS.encode().ljust(len(uid), b"x")[: len(uid)]
    assert spoilt.startswith(WORDS.encode())
    path.write_bytes(data.replace(uid, spoilt, 1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pydicom.dcmread(path).file_meta.MediaStorageSOPInstanceUID  # noqa: B018 (it warns)
    assert WORDS in str([str(warning.message) for warning in caught])
    said = process("ingest", folder, "--home", tmp_path / "home")
    assert WORDS not in said.err + said.out
    assert "Warning" not in said.err


def test_pydicom_does_not_log_what_it_warns_of() -> None:
    assert not logging.getLogger("pydicom").isEnabledFor(logging.WARNING)
