"""Criteria templates: what a guideline would have a reader look at besides what was asked.

Rows that a site can read and edit (`templates.toml`), each with its citation and version. A plan
follows a template where the question includes its finding and has its intent.
"""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from caselight.errors import MediatorError
from caselight.language.lexicon import Lexicon
from caselight.mediator.plan import Criterion, Intent, Key, Weight

OURS = Path(__file__).with_name("templates.toml")


class Template(BaseModel):
    """One row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=80)]
    concepts: Annotated[tuple[Key, ...], Field(alias="for", min_length=1)]
    """Any of them, or a kind of it, has to be included."""
    intents: Annotated[tuple[Intent, ...], Field(min_length=1)]
    include: Mapping[Key, Weight] = Field(default_factory=dict)
    exclude: Mapping[Key, Weight] = Field(default_factory=dict)
    citation: Annotated[str, Field(min_length=1, max_length=250)]
    version: Annotated[str, Field(min_length=1, max_length=20)]

    def criteria(self) -> tuple[Criterion, ...]:
        """What it adds to a plan."""
        return tuple(
            Criterion(rule=rule, concept=key, weight=weight, why="template", citation=self.citation)
            for rule, added in (("include", self.include), ("exclude", self.exclude))
            for key, weight in added.items()
        )


_ROWS = TypeAdapter(dict[Key, Template])


@functools.cache
def read_templates(path: Path, lexicon: Lexicon) -> Mapping[str, Template]:
    """Read a file of templates.

    Raises:
        MediatorError: `mediator.bad_templates` for a file that is no such table, or names a concept
            that the lexicon has not.
    """
    try:
        templates = _ROWS.validate_python(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _bad(path, f"it cannot be read ({type(error).__name__})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _bad(path, f"{where}: {first['msg']}") from None
    for key, template in templates.items():
        named = {*template.concepts, *template.include, *template.exclude}
        if unknown := sorted(one for one in named if one not in lexicon):
            raise _bad(path, f"{key} names {', '.join(unknown)}, which the lexicon has not")
    return templates


def followed(
    criteria: Sequence[Criterion],
    intent: Intent,
    templates: Mapping[str, Template],
    lexicon: Lexicon,
) -> tuple[str, tuple[Criterion, ...]] | None:
    """Find the template that a question follows, and what it adds; None for none.

    The first one whose finding is included; what the question itself names stays as it says.
    """
    asked = {one.concept for one in criteria}
    included = [one.concept for one in criteria if one.rule == "include"]
    kinds = {kind for one in included for kind in (one, *lexicon.ancestors(one))}
    for key, template in templates.items():
        if intent in template.intents and kinds & set(template.concepts):
            added = tuple(one for one in template.criteria() if one.concept not in asked)
            return key, added
    return None


def _bad(path: Path, what: str) -> MediatorError:
    return MediatorError(
        f"the criteria templates in {path.name} are not as they should be: {what}; "
        "correct the row, see docs/guide/plan.md",
        code="mediator.bad_templates",
    )
