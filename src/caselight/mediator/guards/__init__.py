"""Guards: what is wrong with a text, before anything else reads it.

Each layer is a file with one plain function, which says what it stops and what it does not, and
gives a `Finding`; the table `GUARDS` has them in order. `guard` asks all of them about a question,
`guard_document` those that matter for a report, a header value or a field of a manifest. Nothing
here keeps, logs or prints a word of what it reads. Read `findings.py` first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from caselight.config import GuardSettings
from caselight.mediator.guards.characters import Cleaned, clean
from caselight.mediator.guards.findings import (
    ACTIONS,
    Action,
    Finding,
    Identifier,
    Kind,
    Verdict,
    verdict_json,
)
from caselight.mediator.guards.identifiers import identifiers
from caselight.mediator.guards.injection import injection
from caselight.mediator.guards.length import length
from caselight.mediator.guards.off_topic import off_topic
from caselight.mediator.guards.rate import RateLimit
from caselight.mediator.guards.views import View, decoded_views, encodings

__all__ = [
    "DOCUMENT_GUARDS",
    "GUARDS",
    "Action",
    "Cleaned",
    "Finding",
    "Identifier",
    "Kind",
    "RateLimit",
    "Reading",
    "Verdict",
    "clean",
    "guard",
    "guard_bytes",
    "guard_document",
    "read_text",
    "verdict_json",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text made ready once for all layers."""

    given: str
    """All of it."""
    head: str
    """As much of it as the settings let the layers read."""
    cleaned: Cleaned
    views: tuple[View, ...]
    """Decoded from the cleaned text."""

    @property
    def texts(self) -> tuple[str, ...]:
        """What the learned filter reads: the cleaned text and every view of it."""
        return (self.cleaned.text, *(view.text for view in self.views))


def read_text(text: str, *, most: int) -> Reading:
    """Clean and decode a text, at most so many characters of it."""
    head = text[:most]
    cleaned = clean(head)
    views = decoded_views(cleaned.text, cleaned.hidden, longest=most)
    return Reading(given=text, head=head, cleaned=cleaned, views=views)


GUARDS: Mapping[str, Callable[[Reading, GuardSettings], Finding]] = {
    "length": lambda reading, settings: length(reading.given, most=settings.max_characters),
    "characters": lambda reading, _: reading.cleaned.finding,
    "encodings": lambda reading, _: encodings(reading.views),
    "identifiers": lambda reading, _: identifiers(reading.head),
    "injection": lambda reading, settings: injection(
        reading.texts, threshold=settings.injection_threshold
    ),
    "off_topic": lambda reading, settings: off_topic(
        reading.cleaned.text, threshold=settings.off_topic_threshold
    ),
}
"""In the order in which a verdict lists them."""

DOCUMENT_GUARDS: Mapping[str, Callable[[Reading, GuardSettings], Finding]] = {
    "length": lambda reading, settings: length(
        reading.given, most=settings.max_document_characters, wordless="pass"
    ),
    "characters": GUARDS["characters"],
    "encodings": GUARDS["encodings"],
    "injection": lambda reading, settings: injection(
        reading.texts, threshold=settings.document_threshold
    ),
}
"""Those that a document meets: it may name its patient, and speaks of what it likes."""


def guard(text: str, settings: GuardSettings) -> Verdict:
    """Ask every layer about a question.

    Args:
        text: any text; what is longer than `max_characters` is refused, and only so much is read.
        settings: thresholds and limits.

    Returns:
        The strictest action of the layers, and what each found. The same text gets the same
        verdict; nothing is kept.
    """
    reading = read_text(text, most=settings.max_characters)
    return _verdict([ask(reading, settings) for ask in GUARDS.values()])


def guard_document(text: str, settings: GuardSettings) -> Verdict:
    """Ask the layers that matter for a text that a model may read later on.

    A report, a DICOM header value or a field of a manifest can carry orders to a model as a
    question can. "refuse" keeps it from every language model; the study itself stays in the home.

    Args:
        text: any text.
        settings: thresholds and limits of their own: a report has many windows to be wrong in.
    """
    reading = read_text(text, most=settings.max_document_characters)
    return _verdict([ask(reading, settings) for ask in DOCUMENT_GUARDS.values()])


def guard_bytes(data: bytes, settings: GuardSettings, *, document: bool = False) -> Verdict:
    """Guard what came in as bytes; where they are no UTF-8, a layer `utf8` counts it and asks.

    Args:
        data: UTF-8, as a line of a file or a pipe has it.
        settings: thresholds and limits.
        document: guard it as `guard_document` does.
    """
    ask = guard_document if document else guard
    try:
        return ask(data.decode("utf-8"), settings)
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    bad = Finding(layer="utf8", action="ask", counts=(("undecodable", wrong),))
    return _verdict([bad, *ask(text, settings).layers])


def _verdict(findings: Sequence[Finding]) -> Verdict:
    p = {one.layer: one.p for one in findings if one.p is not None}
    return Verdict(
        verdict=max((one.action for one in findings), key=ACTIONS.index),
        injection=p["injection"],
        off_topic=p.get("off_topic"),
        identifiers=tuple(place for one in findings for place in one.identifiers),
        layers=tuple(findings),
    )
