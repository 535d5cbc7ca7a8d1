"""Verb: a query in, a ranked answer out.

Hamming distance makes a shortlist of the gallery, the float embedding orders it exactly. By
default the query's own study, the same patient and near-duplicates of its picture are left out,
and each patient has one hit.
"""

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caselight.config import Config, SearchSettings
from caselight.data.filters import check_filters, matches
from caselight.data.fingerprint import dhash_distance, difference_hash, pixel_digest
from caselight.data.near import detail_correlation
from caselight.data.pixels import read_pixels
from caselight.data.texts import pair_text
from caselight.engine import Engine
from caselight.errors import IndexMismatch, QueryRefused
from caselight.index.manifest import IMAGE, REPORT, OpenIndex, read_index
from caselight.models.dual_encoder import DualEncoder, Modality
from caselight.ranking import first_of_each, rescore
from caselight.types import (
    BoolArray,
    Codes,
    Cost,
    Hit,
    Pixels,
    Query,
    SearchResult,
    Study,
)


def search(
    engine: Engine,
    model: DualEncoder,
    query: Query,
    *,
    config: Config,
    clock: Callable[[], float],
) -> SearchResult:
    """Answer one query.

    Args:
        engine: the open home.
        model: the model its index was built with.
        query: what is asked.
        config: the shortlist and what counts as a near-duplicate.
        clock: seconds, for the cost.

    Raises:
        QueryRefused: for an empty query, a bad k, an unknown filter, or an empty gallery.
        DataError: for a picture that cannot be read exactly.
        IndexMismatch: for an index that is missing, stale, changed, or of another model.
    """
    _check(query)
    # Loading a tower is paid once a process, so it is no part of what this answer cost.
    _ = engine.text_tower if query.image is None else engine.image_tower
    start = clock()
    index = read_index(engine.store.home, store=engine.store.generation)
    wanted = config.search.n_bits
    if wanted is not None and wanted != index.manifest.n_bits:
        raise IndexMismatch(
            f"the index holds {index.manifest.n_bits}-bit codes and search.n_bits asks for "
            f"{wanted}; run `caselight index build --home {engine.store.home} "
            f"--set search.n_bits={wanted}`, or leave the setting out",
            code="index.bits_mismatch",
        )
    studies = dict(engine.store.studies())
    if engine.store.generation != index.manifest.store:
        # An ingest came in between; say so as if it had come before.
        index = read_index(engine.store.home, store=engine.store.generation)
    pixels = None
    if query.image is not None:
        pixels = read_pixels(query.image, max_pixels=config.ingest.max_pixels)
    allowed = _allowed(index, studies, query)
    if not allowed.any():
        raise QueryRefused(
            "nothing is left to search: the gallery is empty for this target and these filters; "
            "ingest studies, or drop a filter",
            code="query.empty_gallery",
        )
    notes = []
    if pixels is not None and not query.keep_own:
        left_out = _own(engine, index, studies, pixels, config.search)
        if (n_left := int((left_out & allowed).sum())) > 0:
            notes.append(
                f"{n_left} rows of the picture's own study, the same patient or near-duplicates "
                "were left out"
            )
        allowed &= ~left_out
    if query.text is not None and engine.text_tower.count_cut([query.text]):
        notes.append(f"the words exceed {engine.text_tower.max_tokens} tokens and were cut")
    vector, codes = _encode(engine, model, query, pixels, index.flat.n_bits)
    groups = _groups(index, studies, query)
    ranked, n_compared = _rank(index, vector, codes, allowed, groups, query, config)
    hits = tuple(
        _hit(engine, model, index, studies, row, rank=rank, hamming=distance, score=score)
        for rank, (row, distance, score) in enumerate(ranked, start=1)
    )
    if len(hits) < query.k:
        what = {"patient": "patients", "study": "studies", "none": "rows"}[query.group]
        notes.append(f"k is {query.k}, and the gallery holds {len(hits)} {what} that may answer")
    return SearchResult(
        hits=hits,
        model=model.fingerprint,
        index=index.manifest.digest,
        notes=tuple(notes),
        cost=Cost(latency_ms=round(1000 * (clock() - start), 3), n_compared=n_compared),
    )


def _check(query: Query) -> None:
    words = (query.text or "").strip()
    try:
        words.encode()
    except UnicodeEncodeError:
        raise QueryRefused(
            "the words hold characters that are no Unicode text; type them again",
            code="query.bad_text",
        ) from None
    if not words and query.image is None:
        raise QueryRefused("the query is empty; give some words, or a picture with --image")
    if words and query.image is not None:
        raise QueryRefused("found words and a picture; a query takes one of the two")
    if query.k < 1:
        raise QueryRefused(
            f"k is {query.k}, expected at least 1; say how many hits you want", code="query.bad_k"
        )
    check_filters(query.filters)


