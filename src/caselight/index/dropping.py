"""Take studies out of a home's indexes for good, so that searching goes on without building."""

import contextlib
import shutil
from collections.abc import Collection
from pathlib import Path

import numpy as np

from caselight.errors import IndexMismatch
from caselight.index.canaries import settle
from caselight.index.journal import Seal
from caselight.index.manifest import POINTER, current_folder, index_folders, read_snapshot
from caselight.index.writer import IndexWriter


def drop_studies(
    home: Path,
    *,
    kept: Collection[int],
    before: str,
    after: str,
    seal: Seal,
    remove: bool = True,
) -> int:
    """Take the items of studies that are no more out of every index, and off the disk.

    It goes by who is left: an index that is behind its store may hold items of an erased patient
    that nobody can name any more. A damaged one is removed whole: who is in it cannot be told.

    Args:
        home: the home; may have no index.
        kept: rows in the store of the studies that are left.
        before: the store's generation before studies were erased.
        after: and after that. An index that was fresh before is fresh after.
        seal: signs the indexes.
        remove: whether to do it; else the items are only counted.

    Returns:
        How many items of all indexes were of other studies.

    Raises:
        IndexMismatch: `index.locked` while another process writes to one, or
            `index.newer_version`.
    """
    left = np.fromiter(kept, dtype=np.int64, count=len(kept))
    n_gone = 0
    for folder in index_folders(home):
        try:
            _, items, state = read_snapshot(folder, seal=seal, whole=True)
        except IndexMismatch as error:
            if error.code == "index.newer_version":
                raise
            if remove:
                _remove(home, folder)
            continue
        gone = items.row[~np.isin(items.column("study"), left)]
        n_gone += len(gone)
        if remove:
            with IndexWriter(folder, seal=seal) as writer:
                writer.change(remove=gone)
                store = state.get("store", "")
                settle(writer, store=after if store == before else store)
                # Also where no item goes: those of an earlier erasure that was killed may be left.
                writer.compact()
    if remove and (home / "index").is_dir():
        for path in (home / "index").iterdir():
            if path.is_file() and path.name != POINTER:
                path.unlink()
    return n_gone


def _remove(home: Path, folder: Path) -> None:
    with contextlib.suppress(IndexMismatch):
        if current_folder(home) == folder:
            (home / "index" / POINTER).unlink()
    shutil.rmtree(folder)
