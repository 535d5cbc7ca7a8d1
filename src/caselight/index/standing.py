"""Whether the index on disk is still the one that was opened."""

import contextlib
from pathlib import Path

from caselight.index.manifest import current_folder

Standing = tuple[str, tuple[tuple[str, int, int, int, int], ...]]
"""Equal for two moments exactly when no file of the current index came, went or was written to in
between, and it is still the current one."""


def standing(home: Path) -> Standing:
    """How the files of the current index stand now; none of them is read.

    A change by a writer shows in names and sizes: a journal grows, and what replaces a segment or a
    journal has a new name. What anybody else writes into a file shows in its times.

    Raises:
        IndexMismatch: `index.missing` or `index.digest_mismatch`.
    """
    folder = current_folder(home)
    found = []
    # What a writer takes away meanwhile is gone, and that is seen, too.
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.name[0] != ".":  # not whole yet, and nobody reads it
                stat = path.stat()
                times = stat.st_mtime_ns, stat.st_ctime_ns
                found.append((path.name, stat.st_ino, stat.st_size, *times))
    return folder.name, tuple(sorted(found))
