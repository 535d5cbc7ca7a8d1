"""The JSON promised to others: `--json` today, the web service later. Versioned."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from caselight.types import ErasureReceipt, Hit, IngestReceipt, Query, SearchResult, Swept

VERSION = 1
"""Of a receipt, of a check of a dataset, and of what the doctor found."""
RESULT_VERSION = 5
"""Of an answer; 2 added `parts` and `query`, and `hamming` may be null; 3 added `record`;
4 added `missing`; 5 added `plan`, `dropped` and `check`."""

ERASURE_VERSION = 1
"""Of the receipt of an erasure."""


def receipt_json(receipt: IngestReceipt) -> dict[str, Any]:
    """What `ingest --json` prints."""
    plain = asdict(receipt)
    return {
        "accepted": receipt.accepted,
        "unchanged": receipt.unchanged,
        "updated": receipt.updated,
        "rejected": [asdict(one) for one in receipt.rejected],
        "ignored_columns": list(receipt.ignored_columns),
        **{name: plain[name] for name in ("images", "images_without_text", "texts_without_image")},
        "notes": list(receipt.notes),
        "seconds": receipt.seconds,
        "version": VERSION,
    }


def erasure_json(receipt: ErasureReceipt) -> dict[str, Any]:
    """What `erase --json` prints, and `audit verify --proof` checks."""
    swept = Swept() if receipt.swept is None else receipt.swept
    return {
        "proof": "erasure",
        "version": ERASURE_VERSION,
        "patient": receipt.patient,
        "removed": {"studies": receipt.studies, "images": receipt.images, **asdict(swept)},
        "models": [
            {
                "model": trace.model,
                "learned": trace.learned,
                "through": trace.through,
                "record": trace.record,
                "patients": trace.patients,
                "place": trace.place,
                "path": list(trace.path),
            }
            for trace in receipt.models
        ],
        "record": receipt.record,
        "finished": receipt.finished,
        "proofs": [dict(proof) for proof in receipt.proofs],
        "notes": list(receipt.notes),
    }


def result_json(result: SearchResult) -> dict[str, Any]:
    """What `search --json` prints."""
    return {
        "hits": [_hit_json(hit) for hit in result.hits],
        "model": result.model,
        "index": result.index,
        "notes": list(result.notes),
        "missing": None if result.missing is None else asdict(result.missing),
        "cost": {"latency_ms": result.cost.latency_ms, "n_compared": result.cost.n_compared},
        "record": result.record,
        "query": query_json(result.query),
        "plan": None if result.plan is None else dict(result.plan),
        "dropped": [_hit_json(hit) for hit in result.dropped],
        "version": RESULT_VERSION,
    }


def _hit_json(hit: Hit) -> dict[str, Any]:
    return {
        "study": hit.study_uid,
        "image": hit.image_uid,
        "rank": hit.rank,
        "hamming": hit.hamming,
        "score": round(hit.score, 6),
        "parts": {name: round(score, 6) for name, score in hit.parts.items()},
        "confidence": hit.confidence,
        "text": hit.text,
        "thumbnail": hit.thumbnail,
        "matched": hit.matched,
        "check": None if hit.check is None else asdict(hit.check),
    }


def query_json(query: Query) -> dict[str, Any]:
    """A query as plain values; `read_query` makes it again."""
    return {
        "text": query.text,
        "image": None if query.image is None else str(query.image),
        "like": list(query.like),
        "unlike": list(query.unlike),
        "patient": dict(query.patient),
        "target": query.target,
        "k": query.k,
        "filters": dict(query.filters),
        "keep_own": query.keep_own,
        "by": query.by,
        "fusion": query.fusion,
        "image_weight": query.image_weight,
        "group": query.group,
    }


def read_query(values: Mapping[str, Any]) -> Query:
    """Make a query of what `query_json` wrote, to go on from it.

    Raises:
        KeyError: for a key that is missing.
        TypeError: for a key that is none of a query's.
    """
    image = values["image"]
    return Query(
        **{
            **values,
            "image": None if image is None else Path(image),
            "like": tuple(values["like"]),
            "unlike": tuple(values["unlike"]),
        }
    )
