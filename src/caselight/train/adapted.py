"""The record of an adaptation: what was made, from how much, and what it was worth."""

import hashlib
import json
import math
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from caselight.metrics.significance import Interval
from caselight.train.adapt import TowerReceipt
from caselight.train.transfer import TransferReceipt

RECORD = "adapted.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptReceipt:
    """All that one run of `adapt` made."""

    towers: tuple[TowerReceipt, ...]
    transfer: TransferReceipt | None
    """None where no model was trained further."""

    def as_json(self) -> dict[str, Any]:
        """Plain values; an end that an interval does not have is null."""
        return {
            "towers": [
                {
                    "kind": one.kind,
                    "file": str(one.file),
                    "base": one.base,
                    "n_learned": one.n_learned,
                    "n_triplets": one.n_triplets,
                    "n_asked": one.n_asked,
                    "before": _plain(one.before),
                    "after": _plain(one.after),
                    "seconds": one.seconds,
                }
                for one in self.towers
            ],
            "transfer": None if self.transfer is None else _transfer(self.transfer),
        }


def write_record(receipt: AdaptReceipt, out: Path) -> Path:
    """Write the receipt as JSON into a folder, in one step; returns the file."""
    path = out / RECORD
    staged = out / f".{RECORD}-{secrets.token_hex(4)}"
    staged.write_text(json.dumps(receipt.as_json(), indent=1) + "\n", "utf-8")
    os.replace(staged, path)  # noqa: PTH105 - the word says that it is atomic
    return path


def made_by(receipt: AdaptReceipt) -> list[str]:
    """SHA-256 of every tower, and the fingerprint of the model, 64 hex digits each."""
    made = [hashlib.sha256(one.file.read_bytes()).hexdigest() for one in receipt.towers]
    moved = receipt.transfer
    return made if moved is None or moved.fingerprint is None else [*made, moved.fingerprint]


def _transfer(receipt: TransferReceipt) -> dict[str, Any]:
    return {
        "model": None if receipt.model is None else str(receipt.model),
        "fingerprint": receipt.fingerprint,
        "n_available": receipt.n_available,
        "n_asked": receipt.n_asked,
        "n_old_asked": receipt.n_old_asked,
        **asdict(receipt.shared),
        "points": [
            {
                "asked": point.asked,
                "n_pairs": point.n_pairs,
                "n_replayed": point.n_replayed,
                "recall_at_10": _plain(point.recall),
                "gain": _plain(point.gain),
                "old_recall_at_10": _plain(point.old_recall),
                "forgotten": _plain(point.forgotten),
            }
            for point in receipt.points
        ],
        "seconds": receipt.seconds,
    }


def _plain(found: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    return {
        name: {
            "value": round(one.value, 6),
            "low": None if math.isnan(one.low) else round(one.low, 6),
            "high": None if math.isnan(one.high) else round(one.high, 6),
        }
        for name, one in found.items()
    }
