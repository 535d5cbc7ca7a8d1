"""The plan: all that can be asked of an index, closed, typed and small enough to be read.

A plan names concepts, words, filters and weights. It holds no code, no path and no identifier of a
patient, so that whoever wrote it, a person, the lexicon or a language model, can ask for nothing
that a person could not have typed. Source: paper 000, section 5 ("structured retrieval
directives").
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from caselight.language.nouns import Severity, Side
from caselight.types import Target

MOST_REWRITES = 8
MOST_CRITERIA = 24
FILTERS = ("age", "date", "laterality", "modality", "sex", "view")
"""Filters that words may ask for; others are for the person who writes them out."""

Route = Literal["direct", "lexicon", "model"]
"""Straight to the index with the words as they are; by the lexicon; by a language model."""
Intent = Literal["find", "rule_in", "rule_out", "compare", "follow_up", "teach"]
"""What the answer is for. "find" where the words do not say."""
Why = Literal["asked", "spelled_out", "synonym", "narrower", "broader", "template", "model"]

Words = Annotated[
    str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True, pattern=r"\S")
]
Question = Annotated[str, StringConstraints(min_length=1, max_length=100_000, pattern=r"\S")]
"""The user's own words may be long: the guards say how long."""
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
Size = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class _Closed(BaseModel):
    """Frozen, and refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rewrite(_Closed):
    """One wording that the gallery is asked with."""

    text: Question = Field(repr=False)
    weight: Weight = 1.0
    """Its share in the fusion of rankings."""
    why: Why = "asked"


class Criterion(_Closed):
    """One thing that a hit must have, or must not have."""

    rule: Literal["include", "exclude"]
    concept: Key
    """Of the lexicon."""
    side: Side | None = None
    severity: Severity | None = None
    size_mm: tuple[Size, Size | None] | None = None
    """The least and the greatest; None where there is no greatest."""
    weight: Weight = 1.0
    why: Why = "asked"
    citation: str | None = Field(default=None, max_length=300)
    """The guideline that a template's criterion follows, with its year or version."""


class Plan(_Closed):
    """What is asked of the index, and why."""

    version: Literal[1] = 1
    route: Route
    intent: Intent = "find"
    rewrites: tuple[Rewrite, ...] = Field(min_length=1, max_length=MOST_REWRITES)
    """The first is the user's own words, at full weight."""
    criteria: tuple[Criterion, ...] = Field(default=(), max_length=MOST_CRITERIA)
    filters: Mapping[str, str] = Field(default_factory=dict)
    """What every hit must have; the user's own, and what the words restrict to."""
    target: Target = "study"
    k: int = Field(default=10, ge=1, le=1000)
    template: str | None = Field(default=None, max_length=80)
    """Key of the criteria template that was followed."""
    lexicon: str = Field(max_length=80)
    """Digest of the lexicon."""
    model: str | None = Field(default=None, max_length=200)
    """The language model that drafted it; None for none."""
    prompt: str | None = Field(default=None, max_length=80)
    """Digest of the prompt file."""
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _own_words_first(self) -> "Plan":
        first = self.rewrites[0]
        if first.why != "asked" or first.weight != 1.0:
            raise ValueError("the first rewrite is not the user's own words at weight 1")
        if len({(one.rule, one.concept, one.side) for one in self.criteria}) < len(self.criteria):
            raise ValueError("a criterion is there twice")
        kept = {(one.concept, one.side) for one in self.criteria if one.rule == "include"}
        dropped = {(one.concept, one.side) for one in self.criteria if one.rule == "exclude"}
        if kept & dropped:
            raise ValueError("a criterion is both asked for and excluded")
        return self


class Wanted(_Closed):
    """A thing as a language model names it; the lexicon decides which concept that is."""

    name: Words = Field(repr=False)
    side: Side | None = None
    severity: Severity | None = None


class Draft(_Closed):
    """The part of a plan that a language model may write; the rest is not its to say."""

    intent: Intent = "find"
    rewrites: tuple[Words, ...] = Field(default=(), max_length=MOST_REWRITES - 1, repr=False)
    include: tuple[Wanted, ...] = Field(default=(), max_length=MOST_CRITERIA // 2)
    exclude: tuple[Wanted, ...] = Field(default=(), max_length=MOST_CRITERIA // 2)
    filters: Mapping[Literal["age", "date", "laterality", "modality", "sex", "view"], str] = Field(
        default_factory=dict
    )
