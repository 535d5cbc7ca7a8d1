"""Canary queries: what an index answers is kept with it, and asked for again.

Digests say that no byte was changed; they do not say that a search reads them rightly. So some
items are chosen, the answers to their own codes are computed in the slow, obvious way, without the
compiled scan, the tables or the order in which parts lie, and their digests are signed with the
state of the index. Who asks again goes the way of every search.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from caselight.codes import hamming
from caselight.index.snapshot import Snapshot
from caselight.index.writer import IndexWriter
from caselight.types import Codes

CANARIES = "canaries"
"""In the state of an index: row and digest of the answer, of each."""
MODEL_CANARIES = "model_canaries"
"""In the state: what the model makes of features that are always the same; see there."""
N_CANARIES = 16
K = 10
"""Items of an answer."""
_AT_ONCE = 65_536


def settle(writer: IndexWriter, *, store: str, model_canaries: str | None = None) -> None:
    """Say what an index is of now, and what it must answer: the last step of every change.

    Args:
        writer: the open index.
        store: the generation of the store that it is of.
        model_canaries: what its model must answer; None keeps what was said.
    """
    items = writer.snapshot
    digest = items.digest(writer.version.model)
    state = {"store": store, "digest": digest, CANARIES: _said(items, digest)}
    kept = model_canaries or writer.state.get(MODEL_CANARIES)
    writer.change(state=state if kept is None else {**state, MODEL_CANARIES: kept})


def wrong_canaries(items: Snapshot, state: Mapping[str, str]) -> tuple[int, list[int]]:
    """Ask all canaries as every query is asked; how many there are, and rows of those that fail."""
    said = [one.split(":") for one in state.get(CANARIES, "").split(",") if one]
    wrong = []
    for row, digest in said:
        place = np.searchsorted(items.row, [int(row)])
        found = items.search(items.take(place), k=K)
        if _digest(items.row[found.rows[0]], found.distance[0]) != digest:
            wrong.append(int(row))
    return len(said), wrong


def _said(items: Snapshot, digest: str) -> str:
    """The canaries of an index, chosen by its digest, with what it must answer."""
    rng = np.random.default_rng(int(digest[:16], 16))
    places = np.sort(rng.choice(len(items), min(N_CANARIES, len(items)), replace=False))
    rows, distance = _plain_answers(items, places)
    return ",".join(
        f"{row}:{_digest(*answer)}"
        for row, *answer in zip(items.row[places].tolist(), rows, distance, strict=True)
    )


def _plain_answers(
    items: Snapshot, places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Rows and distances of the K items nearest to each place, in order of distance, then row."""
    queries = items.take(places)
    rows = np.zeros((len(places), 0), dtype=np.int64)
    distance = rows.astype(np.int32)
    for begin in range(0, len(items), _AT_ONCE):
        own = np.arange(begin, min(len(items), begin + _AT_ONCE))
        found = hamming(queries, Codes(packed=items.take(own).packed, n_bits=items.n_bits))
        rows = np.concatenate([rows, np.broadcast_to(items.row[own], found.shape)], axis=1)
        distance = np.concatenate([distance, found], axis=1)
        # Rows rise, so a stable order keeps them rising among equal distances.
        order = np.argsort(distance, axis=1, kind="stable")[:, :K]
        rows = np.take_along_axis(rows, order, axis=1)
        distance = np.take_along_axis(distance, order, axis=1)
    return rows, distance


def _digest(rows: NDArray[np.int64], distance: NDArray[np.int32]) -> str:
    answer = rows.astype("<i8").tobytes() + distance.astype("<i4").tobytes()
    return hashlib.sha256(answer).hexdigest()[:16]
