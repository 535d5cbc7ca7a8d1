"""What of a language model's draft goes into a plan: what the user's words bear out, and no more.

The lexicon's plan stands. A draft can add wordings, and meanings of words that the lexicon could
not read; it cannot take away, deny, move to the other side, or narrow anything, and what it adds
never drops a hit. Every part that was not taken is in a note.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from caselight.language.context_rules import ContextRules
from caselight.language.lexicon import Lexicon
from caselight.language.mentions import find_mentions
from caselight.mediator.plan import (
    MOST_CRITERIA,
    MOST_REWRITES,
    Criterion,
    Draft,
    Plan,
    Rewrite,
    Wanted,
)
from caselight.mediator.planner import Understood, understand

MODEL_WEIGHT = 0.5
"""Of a wording or a criterion that a model added, beside the 1 of what was asked."""


@dataclass(slots=True)
class _Taken:
    """What is taken of a draft so far."""

    criteria: list[Criterion] = field(default_factory=list)
    rewrites: list[Rewrite] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def adopted(
    draft: Draft,
    plan: Plan,
    understood: Understood,
    lexicon: Lexicon,
    *,
    model: str,
    prompt: str,
    rules: ContextRules | None = None,
) -> Plan:
    """Put a draft into the lexicon's plan.

    Args:
        draft: of a model.
        plan: the lexicon's, of the same words.
        understood: what the lexicon read.
        lexicon: that it was read with.
        model: the model's name.
        prompt: digest of the prompt file.
        rules: context rules of a site; None for our own.

    Returns:
        A plan of the route "model", whose criteria begin with those of the lexicon's plan.
    """
    taken = _Taken()
    room = len(understood.unread)
    for rule, wanted in (("include", draft.include), ("exclude", draft.exclude)):
        for one in wanted:
            room -= _take(one, rule, plan, lexicon, taken, room=room)
    for text in draft.rewrites:
        _take_wording(text, plan, lexicon, taken, rules)
    if any(plan.filters.get(key) != value for key, value in draft.filters.items()):
        taken.notes.append("the model narrowed by what the words do not say: not followed")
    return Plan.model_validate(
        {
            **dict(plan),
            "route": "model",
            "intent": draft.intent if plan.intent == "find" else plan.intent,
            "criteria": (*plan.criteria, *taken.criteria)[:MOST_CRITERIA],
            "rewrites": (*plan.rewrites, *taken.rewrites)[:MOST_REWRITES],
            "model": model,
            "prompt": prompt,
            "notes": (*plan.notes, *dict.fromkeys(taken.notes)),
        }
    )


def _take(
    wanted: Wanted, rule: str, plan: Plan, lexicon: Lexicon, taken: _Taken, *, room: int
) -> int:
    """Take one thing a model named, if it may be; returns how many were taken."""
    concept = _concept(wanted.name, lexicon)
    if concept is None:
        taken.notes.append("the model named something that the lexicon does not have: left out")
        return 0
    name = lexicon[concept].name
    for said in plan.criteria:
        if said.why != "asked" or not _related(concept, said.concept, lexicon):
            continue
        if said.rule != rule:
            taken.notes.append(f"the model would have turned {name} round: the words hold")
        elif wanted.side is not None and wanted.side != said.side:
            taken.notes.append(f"the model would have put {name} on another side: the words hold")
        return 0
    if room < 1:
        taken.notes.append(f"the model added {name}, for which no word stands: left out")
        return 0
    if any(one.concept == concept for one in (*plan.criteria, *taken.criteria)):
        return 0
    taken.criteria.append(
        Criterion.model_validate(
            {
                "rule": rule,
                "concept": concept,
                "side": wanted.side,
                "severity": wanted.severity,
                "weight": MODEL_WEIGHT,
                "why": "model",
            }
        )
    )
    return 1


def _take_wording(
    text: str, plan: Plan, lexicon: Lexicon, taken: _Taken, rules: ContextRules | None
) -> None:
    """Take a wording that names what is included, on its side, and nothing else."""
    included = [one for one in (*plan.criteria, *taken.criteria) if one.rule == "include"]
    for one in understand(text, lexicon, rules=rules).criteria:
        same = [has for has in included if _related(one.concept, has.concept, lexicon)]
        sides = {has.side for has in same}
        if one.rule == "exclude" or not same:
            taken.notes.append("a wording of the model says something else: left out")
            return
        if one.side is not None and None not in sides and one.side not in sides:
            taken.notes.append("a wording of the model is of another side: left out")
            return
    if text not in {one.text for one in (*plan.rewrites, *taken.rewrites)}:
        taken.rewrites.append(Rewrite(text=text, weight=MODEL_WEIGHT, why="model"))


def _concept(name: str, lexicon: Lexicon) -> str | None:
    """The one concept that a name means; None for none or several."""
    keys: Iterable[str] = lexicon.named(name)
    found = set(keys) or {one.concept for one in find_mentions(name, lexicon)}
    return found.pop() if len(found) == 1 else None


def _related(one: str, other: str, lexicon: Lexicon) -> bool:
    """Whether two concepts are one, or one is a kind of the other."""
    return one == other or other in lexicon.ancestors(one) or one in lexicon.ancestors(other)
