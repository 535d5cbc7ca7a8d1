"""Remove from a home what belongs to nobody who is left in it.

What to remove is not looked up by patient but by what nobody has: so it needs to know nothing of
the one who was erased, finds what killed processes left as well, and can always be done again.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from caselight.data.features import FeatureCache, text_key
from caselight.data.store import Store
from caselight.data.system_errors import explained
from caselight.data.texts import all_texts
from caselight.data.tombstones import flush

_STAGED = re.compile(r"\..+-[0-9a-f]{8,16}")
"""The name of a file that was being written."""


def sweep_pictures(store: Store, folder: str, *, without: str, remove: bool) -> int:
    """Remove the files of a folder of pictures that no image names.

    Args:
        store: the open home; no ingest may run.
        folder: `pixels` or `thumbnails`.
        without: a patient to be looked at as if he were gone; empty for none.
        remove: whether to remove them; else they are only counted.

    Returns:
        How many there are.
    """
    count = 0
    with explained():
        for below in sorted((store.home / folder).glob("*")):
            stray = [path for path in _files(below) if not _named(store, path, without)]
            count += len(stray)
            if not remove or not stray:
                continue
            for path in stray:
                path.unlink(missing_ok=True)
            if below.is_dir():
                flush(below)
                with contextlib.suppress(OSError):
                    below.rmdir()  # where it is empty now
    return count


def sweep_features(store: Store, *, without: str, remove: bool) -> int:
    """Remove the features of pictures and texts that nobody has; takes what `sweep_pictures` does.

    Whose a text is that was said otherwise for a training cannot be told, so the features of all of
    these go, and are made anew when they are needed.
    """
    path = store.home / "features.sqlite"
    if not path.exists():
        return 0
    with contextlib.closing(FeatureCache(path)) as cache:
        return cache.sweep(_keys(store, without), remove=remove)


def sweep_staged(home: Path) -> None:
    """Remove what killed writers left in the home's own folder; nobody else is writing there."""
    with explained():
        for path in home.iterdir():
            if path.is_file() and _STAGED.fullmatch(path.name):
                path.unlink(missing_ok=True)


def _files(below: Path) -> list[Path]:
    return sorted(below.iterdir()) if below.is_dir() else [below]


def _named(store: Store, path: Path, without: str) -> bool:
    """Whether a file is the whole picture of an image that somebody has."""
    digest, dot, ending = path.name.partition(".")
    return (dot + ending) == ".png" and store.holds_picture(digest, without=without)


def _keys(store: Store, without: str) -> Iterator[str]:
    for _, study in store.studies():
        if study.patient_key != without:
            yield from (image.digest for image in study.images)
            yield from map(text_key, all_texts(study))