def _allowed(index: OpenIndex, studies: Mapping[int, Study], query: Query) -> BoolArray:
    """bool[N]: rows of the right kind whose study and image pass the filters."""
    kind = index.rows.kind
    if query.target == "study":
        allowed = np.ones(len(kind), dtype=np.bool_)
    else:
        allowed = kind == (IMAGE if query.target == "image" else REPORT)
    if query.filters:
        for row in np.flatnonzero(allowed):
            study = studies[index.rows.study[row]]
            place = int(index.rows.position[row])
            image = study.images[place] if place >= 0 else None
            allowed[row] = matches(study, image, query.filters)
    return allowed


def _own(
    engine: Engine,
    index: OpenIndex,
    studies: Mapping[int, Study],
    pixels: Pixels,
    settings: SearchSettings,
) -> BoolArray:
    """bool[N]: rows of every patient who has the picture, or a copy of it: the query's own."""
    digest, dhash = pixel_digest(pixels), difference_hash(pixels)
    images = [(row, image) for row, study in studies.items() for image in study.images]
    distances = dhash_distance([dhash], [image.dhash for _, image in images])[0] if images else []
    patients = set()
    for (row, image), distance in zip(images, distances, strict=True):
        same = image.digest == digest
        if not same and distance <= settings.near_bits:
            alike = detail_correlation(pixels, engine.read_stored(image.digest))
            same = alike >= settings.near_correlation
        if same:
            patients.add(studies[row].patient_key)
    return np.array([studies[row].patient_key in patients for row in index.rows.study], np.bool_)


def _encode(
    engine: Engine, model: DualEncoder, query: Query, pixels: Pixels | None, n_bits: int
) -> tuple[NDArray[np.float32], Codes]:
    if pixels is not None:
        modality: Modality = "image"
        features = engine.encode_images([pixels])
    else:
        modality = "text"
        features = engine.encode_texts([(query.text or "").strip()])
    codes = model.encode_codes(features, modality, n_bits)
    return model.embed(features, modality).mean[0], codes


def _groups(index: OpenIndex, studies: Mapping[int, Study], query: Query) -> list[Hashable]:
    if query.group == "patient":
        return [studies[row].patient_key for row in index.rows.study]
    if query.group == "study":
        return [int(row) for row in index.rows.study]
    return list(range(len(index.rows.study)))


def _rank(
    index: OpenIndex,
    vector: NDArray[np.float32],
    codes: Codes,
    allowed: BoolArray,
    groups: list[Hashable],
    query: Query,
    config: Config,
) -> tuple[list[tuple[int, int, float]], int]:
    """Shortlist by Hamming, order by cosine, group; widen until k groups or all rows are seen."""
    n_allowed = int(allowed.sum())
    shortlist = min(max(config.search.shortlist, query.k), n_allowed)
    n_compared = 0
    while True:
        found = index.flat.search(codes, k=max(1, shortlist), allowed=allowed)
        n_compared += found.n_compared
        rows, scores = rescore(vector, index.embeddings, found.rows[0])
        kept = list(first_of_each(rows.tolist(), groups))[: query.k]
        if len(kept) >= query.k or shortlist >= n_allowed:
            break
        shortlist = min(2 * shortlist, n_allowed)
    distance = dict(zip(found.rows[0].tolist(), found.distance[0].tolist(), strict=True))
    score = dict(zip(rows.tolist(), scores.tolist(), strict=True))
    return [(row, distance[row], score[row]) for row in kept], n_compared


def _hit(
    engine: Engine,
    model: DualEncoder,
    index: OpenIndex,
    studies: Mapping[int, Study],
    row: int,
    *,
    rank: int,
    hamming: int,
    score: float,
) -> Hit:
    study = studies[index.rows.study[row]]
    place = int(index.rows.position[row])
    image = study.images[place] if place >= 0 else None
    thumbnail: Path | None = None
    if image is not None:
        thumbnail = engine.store.thumbnail_path(image.digest)
    return Hit(
        study_uid=study.study_uid,
        image_uid=None if image is None else image.image_uid,
        rank=rank,
        hamming=hamming,
        score=score,
        confidence=None,
        text=pair_text(study, image, model.config.train.text),
        thumbnail=None if thumbnail is None else str(thumbnail),
        matched="image" if index.rows.kind[row] == IMAGE else "report",
    )
