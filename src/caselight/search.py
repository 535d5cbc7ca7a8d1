"""Verb: a query in, a ranked answer out.

Hamming distance makes a shortlist of the gallery, the float embedding orders it exactly; words can
be looked for in the reports instead, or as well. By default the query's own study, the same patient
and near-duplicates of its picture are left out, and each patient has one hit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from caselight.composing import Asked
from caselight.config import Config, SearchSettings
from caselight.data.fingerprint import pixel_digest
from caselight.data.queries import check_query, read_query_pictures
from caselight.data.texts import pair_text, searched_text
from caselight.engine import Engine
from caselight.errors import IndexMismatch, QueryRefused
from caselight.gallery import Gallery
from caselight.index.composed import code_parts
from caselight.index.manifest import IMAGE, IndexManifest
from caselight.index.parts import CodePart, Found, Part, search_parts
from caselight.index.sharded import Sharded, ShardsMissing
from caselight.index.snapshot import PartWork
from caselight.mediator.judging import Judge
from caselight.models.dual_encoder import DualEncoder, Modality
from caselight.planned import for_the_record, judged, wordings
from caselight.types import BoolArray, Cost, Hit, Missing, Pixels, Query, SearchResult, Study

Keep = Callable[[int, Query, Sequence[str]], str | None]
"""(record, query, digests of its pictures): keeps the words; says what there is to note."""
Spread = Callable[[IndexManifest], Sharded]
"""Gives the index of that manifest where it is spread over machines, or refuses."""
_Answer = tuple[list[Found], int, Sequence[Study], tuple[Hit, ...]]
"""What was found, how many items were compared, and the study and the hit of each."""


def search(
    engine: Engine,
    model: DualEncoder,
    query: Query,
    *,
    config: Config,
    clock: Callable[[], float],
    spread: Spread | None = None,
    keep: Keep | None = None,
    judge: Judge | None = None,
) -> SearchResult:
    """Answer one query; the answer, or that there is none, is on the record first.

    Args:
        engine: the open home.
        model: the model its index was built with.
        query: what is asked.
        config: the shortlist, how parts of a query are weighed, and what is a near-duplicate.
        clock: seconds, for the cost.
        spread: who has the codes and embeddings of the index; None is this machine.
        keep: keeps the words of an answer that is on the record; None keeps none.
        judge: the plan to follow, whose first wording is the query's words and whose filters are
            its filters and more; None asks with the words as they are.

    Raises:
        AuditError: when the record cannot be written.
        ClusterError: when another index is served, or no shard answers.
        QueryRefused: for an empty query, a bad k, an unknown filter or study, things that do not go
            together, or an empty gallery.
        DataError: for a picture that cannot be read exactly.
        IndexMismatch: for an index that is missing, stale, changed, or of another model.
    """
    with engine.recorder.refusals("search"):
        return _answer(
            engine,
            model,
            query,
            config=config,
            clock=clock,
            spread=spread,
            keep=keep,
            judge=judge,
        )


def _answer(
    engine: Engine,
    model: DualEncoder,
    query: Query,
    *,
    config: Config,
    clock: Callable[[], float],
    spread: Spread | None,
    keep: Keep | None,
    judge: Judge | None,
) -> SearchResult:
    if judge is not None:
        query = replace(query, filters=dict(judge.plan.filters))
    check_query(query)
    query = _resolved(query, config.search)
    _warm(engine, query)
    start = clock()
    gallery = _gallery(engine, model, config)
    shards = None if spread is None else spread(gallery.index.manifest)
    if shards is not None:
        gallery = replace(gallery, index=replace(gallery.index, items=shards))
    pixels = [] if query.image is None else read_query_pictures(query.image, config.ingest)
    named = gallery.named((*query.like, *query.unlike))
    allowed = gallery.allowed(query)
    if not allowed.any():
        raise QueryRefused(
            "nothing is left to search: the gallery is empty for this target and these filters; "
            "ingest studies, or drop a filter",
            code="query.empty_gallery",
        )
    notes = []
    if not query.keep_own:
        for left_out, what in gallery.left_out(
            query, pixels, read=engine.read_stored, settings=config.search
        ):
            if (n_left := int((left_out & allowed).sum())) > 0:
                notes.append(f"{n_left} rows of {what} were left out")
            allowed &= ~left_out
    words = query.text
    if words is not None and query.by != "words" and engine.text_tower.count_cut([words]):
        notes.append(f"the words exceed {engine.text_tower.max_tokens} tokens and were cut")
    asked: dict[str, Asked] = {}
    if query.by != "words":
        asked = _encode(engine, model, query, pixels, gallery.index.items.n_bits)
    parts = _parts(gallery, query, asked, named, config.search)
    if judge is not None and query.by != "words":
        parts += wordings(engine, model, judge.plan, gallery.index.items.n_bits)
    depth = query.k if judge is None else judge.depth(query.k)

    def find(allowed: BoolArray) -> _Answer:
        found: list[Found] = []
        n_compared = 0
        if allowed.any():
            found, n_compared = search_parts(
                gallery.index,
                parts,
                allowed=allowed,
                groups=gallery.groups(query),
                k=depth,
                shortlist=config.search.shortlist,
            )
        studies = gallery.studies([one.row for one in found])
        hits = tuple(
            _hit(engine, model, gallery, query, one, study, asked, rank=rank)
            for rank, (one, study) in enumerate(zip(found, studies, strict=True), start=1)
        )
        return found, n_compared, studies, hits

    found, n_compared, studies, hits = _found(find, allowed, shards)
    dropped: tuple[Hit, ...] = ()
    if judge is not None:
        notes += judge.plan.notes
        hits, studies, dropped = judged(judge, hits, studies, k=query.k)
    missing = None if shards is None else shards.missing
    if missing is not None:
        notes.append(_incomplete(missing, config.search.deadline_s))
    elif len(found) < query.k:
        notes.append(_fewer(query, len(found)))
    elif len(hits) < query.k:
        notes.append(f"k is {query.k}, and {len(hits)} of {len(found)} hits agree with the plan")
    liked = engine.store.find(named.values())
    latency_ms = round(1000 * (clock() - start), 3)
    index = gallery.index.manifest.digest
    pictures = [pixel_digest(one) for one in pixels]
    record = engine.recorder.answered(
        query,
        studies,
        named={uid: liked[row] for uid, row in named.items()},
        picture=",".join(pictures) or None,
        said={
            "model": model.fingerprint,
            "index": index,
            "compared": n_compared,
            "latency_us": round(1000 * latency_ms),
            "notes": len(notes),
            **({} if missing is None else {"missing": asdict(missing)}),
            **({} if judge is None else {"plan": for_the_record(engine, judge, hits, dropped)}),
        },
    )
    if keep is not None and (note := keep(record, query, pictures)) is not None:
        notes.append(note)
    return SearchResult(
        hits=hits,
        model=model.fingerprint,
        index=index,
        notes=tuple(notes),
        cost=Cost(latency_ms=latency_ms, n_compared=n_compared),
        record=record,
        query=query,
        missing=missing,
        plan=None if judge is None else judge.plan.model_dump(mode="json"),
        dropped=dropped,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How the codes of a query are searched for."""

    n_items: int
    n_allowed: int
    """Items that may answer: of the right kind, passing the filters, and not left out."""
    n_bits: int
    k: int
    """The shortlist."""
    works: Mapping[str, Sequence[PartWork]]
    """For each ranking by codes, how each part of the index was searched."""
    latency_ms: float
    """Of the searches in the index alone."""


