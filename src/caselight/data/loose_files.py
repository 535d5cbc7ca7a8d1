"""Pictures and texts that belong to no home and to no archive: what a person has at hand."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from caselight.data.dicom import is_dicom, read_head
from caselight.data.pixels import DICOM_SUFFIXES, IMAGE_SUFFIXES
from caselight.errors import DataError, UsageError
from caselight.types import SourceImage


def loose_things(
    images: Iterable[Path | str], texts: Iterable[str | tuple[str, str]]
) -> tuple[tuple[SourceImage, ...], tuple[tuple[str, str], ...]]:
    """Pictures as `loose_images` finds them, and texts as (id, text); a text's place is its id.

    Raises:
        UsageError: when neither is named.
        DataError: those of `loose_images`; `data.bad_row` for an id or a text that cannot be kept.
    """
    named = tuple(
        (str(number), one) if isinstance(one, str) else one
        for number, one in enumerate(texts, start=1)
    )
    for number, (name, text) in enumerate(named, start=1):
        if not _can_be_kept(name, text):
            raise DataError(
                f"text {number} is empty, or its id is, or one of them is no Unicode text; give "
                "words, and a name for them",
                code="data.bad_row",
            )
    found = loose_images([Path(path) for path in images])
    if not found and not named:
        raise UsageError("found neither pictures nor texts; name some of either")
    return found, named


def loose_images(paths: Iterable[Path]) -> tuple[SourceImage, ...]:
    """Find the pictures that some paths name, not yet read.

    Args:
        paths: files, taken whatever they are, and folders, of which PNG, JPEG and DICOM files are
            taken, in order of path; hidden files and folders are passed over.

    Returns:
        Images whose name is the path inside the folder, or the file's own name.

    Raises:
        DataError: `data.not_found`, or `data.empty_archive` for a folder without pictures.
    """
    found: list[SourceImage] = []
    for path in paths:
        if not path.exists():
            raise DataError(f"nothing at {path}; name a picture or a folder", code="data.not_found")
        if not path.is_dir():
            found.append(SourceImage(path=path, name=path.name))
            continue
        inside = [
            SourceImage(path=file, name=file.relative_to(path).as_posix())
            for file in _files(path)
            if _is_picture(file)
        ]
        if not inside:
            raise DataError(
                f"{path} holds no PNG, JPEG or DICOM file; name the folder that holds the pictures",
                code="data.empty_archive",
            )
        found += inside
    return tuple(found)


def loose_texts(path: Path) -> tuple[tuple[str, str], ...]:
    """Read one text a line.

    Args:
        path: a .jsonl file, whose lines are strings or objects with `text` and perhaps `id`; any
            other file is plain text. Empty lines are passed over.

    Returns:
        (id, text) of each; the id is the line's number where the line gives none.

    Raises:
        DataError: `data.not_found`, `data.empty_file` without any text, or `data.bad_row`.
    """
    try:
        # Not splitlines: it takes marks for line ends that JSON allows within a string.
        lines = path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise DataError(
            f"{path.name} is not UTF-8; save it again as UTF-8", code="data.bad_row"
        ) from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); name a file with one text a line",
            code="data.not_found",
        ) from None
    read = _json_line if path.suffix.lower() == ".jsonl" else _plain_line
    texts = tuple(read(number, line) for number, line in enumerate(lines, 1) if line.strip())
    if not texts:
        raise DataError(f"{path.name} holds no text; write one a line", code="data.empty_file")
    return texts


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(files) if not name.startswith("."))


def _is_picture(file: Path) -> bool:
    if file.suffix.lower() in (*IMAGE_SUFFIXES, *DICOM_SUFFIXES):
        return True
    try:
        return file.name != "DICOMDIR" and is_dicom(read_head(file))
    except DataError:
        return False


def _plain_line(number: int, line: str) -> tuple[str, str]:
    return str(number), line.strip()


def _json_line(number: int, line: str) -> tuple[str, str]:
    try:
        value = json.loads(line)
    except ValueError:
        raise _bad_line(number) from None
    if isinstance(value, dict):
        name, text = value.get("id", number), value.get("text")
    else:
        name, text = number, value
    if not isinstance(text, str) or not isinstance(name, str | int):
        raise _bad_line(number)
    if not _can_be_kept(str(name), text):
        raise _bad_line(number)
    return str(name), text.strip()


def _can_be_kept(name: str, text: str) -> bool:
    """Whether every form of file gives both back: an empty id would be none, a NUL is cut off."""
    try:
        f"{name}{text}".encode()
    except UnicodeEncodeError:
        return False
    return bool(name) and "\0" not in name and bool(text.strip())


def _bad_line(number: int) -> DataError:
    return DataError(
        f"line {number} is neither a JSON string nor an object with a text; write "
        '{"id": "a", "text": "no effusion"}',
        code="data.bad_row",
    )
