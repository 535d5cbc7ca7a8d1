"""Score one model on one split, in every reading and direction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.config import Config, TextField
from caselight.data.leaks import scan_leaks
from caselight.data.near import copy_check
from caselight.engine import Engine
from caselight.evaluation.alarms import ceiling_alarms, leak_alarms, metadata_alarm
from caselight.evaluation.figures import FIGURES, Scored, limits, score_task, summarise
from caselight.evaluation.gallery import Gallery, read_gallery
from caselight.evaluation.readings import Features, read_model
from caselight.evaluation.relevance import Task, make_tasks
from caselight.evaluation.sanity import sanity_distances
from caselight.models.checkpoint import check_towers
from caselight.models.dual_encoder import DualEncoder
from caselight.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be scored."""

    split: str | None
    """None is every study."""
    text: TextField
    filters: Mapping[str, str]


def evaluate(
    engine: Engine, model: DualEncoder, question: Question, *, config: Config
) -> dict[str, Any]:
    """Score a model.

    Returns:
        The block promised by `caselight evaluate --json`; see docs/guide/evaluate.md.

    Raises:
        EvaluationError: for a split or a text field that the archive does not have.
        ModelError: for other towers than the model's.
    """
    check_towers(model, image=engine.image_tower, text=engine.text_tower)
    gallery = read_gallery(
        engine.store,
        split=question.split,
        text=question.text,
        filters=question.filters,
        pool=engine.towers.stack_pool,
    )
    features = gallery_features(engine, gallery)
    leaks = scan_leaks(
        (study for _, study in engine.store.studies()),
        near_bits=config.search.near_bits,
        confirm=copy_check(engine.read_stored, least=config.search.near_correlation),
    )
    alarms = leak_alarms(leaks)
    report: dict[str, Any] = {
        "model": model.fingerprint,
        "data": engine.store.digest(),
        "split": question.split,
        "text": question.text,
        "filters": dict(question.filters),
        "n_images": len(gallery),
        "n_images_without_text": len(gallery) - len(gallery.with_text),
        "shortlist": config.evaluate.shortlist,
    }
    for task in make_tasks(gallery):
        report[task.name], found = score_direction(
            gallery,
            task,
            read_model(model, features, task, shortlist=config.evaluate.shortlist),
            sanity_distances(gallery, task, model, features),
            config=config,
        )
        alarms += found
    report["leaks"] = [
        {
            "kind": leak.kind,
            "splits": list(leak.splits),
            "count": leak.count,
            "examples": [list(pair) for pair in leak.examples],
        }
        for leak in leaks
    ]
    report["alarms"] = alarms
    return report


def score_direction(
    gallery: Gallery,
    task: Task,
    readings: Iterable[tuple[str, FloatArray | IntArray]],
    sanity: Iterable[tuple[str, FloatArray | IntArray]],
    *,
    config: Config,
) -> tuple[dict[str, Any], list[str]]:
    """Score named distances of one direction; return its block and its alarms.

    Args:
        gallery: the split.
        task: the direction.
        readings: names and distances [Q, M] of the model; taken one at a time, so that only one
            is in memory.
        sanity: the same for rows that need no model.
        config: bootstrap settings.
    """
    clusters = gallery.patient_ids[task.queries].astype(np.int64)
    bounds = limits(task, gallery)
    sizes = {
        "n_queries": len(task.queries),
        "n_gallery": len(task.answers),
        "n_unique_texts": gallery.n_unique_texts,
    }

    def block(scored: Scored) -> dict[str, Any]:
        return {
            figure: {
                **summarise(scored.of(figure), clusters, config.evaluate),
                "n_queries_judged": int(scored.of(figure).judged.sum()),
                **bounds[figure],
                **sizes,
            }
            for figure in FIGURES
        }

    alarms: list[str] = []
    scored = {name: score_task(distance, task) for name, distance in readings}
    out: dict[str, Any] = {name: block(one) for name, one in scored.items()}
    for name in scored:
        alarms += ceiling_alarms(task.name, name, out[name])
    plain = {name: score_task(distance, task) for name, distance in sanity}
    out["sanity"] = {name: block(one) for name, one in plain.items()}
    if "float" in scored and "metadata_only" in plain:
        alarms += metadata_alarm(
            task.name, scored["float"], plain["metadata_only"], clusters, config.evaluate
        )
    out["ceiling"] = {figure: bounds[figure]["ceiling"] for figure in FIGURES}
    out["chance"] = {figure: bounds[figure]["chance"] for figure in FIGURES}
    out.update(sizes)
    return out, alarms


def gallery_features(engine: Engine, gallery: Gallery) -> Features:
    """Features of every entry's image and text; a missing text has zeros."""
    image = engine.picture_features([e.digests for e in gallery.entries])
    text: NDArray[np.float32] = np.zeros((len(gallery), engine.text_tower.dim), dtype=np.float32)
    text[gallery.with_text] = engine.text_features(gallery.texts)
    return Features(image=image, text=text)