def explain(
    engine: Engine,
    model: DualEncoder,
    query: Query,
    *,
    config: Config,
    clock: Callable[[], float],
) -> Explanation:
    """Say how a query's codes would be searched for, and what it costs; nothing is answered.

    Raises:
        QueryRefused: for a query that cannot be asked, or that asks with words alone.
        DataError: for a picture that cannot be read exactly.
        IndexMismatch: for an index that is missing, stale, changed, or of another model.
    """
    with engine.recorder.refusals("index explain"):
        check_query(query)
        query = _resolved(query, config.search)
        if query.by == "words":
            raise QueryRefused(
                "--by words asks no codes, and the index has nothing to explain; ask with codes",
                code="query.bad_combination",
            )
        gallery = _gallery(engine, model, config)
        pixels = [] if query.image is None else read_query_pictures(query.image, config.ingest)
        named = gallery.named((*query.like, *query.unlike))
        allowed = gallery.allowed(query)
        for left_out, _ in gallery.left_out(
            query, pixels, read=engine.read_stored, settings=config.search
        ):
            allowed &= ~left_out
        items = gallery.index.items
        asked = _encode(engine, model, query, pixels, items.n_bits)
        n_allowed = int(allowed.sum())
        k = max(1, min(max(config.search.shortlist, query.k), n_allowed))
        works, start = {}, clock()
        for part in _parts(gallery, query, asked, named, config.search):
            if isinstance(part, CodePart):
                works[part.name] = items.explain(part.codes, k=k, allowed=allowed)[1]
        spent = clock() - start
    engine.recorder.say("search.explained", {"target": query.target, "k": query.k})
    return Explanation(
        n_items=len(items),
        n_allowed=n_allowed,
        n_bits=items.n_bits,
        k=k,
        works=works,
        latency_ms=round(1000 * spent, 3),
    )


