"""The nouns of the room. All are frozen, and none ever holds the words that were looked at."""

from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["pass", "ask", "refuse"]
"""Let it through; let a person confirm it first; do not carry it out. Each outranks the last."""
Span = tuple[int, int]
"""First character and the one after the last, in the text as it was given."""
Kind = Literal[
    "name",
    "record_number",
    "accession_number",
    "birth_date",
    "phone",
    "email",
    "social_security",
    "insurance",
    "uid",
]
ACTIONS: tuple[Action, ...] = ("pass", "ask", "refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A place in a text that says who somebody is."""

    kind: Kind
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one layer found."""

    layer: str
    """Its name in `GUARDS`."""
    action: Action = "pass"
    """What the layer asks for by itself."""
    counts: tuple[tuple[str, int], ...] = ()
    """What was found, and how often; empty where there was nothing."""
    p: float | None = None
    """Calibrated probability, 0..1, of a layer that has learned; None for the others."""
    identifiers: tuple[Identifier, ...] = ()
    """In order of place; only of the layer that looks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What all layers together say of one text."""

    verdict: Action
    """The strictest action of any layer."""
    injection: float
    """Calibrated probability that the text gives orders to a machine, 0..1."""
    off_topic: float | None
    """Calibrated probability that the text is no clinical text, 0..1; None of a document."""
    identifiers: tuple[Identifier, ...]
    layers: tuple[Finding, ...]
    """In the order of `GUARDS`."""


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """What `guard --json` prints: kinds, places and counts, never a word of the text."""
    return {
        "verdict": verdict.verdict,
        "injection": round(verdict.injection, 6),
        "off_topic": None if verdict.off_topic is None else round(verdict.off_topic, 6),
        "identifiers": [{"kind": one.kind, "span": list(one.span)} for one in verdict.identifiers],
        "layers": [
            {"name": one.layer, "action": one.action, "found": dict(one.counts)}
            for one in verdict.layers
        ],
    }
