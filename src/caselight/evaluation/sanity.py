"""What needs no model: rows that every number must be read beside."""

from collections.abc import Iterator

import bm25s
import numpy as np
from numpy.typing import NDArray

from caselight.data.texts import normalise_text
from caselight.evaluation.gallery import Gallery
from caselight.evaluation.readings import Features, float_distance, modalities
from caselight.evaluation.relevance import Task
from caselight.models.dual_encoder import DualEncoder

METADATA = ("modality", "view", "site")
"""How a picture was made. Age and sex are left out: together they are near-unique keys of a study,
so a row with them would measure the archive, not the acquisition."""


def sanity_distances(
    gallery: Gallery, task: Task, model: DualEncoder, features: Features
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the name and the distances, f64[Q, M], of every row that this direction has.

    `bm25`: the query's words against the *other* words of a study, so never against themselves
    (image to text: the other words of the image's study against the texts; image to image: all
    words of one study against all of another); left out where there are no other words.
    `image_blind`, `text_blind`: the model with every image, or every text, replaced by their mean.
    `metadata_only`: how many of modality, view and site differ.
    `label_majority`: the commonest label sets first, whoever asks.
    """
    lexical = _bm25(gallery, task)
    if lexical is not None:
        yield "bm25", lexical
    asks, answers = modalities(task)
    query = model.embed(features.of(asks)[task.queries], asks).mean
    answer = model.embed(features.of(answers)[task.answers], answers).mean
    for blind in ("image", "text"):
        if blind in (asks, answers):
            blinded = [
                np.broadcast_to(side.sum(axis=0) / max(1, len(side)), side.shape)
                if kind == blind
                else side
                for side, kind in ((query, asks), (answer, answers))
            ]
            yield f"{blind}_blind", float_distance(blinded[0], blinded[1])
    yield "metadata_only", _metadata(gallery, task)
    yield "label_majority", _majority(gallery, task)


def _bm25(gallery: Gallery, task: Task) -> NDArray[np.float64] | None:
    entries = gallery.entries
    texts = [e.text or "" for e in entries]
    others = [e.other_text or "" for e in entries]
    if task.name == "image_to_image":
        texts = others = [f"{a} {b}" for a, b in zip(texts, others, strict=True)]
    asked = others if task.name == "image_to_text" else texts
    told = texts if task.name == "image_to_text" else others
    queries = [normalise_text(asked[i]).split() for i in task.queries]
    documents = [normalise_text(told[i]).split() for i in task.answers]
    if not any(queries) or not any(documents):
        return None
    engine = bm25s.BM25(method="lucene")
    engine.index(documents, show_progress=False)
    known = set(engine.vocab_dict)
    rows = []
    for words in queries:
        asked_words = [word for word in words if word in known]
        rows.append(engine.get_scores(asked_words) if asked_words else np.zeros(len(documents)))
    scores: NDArray[np.float64] = np.stack(rows).astype(np.float64)
    return -np.round(scores, 6)


def _metadata(gallery: Gallery, task: Task) -> NDArray[np.float64]:
    table = np.array([_facts(gallery, i) for i in range(len(gallery))])
    differ = table[task.queries][:, None, :] != table[task.answers][None, :, :]
    count: NDArray[np.float64] = differ.sum(axis=2).astype(np.float64)
    return count


def _facts(gallery: Gallery, row: int) -> list[str]:
    entry = gallery.entries[row]
    said = {
        "modality": entry.image.modality,
        "view": entry.image.view,
        "site": entry.study.site,
    }
    return [str(said[name]) for name in METADATA]


def _majority(gallery: Gallery, task: Task) -> NDArray[np.float64]:
    sets = [frozenset(e.study.labels) for e in gallery.entries]
    counts: dict[frozenset[str], int] = {}
    for held in sets:
        counts[held] = counts.get(held, 0) + 1
    rank = -np.array([counts[sets[i]] if sets[i] else 0 for i in task.answers], dtype=np.float64)
    return np.broadcast_to(rank, (len(task.queries), len(rank))).copy()