def _resolved(query: Query, settings: SearchSettings) -> Query:
    """The query with its words stripped, names said once, and the settings it takes filled in."""
    words = (query.text or "").strip() or None
    query = replace(
        query,
        text=words,
        like=tuple(dict.fromkeys(query.like)),
        unlike=tuple(dict.fromkeys(query.unlike)),
    )
    if words is None or query.image is None:
        return query
    weight = query.image_weight
    return replace(
        query,
        fusion=query.fusion or settings.fusion,
        image_weight=settings.image_weight if weight is None else weight,
    )


def _gallery(engine: Engine, model: DualEncoder, config: Config) -> Gallery:
    gallery = engine.gallery.now(n_bits=config.search.n_bits)
    if gallery.index.manifest.model != model.fingerprint:
        raise IndexMismatch(
            f"the index was built with model {gallery.index.manifest.model[:16]} and the query was "
            f"encoded with {model.fingerprint[:16]}; ask again with the index's own model"
        )
    return gallery


def _warm(engine: Engine, query: Query) -> None:
    """Load what the query needs: paid once a process, so no part of what an answer cost."""
    if query.by != "codes":
        import caselight.index.lexical  # noqa: F401 - most searches do without it
    if query.by != "words" and query.text is not None:
        _ = engine.text_tower
    if query.image is not None:
        _ = engine.image_tower


def _encode(
    engine: Engine, model: DualEncoder, query: Query, pixels: Sequence[Pixels], n_bits: int
) -> dict[str, Asked]:
    """The readings of the picture and of the words, each where the query has it."""

    def asked(features: NDArray[np.float32], modality: Modality) -> Asked:
        return Asked(
            vector=model.embed(features, modality).mean[0],
            soft=model.soft_bits(features, modality, n_bits)[0],
        )

    out = {}
    if pixels:
        out["image"] = asked(engine.pooled(engine.encode_images(pixels))[None], "image")
    if query.text is not None:
        out["text"] = asked(engine.encode_texts([query.text]), "text")
    return out


def _parts(
    gallery: Gallery,
    query: Query,
    asked: Mapping[str, Asked],
    named: Mapping[str, int],
    settings: SearchSettings,
) -> list[Part]:
    """The rankings that answer together."""
    parts: list[Part] = []
    if query.by != "words":
        try:
            parts += code_parts(
                gallery.index,
                asked,
                fusion=query.fusion,
                image_weight=query.image_weight,
                like=[named[uid] for uid in query.like],
                unlike=[named[uid] for uid in query.unlike],
                like_weight=settings.like_weight,
                unlike_weight=settings.unlike_weight,
            )
        except ValueError as error:
            raise QueryRefused(
                f"{error}; change what is asked, or its weights", code="query.bad_combination"
            ) from None
    if query.by != "codes":
        parts.append(gallery.by_words(query.text or ""))
    return parts


def _found(
    find: Callable[[BoolArray], _Answer], allowed: BoolArray, shards: Sharded | None
) -> _Answer:
    """Find hits; when a shard is lost on the way, those of the shards that are left."""
    while True:
        try:
            return find(allowed)
        except ShardsMissing:
            left = allowed if shards is None else allowed & shards.present()
            if not left.any() or left.sum() == allowed.sum():
                raise
            allowed = left


def _incomplete(missing: Missing, deadline_s: float) -> str:
    return (
        f"{missing.shards} of {missing.of_shards} shards ({missing.items} of {missing.of_items} "
        f"items) did not answer in {deadline_s:g} s: this answer is not complete"
    )


def _fewer(query: Query, n_found: int) -> str:
    what = {"patient": "patients", "study": "studies", "image": "images or texts"}[query.group]
    if query.by == "words":
        return f"k is {query.k}, and {n_found} {what} that may answer have any of the words"
    return f"k is {query.k}, and the gallery holds {n_found} {what} that may answer"


def _hit(
    engine: Engine,
    model: DualEncoder,
    gallery: Gallery,
    query: Query,
    found: Found,
    study: Study,
    asked: Mapping[str, Asked],
    *,
    rank: int,
) -> Hit:
    image = gallery.image(found.row, study)
    parts = dict(found.parts)
    if query.by == "words":
        parts["words"] = found.score
    elif query.fusion == "vectors":
        row = gallery.index.items.vectors(np.array([found.row]))[0]
        parts |= {name: float(row @ one.vector) for name, one in asked.items()}
    text = pair_text(study, image, model.config.train.text)
    if query.by != "codes":
        text = searched_text(study, image) or None
    return Hit(
        study_uid=study.study_uid,
        image_uid=None if image is None else image.image_uid,
        rank=rank,
        hamming=found.hamming,
        score=found.score,
        parts=parts,
        confidence=None,
        text=text,
        thumbnail=None if image is None else str(engine.store.thumbnail_path(image.digest)),
        matched="image" if gallery.index.rows.kind[found.row] == IMAGE else "report",
    )
