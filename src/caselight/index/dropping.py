"""Take studies out of an index, so that searching goes on without building it again."""

import shutil
from collections.abc import Collection
from pathlib import Path

import numpy as np

from caselight.errors import IndexMismatch
from caselight.index.manifest import Rows, read_index, read_manifest, write_index
from caselight.types import Codes


def drop_studies(
    home: Path, *, kept: Collection[int], before: str, after: str, remove: bool = True
) -> int:
    """Write the index anew without the codes and embeddings of studies that are no more.

    It goes by who is left: an index that is behind its store may hold rows of an erased patient
    that nobody can name any more. A damaged one is removed whole: who is in it cannot be told.

    Args:
        home: the home; may have no index.
        kept: rows in the store of the studies that are left.
        before: the store's generation before studies were erased.
        after: and after that. An index that was fresh before is fresh after.
        remove: whether to write it; else the rows are only counted.

    Returns:
        How many rows of the index were of other studies.
    """
    root = home / "index"
    if not root.is_dir():
        return 0
    try:
        manifest = read_manifest(home)
        index = read_index(home, store=manifest.store)
    except IndexMismatch:
        if remove:
            shutil.rmtree(root)
        return 0
    left = np.isin(index.rows.study, np.fromiter(kept, dtype=np.int64, count=len(kept)))
    if remove:
        # Also where no row goes: whatever another build left behind is dropped with the old index.
        write_index(
            home,
            rows=Rows(
                kind=index.rows.kind[left],
                study=index.rows.study[left],
                position=index.rows.position[left],
            ),
            codes=Codes(packed=index.flat.codes.packed[left], n_bits=manifest.n_bits),
            embeddings=index.embeddings[left],
            model=manifest.model,
            store=after if manifest.store == before else manifest.store,
        )
    return int((~left).sum())
