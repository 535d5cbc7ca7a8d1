"""Fitting the linear models of the guards: windows, weights, the worst window of each text."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

from caselight.mediator.guards import read_text
from caselight.mediator.guards.characters import skeleton
from caselight.mediator.guards.features import buckets, windows
from caselight.mediator.guards.linear import Linear
from guard_corpus import SEED, Row

N_BUCKETS = 2**18
ROUNDS = 100
_MOST_WINDOWS = 12
"""Of one training text: a long one has hundreds, and they say much the same."""


def windows_read(text: str) -> list[str]:
    """Every window that the guard would score, of the text and of its decoded views."""
    reading = read_text(text, most=4_000)
    return [w for one in reading.texts for w in windows(skeleton(one)) if w] or [""]


def whole(text: str) -> list[str]:
    """The text as one window, as the layer `off_topic` reads it."""
    return [skeleton(read_text(text, most=4_000).cleaned.text[:2_000])]


def packed(
    texts: Sequence[str], cut: Callable[[str], list[str]], *, most: int | None = None
) -> tuple[csr_matrix, NDArray[np.int64]]:
    """Windows as rows of features, each of length 1, and the text that each belongs to."""
    rng = random.Random(SEED)
    found: list[NDArray[np.uint32]] = []
    owner: list[int] = []
    for i, text in enumerate(texts):
        cuts = cut(text)
        if most is not None and len(cuts) > most:
            cuts = [cuts[0], *rng.sample(cuts[1:], most - 1)]
        for window in cuts:
            found.append(buckets(window, n_buckets=N_BUCKETS))
            owner.append(i)
    sizes = np.array([len(one) for one in found])
    table = csr_matrix(
        (
            np.repeat(1 / np.sqrt(sizes), sizes).astype(np.float32),
            np.concatenate(found).astype(np.int32),
            np.concatenate([[0], np.cumsum(sizes)]),
        ),
        shape=(len(found), N_BUCKETS),
    )
    return table, np.array(owner)


def worst(scores: NDArray[np.float32], owner: NDArray[np.int64]) -> NDArray[np.float64]:
    """The highest score of each text's windows."""
    found = np.full(owner.max() + 1, -np.inf)
    np.maximum.at(found, owner, scores)
    return found


def fit(
    table: csr_matrix,
    positive: NDArray[np.bool_],
    weights: NDArray[np.float32],
    *,
    l2: float,
    start: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Weighted logistic regression by L-BFGS; the last number is the bias, which is not shrunk."""
    turned = table.T.tocsr()
    side = np.where(positive, 1, -1).astype(np.float32)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w = values[:-1].astype(np.float32)
        margin = side * (table @ w + np.float32(values[-1]))
        pull = -weights * side / (1 + np.exp(np.clip(margin, -50, 50)))
        total = float((weights * np.logaddexp(0, -margin)).sum()) + 0.5 * l2 * float(w @ w)
        return total, np.append(turned @ pull + l2 * w, pull.sum()).astype(np.float64)

    first = np.zeros(table.shape[1] + 1) if start is None else start
    options = {"maxiter": ROUNDS, "maxcor": 6}
    return np.asarray(minimize(loss, first, jac=True, method="L-BFGS-B", options=options).x)


def fit_worst_windows(
    rows: Sequence[Row], weight_of: Callable[[Row], float], *, l2: float
) -> NDArray[np.float64]:
    """Fit the filter: every window of a harmless text is harmless, one window of an attack is not.

    The window of an attack that counts is first its longest and then the one that scores highest,
    as in multiple-instance learning (Andrews et al., NeurIPS 2002).
    """
    table, owner = packed([row.text for row in rows], windows_read, most=_MOST_WINDOWS)
    attack = np.array([row.attack for row in rows])[owner]
    weight = np.array([weight_of(row) for row in rows], dtype=np.float32)[owner]
    first = np.append(True, owner[1:] != owner[:-1])
    values: NDArray[np.float64] | None = None
    for _ in range(2):
        if values is None:
            used = ~attack | first
        else:
            scores = linear_scores(table, values)
            used = ~attack | (scores >= worst(scores, owner)[owner] - 1e-6)
        values = fit(table[used], attack[used], weight[used], l2=l2, start=values)
    assert values is not None
    return values


def linear_scores(table: csr_matrix, values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scores of windows before calibration."""
    scores: NDArray[np.float32] = table @ values[:-1].astype(np.float32) + np.float32(values[-1])
    return scores


def platt(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the logistic curve through validation scores, both sides weighing alike.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999, with his targets.
    """
    n, m = int(positive.sum()), int((~positive).sum())
    target = np.where(positive, (n + 1) / (n + 2), 1 / (m + 2))
    weight = np.where(positive, 0.5 / n, 0.5 / m)

    def loss(ab: NDArray[np.float64]) -> float:
        z = ab[0] * scores + ab[1]
        return float((weight * (np.logaddexp(0, z) - target * z)).sum())

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(slope), float(offset)


def model_of(values: NDArray[np.float64]) -> Linear:
    """A model without calibration."""
    return Linear(
        weights=values[:-1].astype(np.float32),
        bias=float(values[-1]),
        slope=1.0,
        offset=0.0,
        threshold=0.5,
    )


def rounded(model: Linear) -> tuple[Linear, NDArray[np.int8], float]:
    """The model as it is shipped: weights in 256 steps."""
    scale = float(np.abs(model.weights).max()) / 127
    steps = np.round(model.weights / scale).astype(np.int8)
    return replace(model, weights=steps.astype(np.float32) * np.float32(scale)), steps, scale


def ship(path: Path, model: Linear, card: Mapping[str, object]) -> None:
    """Write a model as the package reads it, with what it was made of."""
    _, steps, scale = rounded(model)
    facts = {
        "scale": scale,
        "bias": model.bias,
        "slope": model.slope,
        "offset": model.offset,
        "threshold": model.threshold,
    }
    save_file(
        {"weights": steps},
        str(path),
        metadata={"linear": json.dumps(facts), "card": json.dumps(card)},
    )
