"""Phantoms to learn from, to choose weights on, and to search, whose truth is known.

The model learns from one seed's phantoms, weights are chosen on a second seed's, and a third's are
searched: no patient is in two of them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from asking_common import (
    F64,
    I64,
    Side,
    best_of_each,
    config_of,
    joined,
    opened,
    read_lines,
    read_side,
    trained,
)
from caselight.composing import Asked
from caselight.data.phantoms.archive import write_archive
from caselight.data.phantoms.patients import draw_cases
from caselight.data.texts import study_texts
from caselight.engine import Engine
from caselight.models.dual_encoder import DualEncoder
from caselight.types import Study

What = tuple[str, str | None]
"""A finding's name, or a device's kind, and its side."""


@dataclass(frozen=True)
class Phantoms:
    """The studies of one split, their truth, and what the model makes of them."""

    studies: tuple[Study, ...]
    truths: tuple[dict[str, Any], ...]
    rows: Side
    """Pictures, then texts."""
    owner: I64
    """i64[R]: the study of each row."""
    n_pictures: int
    films: Side
    """The first picture of every study."""

    @cached_property
    def sets(self) -> list[frozenset[What]]:
        """What each study has."""
        return [frozenset(map(what, truth["findings"])) for truth in self.truths]

    @property
    def patients(self) -> list[str]:
        """The patient of every study."""
        return [study.patient_key for study in self.studies]

    def scores(self, asked: Sequence[Asked], *, target: str) -> F64:
        """f64[Q, S]: the best cosine of every study's rows."""
        n = self.n_pictures if target == "image" else len(self.owner)
        cosine = np.stack([one.vector for one in asked]) @ self.rows.vectors[:n].T
        return best_of_each(cosine, self.owner[:n], len(self.studies))


def what(finding: Mapping[str, Any]) -> What:
    """Name and side of a finding; for a device its kind."""
    return finding.get("kind") or finding["name"], finding["side"]


def say(one: What) -> str:
    """A finding in words."""
    name, side = one
    words = {
        "effusion": "pleural effusion",
        "nodule": "pulmonary nodule",
        "edema": "pulmonary edema",
        "fracture": "rib fracture",
    }.get(name, name.replace("_", " "))
    return words if side is None or name == "edema" else f"{side} {words}"


@contextmanager
def phantom_model(
    work: Path, *, n_train: int, n_studies: int
) -> Iterator[tuple[Engine, DualEncoder]]:
    """The engine and the model of the phantoms, made where they are not there yet."""
    archive = work / "phantoms"
    if not (archive / "records.jsonl").is_file():
        _write(archive, {"train": (0, n_train), "val": (2, n_studies // 4), "test": (1, n_studies)})
    config = config_of({"train": {"text": "report"}})
    with opened(archive, work / "home-phantoms", config) as engine:
        yield engine, trained(engine, config, work / "phantoms-model")


def read_phantoms(engine: Engine, model: DualEncoder, work: Path, split: str) -> Phantoms:
    truths = {row["study_id"]: row for row in read_lines(work / "phantoms" / "truth.jsonl")}
    studies = sorted(
        (study for _, study in engine.store.studies() if study.split == split and study.images),
        key=lambda study: study.study_uid,
    )
    pictures = [(n, image.digest) for n, s in enumerate(studies) for image in s.images]
    texts = [(n, text) for n, s in enumerate(studies) for text in study_texts(s, "report")]
    films = [study.images[0].digest for study in studies]
    return Phantoms(
        studies=tuple(studies),
        truths=tuple(truths[study.study_uid] for study in studies),
        rows=joined(
            read_side(model, engine.image_features([d for _, d in pictures]), "image"),
            read_side(model, engine.text_features([text for _, text in texts]), "text"),
        ),
        owner=np.array([n for n, _ in (*pictures, *texts)], dtype=np.int64),
        n_pictures=len(pictures),
        films=read_side(model, engine.image_features(films), "image"),
    )


def _write(archive: Path, parts: Mapping[str, tuple[int, int]]) -> None:
    """Three archives in one, each a split; patients of two seeds are two patients."""
    records: list[str] = []
    truths: list[str] = []
    for split, (seed, n_studies) in parts.items():
        write_archive(archive / split, n_studies=n_studies, seed=seed, images="png")
        for row in read_lines(archive / split / "records.jsonl"):
            for name in ("study_id", "patient_id"):
                row[name] = f"{split}-{row[name]}"
            row |= {"image": f"{split}/{row['image']}", "split": split}
            records.append(json.dumps(row))
        truths += [
            json.dumps({**row, "study_id": f"{split}-{row['study_id']}", "author": case.author})
            for row, case in zip(
                read_lines(archive / split / "truth.jsonl"), draw_cases(seed), strict=False
            )
        ]
    (archive / "truth.jsonl").write_text("\n".join(truths) + "\n", "utf-8")
    (archive / "records.jsonl").write_text("\n".join(records) + "\n", "utf-8")
