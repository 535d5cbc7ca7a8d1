"""What counts as relevant, in each direction.

Grades: 3 same study, 2 the same text or the same set of labels, 1 label sets that share at least
half (Jaccard), 0 nothing. *Strict* counts one answer (the query's own partner; image to image: the
same label set); *multi-positive* counts every answer that cannot be told apart from it (the same
text; image to image: any grade of 1 or more).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caselight.evaluation.gallery import Gallery
from caselight.types import BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One direction: who asks, what is answered, and what is right."""

    name: str
    """"text_to_image", "image_to_text" or "image_to_image"."""
    queries: NDArray[np.int64]
    """i64[Q], entries of the gallery that ask."""
    answers: NDArray[np.int64]
    """i64[M], entries that may be answered."""
    strict: BoolArray
    """bool[Q, M]."""
    multi_positive: BoolArray
    """bool[Q, M]."""
    grades: NDArray[np.float64]
    """f64[Q, M], 0..3: the gain of NDCG in the multi-positive figure."""
    keep: BoolArray
    """bool[Q, M]: false where an answer is left out for a query."""


def make_tasks(gallery: Gallery) -> tuple[Task, Task, Task]:
    """Lay out the three directions of a gallery.

    Text to image: every image is an answer, also those without a text. Image to text: every text
    is an answer, as often as it occurs. Image to image: images of the query's study and patient
    are left out; images without labels are answers but do not ask.
    """
    texts = gallery.with_text
    everyone = np.arange(len(gallery), dtype=np.int64)
    labels = [frozenset(e.study.labels) for e in gallery.entries]
    labelled = np.array([i for i, held in enumerate(labels) if held], dtype=np.int64)
    overlap = _jaccard(labels)
    same_text = gallery.text_ids[:, None] == gallery.text_ids[None, :]
    same_text &= (gallery.text_ids >= 0)[:, None]
    same_study = gallery.study_ids[:, None] == gallery.study_ids[None, :]
    same_patient = gallery.patient_ids[:, None] == gallery.patient_ids[None, :]
    by_label = np.where(overlap >= 1.0, 2.0, np.where(overlap >= 0.5, 1.0, 0.0))
    grades = np.where(same_study, 3.0, np.where(same_text, 2.0, by_label))
    own = np.eye(len(gallery), dtype=np.bool_)

    def cross(name: str, queries: NDArray[np.int64], answers: NDArray[np.int64]) -> Task:
        at = np.ix_(queries, answers)
        return Task(
            name=name,
            queries=queries,
            answers=answers,
            strict=own[at],
            multi_positive=same_text[at],
            grades=grades[at],
            keep=np.ones((len(queries), len(answers)), dtype=np.bool_),
        )

    at = np.ix_(labelled, everyone)
    alike = Task(
        name="image_to_image",
        queries=labelled,
        answers=everyone,
        strict=(by_label >= 2)[at],
        multi_positive=(by_label >= 1)[at],
        grades=by_label[at],
        keep=~same_patient[at],
    )
    return cross("text_to_image", texts, everyone), cross("image_to_text", texts, texts), alike


def oracle_distances(task: Task, gallery: Gallery) -> dict[str, tuple[NDArray[np.float64], ...]]:
    """The best orders there are, by figure: the best of their scores is the ceiling.

    A text that occurs m times cannot be told from its copies, so in the strict figure its partners
    tie: that order is the best possible and its score exact. In the multi-positive figure equal
    texts are all right, and NDCG is bounded by the order of the grades.
    """
    grades = -task.grades
    if task.name == "image_to_image":
        return {"strict": (grades,), "multi_positive": (grades,)}
    ids = gallery.text_ids
    other = (ids[task.queries][:, None] != ids[task.answers][None, :]).astype(np.float64)
    return {"strict": (other,), "multi_positive": (other, grades)}


def _jaccard(labels: list[frozenset[str]]) -> NDArray[np.float64]:
    """f64[N, N]; two empty sets have nothing in common."""
    names = sorted(set().union(*labels)) if labels else []
    table = np.array([[name in held for name in names] for held in labels], dtype=np.float64)
    table = table.reshape(len(labels), len(names))
    both = table @ table.T
    sizes = table.sum(axis=1)
    either = sizes[:, None] + sizes[None, :] - both
    share: NDArray[np.float64] = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return share
