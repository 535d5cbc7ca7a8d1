"""Hybrid search against each half alone: codes, BM25, and both by rank fusion.

A text query is taken out of the gallery, yet some cases say the same in two places: how many
queries still stand there word for word is counted and shown. On medpix2 the query is the
impression (or the indication) of a case, and the gallery's texts are its captions and findings.
On ieee8023 a case has one note, so the query is the note's last sentence, and the gallery's text
is the rest of it. Both halves search the same texts; the codes see the pictures as well. Relevant
is the query's own case: the same study on medpix2, the same patient on ieee8023, whose films
share a note.

What this favours: query and text have one author, who repeats words. That is kind to BM25.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from asking_common import (
    F64,
    I64,
    Side,
    best_of_each,
    config_of,
    difference,
    figures,
    fused,
    interval,
    joined,
    opened,
    read_side,
    trained,
)
from caselight.codes import hamming
from caselight.config import Config
from caselight.data.filters import matches
from caselight.data.texts import normalise_text
from caselight.engine import Engine
from caselight.evaluation.readings import float_distance, rescored_distance
from caselight.index.lexical import LexicalIndex
from caselight.metrics.retrieval import score_queries
from caselight.models.dual_encoder import DualEncoder
from caselight.types import Study

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the words beside 1 for the codes; 1 is plain reciprocal rank fusion."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One study: what asks for it, and what is in the gallery of it."""

    study: Study
    digests: tuple[str, ...]
    texts: tuple[str, ...]
    """What the codes of texts are made of, and BM25 searches; may be empty."""
    query: str | None


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to ask of one data set."""

    data: str
    ask: str
    text: str
    """What the model is trained on."""
    filters: dict[str, str]
    by_patient: bool
    """Whether every study of the patient is relevant, or the study alone."""


PROTOCOLS = (
    Protocol(data="medpix2", ask="impression", text="caption", filters={}, by_patient=False),
    Protocol(data="medpix2", ask="indication", text="caption", filters={}, by_patient=False),
    Protocol(
        data="ieee8023",
        ask="last sentence",
        text="notes",
        filters={"modality": "X-ray"},
        by_patient=True,
    ),
)


def hybrid(work: Path, *, seeds: Sequence[int], split: str) -> list[dict[str, Any]]:
    """One block for each protocol; the words' weight is chosen on the validation split."""
    blocks = []
    for protocol in PROTOCOLS:
        values = {"text": protocol.text, "filters": protocol.filters}
        plain = config_of({"train": values})
        archive = Path(os.environ["CASELIGHT_DATA"]) / protocol.data
        systems: dict[str, dict[str, list[dict[str, F64]]]] = {}
        with opened(archive, work / f"home-{protocol.data}", plain) as engine:
            for part in dict.fromkeys(("val", split)):
                cases = [_case(study, protocol) for _, study in engine.store.studies()
                         if study.split == part]  # fmt: skip
                cases = [case for case in cases if case.digests]
                cases.sort(key=lambda case: case.study.study_uid)
                systems[part] = {}
                for seed in seeds:
                    config = config_of({"train": {**values, "seed": seed}})
                    model = trained(engine, config, work / f"{protocol.data}-{seed}")
                    for name, scores in _systems(engine, model, cases).items():
                        scored = score_queries(
                            -scores[_asking(cases, protocol)],
                            _relevant(cases, protocol),
                            ks=(1, 5, 10),
                        )
                        systems[part].setdefault(name, []).append(figures(scored))
        blocks.append(_block(protocol, cases, systems, split, seeds))
    return blocks


def _block(
    protocol: Protocol,
    cases: Sequence[Case],
    systems: dict[str, dict[str, list[dict[str, F64]]]],
    split: str,
    seeds: Sequence[int],
) -> dict[str, Any]:
    on_val = {
        weight: float(np.mean([one["mrr"].mean() for one in systems["val"][f"hybrid_{weight:g}"]]))
        for weight in WEIGHTS
    }
    chosen = max(WEIGHTS, key=lambda weight: on_val[weight])
    asking = _asking(cases, protocol)
    patients = [cases[i].study.patient_key for i in asking]
    # Values of a query are averaged over seeds; intervals then resample patients.
    means = {
        name: {m: np.mean([one[m] for one in runs], axis=0) for m in runs[0]}
        for name, runs in systems[split].items()
        if name in ("codes", "float", "bits", "bm25", "hybrid_1", f"hybrid_{chosen:g}")
    }
    return {
        "data": protocol.data,
        "query": protocol.ask,
        "split": split,
        "seeds": list(seeds),
        "n_queries": len(asking),
        "n_patients": len(set(patients)),
        "n_gallery": len(cases),
        "n_queries_verbatim_in_gallery": sum(_verbatim(cases)[i] for i in asking),
        "mrr_on_val_by_weight": {f"{weight:g}": round(on_val[weight], 6) for weight in WEIGHTS},
        "chosen_weight": chosen,
        "systems": {
            name: {metric: interval(values, patients) for metric, values in found.items()}
            for name, found in means.items()
        },
        "hybrid_1_minus": {
            other: {
                metric: difference(means["hybrid_1"][metric], values, patients)
                for metric, values in means[other].items()
            }
            for other in ("codes", "bm25")
        },
    }


