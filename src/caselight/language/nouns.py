"""The nouns of the room. All are frozen, and say beneath each field what it holds."""

from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

Category = Literal["finding", "anatomy", "device", "procedure", "modality", "view"]
Specialty = Literal["general", "radiology", "cardiology", "ophthalmology"]
Certainty = Literal["present", "absent", "uncertain"]
About = Literal["now", "history", "family", "asked"]
"""Of what a mention speaks: this study, the patient's past, relatives, or what is to be looked for
("rule out ...", "evaluate for ...")."""
Side = Literal["left", "right", "bilateral"]
Severity = Literal["trivial", "mild", "moderate", "severe"]
Named = Literal["name", "synonym", "abbreviation", "misspelled"]
T = TypeVar("T")
Span = tuple[int, int]
"""First character and the one after the last, in the text as it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """One thing that reports speak of: a row of a lexicon."""

    key: str
    """Lower-case words joined by hyphens, unique in its lexicon and stable: "pleural-effusion"."""
    name: str
    """As a report would spell it."""
    category: Category
    specialty: Specialty = "general"
    is_a: tuple[str, ...] = ()
    """Keys of what it is a kind of; no cycles."""
    part_of: tuple[str, ...] = ()
    """Keys of the anatomy that it is a part of; no cycles."""
    site: tuple[str, ...] = ()
    """Keys of the anatomy where a finding is found, or a device lies."""
    synonyms: tuple[str, ...] = ()
    """Other names, in any inflection that a report uses and the matcher would not make itself.
    "heart + enlarged" is no name but a pair: the second word means this concept where the first
    stands in the same phrase, as in "the heart is mildly enlarged"."""
    abbreviations: tuple[str, ...] = ()
    """As written; one that another concept has as well is decided by its context."""
    clues: tuple[str, ...] = ()
    """Words whose presence in a text speaks for this meaning of an abbreviation."""
    sided: bool = False
    """Whether left and right differ for it."""
    sex: Literal["F", "M"] | None = None
    """For what one sex alone has."""
    radlex: str | None = None
    """"RID" and digits, where it is known; None where it is not."""
    ids: tuple[str, ...] = ()
    """In terminologies that a site is licensed for: "snomed:60046008", "umls:C0032227"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A concept named in a text, and what the words around it say of it."""

    span: Span
    concept: str
    """Key."""
    named: Named
    certainty: Certainty = "present"
    about: About = "now"
    side: Side | None = None
    severity: Severity | None = None
    size_mm: tuple[float, float] | None = None
    """The least and the greatest size said; equal where it is one; infinity for "at least"."""
    cues: tuple[Span, ...] = ()
    """The words that decided certainty and whom it is about."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value that a text gives, and where."""

    span: Span
    value: T = field(repr=False)
