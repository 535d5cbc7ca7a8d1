"""Remove from a home what belongs to nobody who is left in it.

What to remove is not looked up by patient but by what nobody has: so it needs to know nothing of
the one who was erased, finds what killed processes left as well, and can always be done again.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from caselight.data import feedback, words
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


def sweep_said(store: Store, *, without: str, remove: bool) -> dict[str, int]:
    """Remove feedback, and kept words, of who is gone; takes what `sweep_pictures` does.

    Feedback is of the patient whose study it is on, and of those whom its query named; words are
    of those whom they came with. No key is needed to sweep words.

    Returns:
        How much `feedback`, and the `words` of how many searches.
    """
    here = _owners(store) - {without}
    n_said = {"feedback": 0, "words": 0}
    if (store.home / feedback.FILE).exists():
        with feedback.open_feedback(store.home) as given:
            gone = [one.id for one in given.all() if not _is_here(store, one, here)]
            n_said["feedback"] = len(gone)
            if remove:
                given.drop(gone)
    if words.has_words(store.home):
        with words.kept_words(store.home) as kept:
            stray = kept.stray(here.__contains__)
            n_said["words"] = len(stray)
            if remove:
                kept.forget(stray)
    return n_said


def sweep_staged(home: Path) -> None:
    """Remove what killed writers left in the home's own folder; nobody else is writing there."""
    with explained():
        for path in home.iterdir():
            if path.is_file() and _STAGED.fullmatch(path.name):
                path.unlink(missing_ok=True)


def _is_here(store: Store, one: feedback.Feedback, here: set[str]) -> bool:
    """Whether everybody whom feedback is about is there, and the study with its present owner."""
    found = store.rows_named([one.study_uid])
    owner = {store.owner(one.study_uid)} if found else {""}
    return {one.patient_key, *one.named, *owner} <= here


def _owners(store: Store) -> set[str]:
    """Who has a study: a salt alone, which a late search may have made again, is nobody."""
    return {owner for _, owner in store.facts("patient_key")}


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