def _systems(engine: Engine, model: DualEncoder, cases: Sequence[Case]) -> dict[str, F64]:
    """Name to scores, f64[S, S]; a study that does not ask has a row of no meaning."""
    texts = [(place, text) for place, case in enumerate(cases) for text in case.texts]
    pictures = [(place, d) for place, case in enumerate(cases) for d in case.digests]
    gallery: Side = joined(
        read_side(model, engine.image_features([d for _, d in pictures]), "image"),
        read_side(model, engine.text_features([text for _, text in texts]), "text"),
    )
    owner: I64 = np.array([place for place, _ in (*pictures, *texts)], dtype=np.int64)
    query = read_side(model, engine.text_features([case.query or "" for case in cases]), "text")
    fine = float_distance(query.vectors, gallery.vectors)
    coarse = hamming(query.codes, gallery.codes)
    answered = rescored_distance(coarse, fine, shortlist=Config().search.shortlist)
    lexical = LexicalIndex([text for _, text in texts])
    words = np.zeros((len(cases), len(cases)))
    text_owner = [place for place, _ in texts]
    for place, case in enumerate(cases):
        np.maximum.at(words[place], text_owner, lexical.scores(case.query or ""))
    codes = best_of_each(-answered, owner, len(cases))
    out = {
        "float": best_of_each(-fine, owner, len(cases)),
        "bits": best_of_each(-coarse.astype(np.float64), owner, len(cases)),
        "codes": codes,
        "bm25": words,
    }
    # A study without any of the words has no rank by words.
    ranked = np.where(words > 0, words, -np.inf)
    for weight in WEIGHTS:
        out[f"hybrid_{weight:g}"] = fused([codes, ranked], [1.0, weight])
    return out


def _asking(cases: Sequence[Case], protocol: Protocol) -> list[int]:
    """The cases that ask; films of a patient that share a question ask it once.

    A sentence that another film's note has as well would be found by itself, so it does not ask. A
    diagnosis that the findings name word for word does: that is how reports are written.
    """
    first: dict[tuple[str, str], int] = {}
    known = _verbatim(cases) if protocol.by_patient else [False] * len(cases)
    for place, case in enumerate(cases):
        if case.query is not None and not known[place]:
            who = case.study.patient_key if protocol.by_patient else case.study.study_uid
            first.setdefault((who, case.query), place)
    return list(first.values())


def _verbatim(cases: Sequence[Case]) -> list[bool]:
    """Whether a case's query stands word for word in a gallery's text."""
    texts = [normalise_text(text) for case in cases for text in case.texts]
    return [
        case.query is not None and any(normalise_text(case.query) in text for text in texts)
        for case in cases
    ]


def _relevant(cases: Sequence[Case], protocol: Protocol) -> np.ndarray:
    name = "patient_key" if protocol.by_patient else "study_uid"
    owners = np.array([getattr(case.study, name) for case in cases])
    found: np.ndarray = owners[_asking(cases, protocol)][:, None] == owners[None, :]
    return found


def _case(study: Study, protocol: Protocol) -> Case:
    images = [image for image in study.images if matches(study, image, protocol.filters)]
    digests = tuple(image.digest for image in images)
    if protocol.data == "medpix2":
        held = [image.caption for image in images] + [study.sections.get("findings")]
        texts = tuple(dict.fromkeys(text for text in held if text))
        return Case(
            study=study, digests=digests, texts=texts, query=study.sections.get(protocol.ask)
        )
    note = study.sections.get("notes")
    if note is None:
        return Case(study=study, digests=digests, texts=(), query=None)
    *rest, last = _SENTENCE.split(note.strip())
    if not rest:
        return Case(study=study, digests=digests, texts=(note,), query=None)
    return Case(study=study, digests=digests, texts=(" ".join(rest),), query=last)
