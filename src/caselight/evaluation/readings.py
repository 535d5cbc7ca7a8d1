"""The ways to read a model: distances between queries and gallery, for each of them.

`float`: cosine of float embeddings trained without any hash term. `bits_N`: Hamming distance of N
bit codes, nothing else. `float_query_bits_N`: the real-valued query against the gallery's bits.
`rescored_bits_N`: a Hamming shortlist put in order by the float embedding; the rest follows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caselight.codes import hamming, pack_signs, sign_bits, unpack_signs
from caselight.evaluation.relevance import Task
from caselight.models.dual_encoder import DualEncoder, Modality
from caselight.types import Codes, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Features of a gallery's images and texts, one row an entry; texts that miss are zero."""

    image: NDArray[np.float32]
    text: NDArray[np.float32]

    def of(self, modality: Modality) -> NDArray[np.float32]:
        """The rows of one modality."""
        return self.image if modality == "image" else self.text


def modalities(task: Task) -> tuple[Modality, Modality]:
    """What a direction's query and answer are."""
    first, last = task.name.split("_to_")
    return ("text" if first == "text" else "image", "text" if last == "text" else "image")


def float_distance(
    query: FloatArray | IntArray, answer: FloatArray | IntArray
) -> NDArray[np.float64]:
    """Negative inner product, rounded so that equal inputs tie whatever the order of summation."""
    return -np.round(query.astype(np.float64) @ answer.T.astype(np.float64), 6)


def rescored_distance(
    coarse: NDArray[np.int32], fine: NDArray[np.float64], *, shortlist: int
) -> NDArray[np.float64]:
    """Order the nearest by `fine`, everything else behind them by `coarse`.

    Codes at the cut-off distance all enter, so that no tie is broken by order: a query's shortlist
    may be longer than `shortlist`.
    """
    k = min(shortlist, coarse.shape[1])
    cutoff = np.partition(coarse, k - 1, axis=1)[:, k - 1 : k]
    behind = float(fine.max(initial=0.0)) + 1.0
    return np.where(coarse <= cutoff, fine, behind + coarse)


def read_model(
    model: DualEncoder, features: Features, task: Task, *, shortlist: int
) -> Iterator[tuple[str, FloatArray | IntArray]]:
    """Yield every reading's name and distances, [Q, M]; lower is nearer."""
    asks, answers = modalities(task)
    queries, gallery = features.of(asks)[task.queries], features.of(answers)[task.answers]
    fine = float_distance(model.embed(queries, asks).mean, model.embed(gallery, answers).mean)
    yield "float", fine
    for n_bits in model.bits:
        soft = model.soft_bits(queries, asks, n_bits)
        codes = model.encode_codes(gallery, answers, n_bits)
        yield from bit_readings(f"bits_{n_bits}", soft, codes, fine, shortlist=shortlist)


def bit_readings(
    name: str,
    soft: FloatArray,
    codes: Codes,
    fine: NDArray[np.float64],
    *,
    shortlist: int,
) -> Iterator[tuple[str, FloatArray | IntArray]]:
    """The three readings of one set of codes: symmetric, real-valued query, rescored."""
    coarse = hamming(pack_signs(sign_bits(soft)), codes)
    yield name, coarse
    yield f"float_query_{name}", float_distance(soft, unpack_signs(codes))
    yield f"rescored_{name}", rescored_distance(coarse, fine, shortlist=shortlist)
