"""From what a question says to a plan, by the lexicon alone: the plan where there is no model.

What is affirmed, doubted or to be looked for is included, what is denied is excluded, what belongs
to the past or to relatives is neither; `docs/guide/plan.md` has the rules with examples. The words
as they were typed always come first; other wordings are added by how the question's intent widens.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from caselight.language.context_rules import ContextRules
from caselight.language.lexicon import Lexicon
from caselight.language.mentions import find_mentions
from caselight.language.nouns import Mention, Span
from caselight.language.reading import read_text
from caselight.mediator.intent import intent_of
from caselight.mediator.plan import MOST_CRITERIA, MOST_REWRITES, Criterion, Intent, Plan, Rewrite
from caselight.mediator.questions import as_asked
from caselight.mediator.restrict import Restriction, restrictions
from caselight.mediator.templates import Template, followed
from caselight.mediator.widen import widened
from caselight.types import Target

_TRACES = ("device", "procedure")
"""What the past leaves in a picture."""
_PLACES = ("anatomy", "modality", "view")
"""What a denial does not exclude: it denies something there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A question as the lexicon reads it."""

    text: str = field(repr=False)
    intent: Intent
    criteria: tuple[Criterion, ...]
    restrictions: tuple[Restriction, ...]
    mentions: tuple[Mention, ...]
    unread: tuple[Span, ...]
    """Words that carry meaning and that nothing understood."""
    notes: tuple[str, ...] = ()


def understand(text: str, lexicon: Lexicon, *, rules: ContextRules | None = None) -> Understood:
    """Say what a question asks for.

    Args:
        text: the question, as the guards have cleaned it.
        lexicon: what is looked for.
        rules: context rules of a site; None for our own.
    """
    reading = read_text(text, lambda text: find_mentions(text, lexicon), rules=rules)
    mentions = as_asked(text, reading.mentions, lexicon)
    narrow = restrictions(text, mentions, lexicon)
    taken = [one.span for one in narrow]
    criteria: dict[tuple[str, str | None], Criterion] = {}
    notes = []
    for mention in mentions:
        rule = _rule(mention, lexicon)
        if rule is None or any(_overlap(mention.span, span) for span in taken):
            continue
        key = mention.concept, mention.side
        said = criteria.get(key)
        if said is not None and said.rule != rule:
            notes.append(f"{lexicon[mention.concept].name} is asked for and excluded: asked for")
            rule = "include"
        criteria[key] = Criterion(
            rule=rule,
            concept=mention.concept,
            side=mention.side,
            severity=mention.severity,
            size_mm=_size(mention),
        )
    return Understood(
        text=text,
        intent=intent_of(text),
        criteria=tuple(criteria.values())[:MOST_CRITERIA],
        restrictions=narrow,
        mentions=mentions,
        unread=reading.unread,
        notes=tuple(notes),
    )


def plan_by_lexicon(
    understood: Understood,
    lexicon: Lexicon,
    *,
    target: Target = "study",
    k: int = 10,
    filters: Mapping[str, str] | None = None,
    templates: Mapping[str, Template] | None = None,
) -> Plan:
    """Plan without a model.

    Args:
        understood: the question.
        lexicon: that it was read with.
        target: what is searched.
        k: hits wanted.
        filters: the user's own; what the words restrict to is added where these say nothing.
        templates: rows of criteria; None for none.

    Returns:
        A plan of the route "direct" where the words can go as they are, else "lexicon".
    """
    own = dict(filters or {})
    said = {one.key: one.value for one in understood.restrictions}
    notes = [
        f"the words ask for {key}={said[key]} and the filter for {key}={own[key]}: the filter holds"
        for key in said.keys() & own.keys()
        if said[key] != own[key]
    ]
    direct, criteria, template = is_direct(understood), understood.criteria, None
    if found := followed(criteria, understood.intent, templates or {}, lexicon):
        template, added = found
        criteria = (*criteria, *added)[:MOST_CRITERIA]
    others: tuple[Rewrite, ...] = ()
    if not direct:
        others = widened(understood.text, understood.intent, understood.criteria, lexicon)
    return Plan(
        route="direct" if direct else "lexicon",
        intent=understood.intent,
        rewrites=(Rewrite(text=understood.text), *others)[:MOST_REWRITES],
        criteria=criteria,
        filters=said | own,
        target=target,
        k=k,
        template=template,
        lexicon=lexicon.digest,
        notes=(*understood.notes, *notes),
    )


def is_direct(understood: Understood) -> bool:
    """Whether the words can go to the index as they are: nothing in them to be misread.

    That is where each names something, by its own name, that is affirmed of this study; where no
    word is left over; and where they neither compare nor restrict.
    """
    return (
        understood.intent == "find"
        and not understood.restrictions
        and not understood.unread
        and 1 <= len(understood.mentions) <= 3
        and all(
            mention.certainty == "present"
            and mention.about == "now"
            and mention.named in ("name", "synonym")
            for mention in understood.mentions
        )
    )


def _rule(mention: Mention, lexicon: Lexicon) -> Literal["include", "exclude"] | None:
    """What a plan does with a mention; None for what belongs to the past or to relatives."""
    category = lexicon[mention.concept].category
    if mention.about == "family":
        return None
    if mention.about == "history" and category not in _TRACES:
        return None
    if mention.certainty == "absent":
        return None if category in _PLACES else "exclude"
    return "include"


def _size(mention: Mention) -> tuple[float, float | None] | None:
    if mention.size_mm is None:
        return None
    least, greatest = mention.size_mm
    return least, None if math.isinf(greatest) else greatest


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
