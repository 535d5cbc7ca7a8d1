"""Files and folders that appear whole or not at all, and never over something that is there."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from caselight.data.system_errors import explained
from caselight.errors import DataError


def refuse_existing(target: Path) -> None:
    """Refuse a target that is there already; an empty folder is none, but the one we stand in is.

    Raises:
        DataError: `data.not_empty`.
    """
    nameless = target.name in ("", "..")
    if (
        nameless
        or target.is_symlink()
        or (target.exists() and (not target.is_dir() or any(target.iterdir())))
    ):
        raise DataError(
            f"{target} is there already, and nothing is ever overwritten; name a new one",
            code="data.not_empty",
        )


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Give a file to write, and move it to its target once it is whole.

    Yields:
        A path beside the target; nothing is left of it when the writing fails.

    Raises:
        DataError: `data.not_empty` when the target is there.
        StoreError: when the system refuses to write.
    """
    refuse_existing(target)
    staged = _beside(target)
    try:
        with explained():
            target.parent.mkdir(parents=True, exist_ok=True)
            yield staged
            _publish(staged, target)
    finally:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder to fill, for its owner's eyes alone, and move it to its target once it is full.

    Raises like `new_file`.
    """
    refuse_existing(target)
    staged = _beside(target)
    try:
        with explained():
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.mkdir(mode=0o700)
            yield staged
            if target.is_dir():
                target.rmdir()  # it was empty; where it no longer is, this refuses
            staged.rename(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}-{secrets.token_hex(4)}")


def _publish(staged: Path, target: Path) -> None:
    """Move a finished file into place unless something has come there since."""
    try:
        os.link(staged, target)
    except FileExistsError:
        refuse_existing(target)
        raise
    except OSError:
        # A file system without links.
        refuse_existing(target)
        staged.replace(target)
