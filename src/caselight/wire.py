"""The JSON promised to others: `--json` today, the web service later. Versioned."""

from dataclasses import asdict
from typing import Any

from caselight.types import IngestReceipt, SearchResult

VERSION = 1


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


def result_json(result: SearchResult) -> dict[str, Any]:
    """What `search --json` prints."""
    return {
        "hits": [
            {
                "study": hit.study_uid,
                "image": hit.image_uid,
                "rank": hit.rank,
                "hamming": hit.hamming,
                "score": round(hit.score, 6),
                "confidence": hit.confidence,
                "text": hit.text,
                "thumbnail": hit.thumbnail,
                "matched": hit.matched,
            }
            for hit in result.hits
        ],
        "model": result.model,
        "index": result.index,
        "notes": list(result.notes),
        "cost": {"latency_ms": result.cost.latency_ms, "n_compared": result.cost.n_compared},
        "version": VERSION,
    }
