"""Composed queries on phantoms: "this film, but with a left effusion", whose answer is known.

Relevant are the studies of other patients whose findings, with their sides, are exactly the film's
and the change.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asking_common import F64, KS, difference, figures, fused, interval, read_side
from asking_phantoms import Phantoms, What, phantom_model, read_phantoms, say
from caselight.composing import Asked, unit, weigh
from caselight.engine import Engine
from caselight.metrics.retrieval import score_queries
from caselight.models.dual_encoder import DualEncoder

WEIGHTS = tuple(round(0.1 * step, 1) for step in range(11))
MAX_QUERIES = 500


def composed(work: Path, *, n_train: int, n_studies: int) -> dict[str, Any]:
    """Ask "this film, but with a left effusion": every way to say it, by target."""
    out: dict[str, Any] = {}
    with phantom_model(work, n_train=n_train, n_studies=n_studies) as (engine, model):
        val, test = (read_phantoms(engine, model, work, split) for split in ("val", "test"))
        for target in ("study", "image"):
            chosen, curves = {}, {}
            tried = _composed_scores(engine, model, val, target, WEIGHTS)
            asks, relevant, keep = _questions(val)
            for name in ("vectors", "ranks", "edit"):
                curve = {
                    weight: float(
                        score_queries(
                            -tried[f"{name}_{weight:g}"], relevant, keep=keep, ks=KS
                        ).ndcg_at_10.mean()
                    )
                    for weight in WEIGHTS
                }
                chosen[name] = max(curve, key=lambda weight: curve[weight])
                curves[name] = {f"{weight:g}": round(v, 6) for weight, v in curve.items()}
            asks, relevant, keep = _questions(test)
            patients = [test.patients[film] for film, _ in asks]
            found = _composed_scores(engine, model, test, target, sorted({*chosen.values(), 0.5}))
            named = {
                **{name: found[name] for name in ("image", "words", "sentence")},
                **{name: found[f"{name}_{weight:g}"] for name, weight in chosen.items()},
                "vectors_0.5": found["vectors_0.5"],
            }
            scored = {
                name: figures(score_queries(-scores, relevant, keep=keep, ks=KS))
                for name, scores in named.items()
            }
            chance = figures(score_queries(np.zeros(relevant.shape), relevant, keep=keep, ks=KS))
            out[target] = {
                "n_queries": len(asks),
                "n_queries_val": len(_questions(val)[0]),
                "n_patients": len(set(patients)),
                "n_gallery": len(test.studies),
                "ndcg_at_10_on_val_by_image_weight": curves,
                "chosen_image_weight": chosen,
                "chance": {metric: round(float(v.mean()), 6) for metric, v in chance.items()},
                "systems": {
                    name: {metric: interval(v, patients) for metric, v in one.items()}
                    for name, one in scored.items()
                },
                "minus_image": {
                    name: difference(scored[name]["ndcg_at_10"], scored["image"]["ndcg_at_10"],
                                     patients)
                    for name in scored if name != "image"
                },
                "minus_words": {
                    name: difference(scored[name]["ndcg_at_10"], scored["words"]["ndcg_at_10"],
                                     patients)
                    for name in scored if name != "words"
                },
                "edit_minus_vectors": difference(
                    scored["edit"]["ndcg_at_10"], scored["vectors"]["ndcg_at_10"], patients
                ),
            }  # fmt: skip
    return out


def edit(image: Asked, text: Asked, usual: Asked, *, image_weight: float) -> Asked:
    """Move a film along what sets the words apart from texts in general; no fusion of ours.

    Tried, and no better than the mean of the two on the phantoms that weights are chosen on.
    """
    if image_weight == 1.0:
        return image
    rest = np.float32(1 - image_weight)
    weight = np.float32(image_weight)
    return Asked(
        vector=unit(weight * image.vector + rest * (text.vector - usual.vector)),
        soft=weight * image.soft + rest * (text.soft - usual.soft),
    )


def _questions(part: Phantoms) -> tuple[list[tuple[int, What]], np.ndarray, np.ndarray]:
    """Films with a change that some other patient's study answers: asks, relevant, keep [Q, S]."""
    rng = np.random.default_rng(0)
    changes = sorted(
        {one for held in part.sets for one in held if one[1] in ("left", "right")},
        key=str,
    )
    by_set: dict[frozenset[What], set[str]] = {}
    for held, patient in zip(part.sets, part.patients, strict=True):
        by_set.setdefault(held, set()).add(patient)
    asks = []
    for film, (held, patient) in enumerate(zip(part.sets, part.patients, strict=True)):
        names = {name for name, _ in held}
        possible = [
            change
            for change in changes
            if change[0] not in names and by_set.get(held | {change}, set()) - {patient}
        ]
        if possible:
            asks.append((film, possible[int(rng.integers(len(possible)))]))
    if len(asks) > MAX_QUERIES:
        picked = sorted(rng.choice(len(asks), size=MAX_QUERIES, replace=False).tolist())
        asks = [asks[i] for i in picked]
    wanted = [part.sets[film] | {change} for film, change in asks]
    relevant = np.array([[held == one for held in part.sets] for one in wanted])
    patients = np.array(part.patients)
    keep = patients[[film for film, _ in asks]][:, None] != patients[None, :]
    return asks, relevant, keep


def _composed_scores(
    engine: Engine, model: DualEncoder, part: Phantoms, target: str, weights: Sequence[float]
) -> dict[str, F64]:
    asks, _, _ = _questions(part)
    said = [f"but with a {say(change)}" for _, change in asks]
    whole = [", ".join(sorted(map(say, part.sets[film] | {change}))) for film, change in asks]
    texts = read_side(model, engine.text_features([*said, *whole]), "text")
    words = [texts.one(i) for i in range(len(asks))]
    images = [part.films.one(film) for film, _ in asks]
    reports = slice(part.n_pictures, None)
    usual = Asked(
        vector=part.rows.vectors[reports].mean(axis=0), soft=part.rows.soft[reports].mean(axis=0)
    )
    out = {
        "image": part.scores(images, target=target),
        "words": part.scores(words, target=target),
        "sentence": part.scores(
            [texts.one(len(asks) + i) for i in range(len(asks))], target=target
        ),
    }
    for w in weights:
        pairs = list(zip(images, words, strict=True))
        mixed = [weigh(image, text, image_weight=w) for image, text in pairs]
        moved = [edit(image, text, usual, image_weight=w) for image, text in pairs]
        out[f"vectors_{w:g}"] = part.scores(mixed, target=target)
        out[f"edit_{w:g}"] = part.scores(moved, target=target)
        out[f"ranks_{w:g}"] = fused([out["image"], out["words"]], [w, 1 - w])
    return out
