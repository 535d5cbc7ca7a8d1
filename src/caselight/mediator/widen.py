"""Other wordings of a question: spelled out, by synonym, by kind; as far as its intent goes.

Every wording names only what the question includes: an encoder of sentences hears "no effusion" as
"effusion", so what is excluded is left to the check of the answer. Source: paper 000, section 5
("expansion using hierarchical concept relationships", "dynamic weighting").
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from caselight.language.lexicon import Lexicon
from caselight.mediator.plan import MOST_REWRITES, Criterion, Intent, Rewrite, Why

_MOST_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """How many wordings of a kind are added, and what each counts beside the user's own words."""

    synonyms: int
    narrower: int
    broader: int


_REACH: Mapping[Intent, _Reach] = {
    "find": _Reach(synonyms=2, narrower=1, broader=0),
    # What must not be missed is looked for in all of its kinds.
    "rule_out": _Reach(synonyms=2, narrower=3, broader=0),
    "rule_in": _Reach(synonyms=2, narrower=1, broader=0),
    # Things told apart are to stay what they are.
    "compare": _Reach(synonyms=1, narrower=0, broader=0),
    "follow_up": _Reach(synonyms=1, narrower=0, broader=0),
    # An example of the thing itself, and of its family where there is none.
    "teach": _Reach(synonyms=1, narrower=0, broader=1),
}
_WEIGHT: Mapping[Why, float] = {
    "spelled_out": 1.0,
    "synonym": 0.5,
    "narrower": 0.3,
    "broader": 0.2,
}


def widened(
    text: str, intent: Intent, criteria: Sequence[Criterion], lexicon: Lexicon
) -> tuple[Rewrite, ...]:
    """Return further wordings of a text, the closest first; none where nothing is included.

    Args:
        text: the user's own words.
        intent: what they want.
        criteria: what they name.
        lexicon: that has its concepts.
    """
    included = [one for one in criteria if one.rule == "include"]
    if not included:
        return ()
    plain = spelled_out(included, lexicon, {})
    wordings = {plain: Rewrite(text=plain, weight=_WEIGHT["spelled_out"], why="spelled_out")}
    for wording, why in _others(included, intent, lexicon):
        wordings.setdefault(wording, Rewrite(text=wording, weight=_WEIGHT[why], why=why))
    wordings.pop(text, None)
    return tuple(wordings.values())[: MOST_REWRITES - 1]


def spelled_out(included: Sequence[Criterion], lexicon: Lexicon, instead: Mapping[str, str]) -> str:
    """What is included as a report would say it, findings first.

    Args:
        included: criteria.
        lexicon: that has their concepts.
        instead: concept to the name used for it; else its own.
    """
    last = ("anatomy", "modality", "view")
    said = []
    for one in sorted(included, key=lambda one: lexicon[one.concept].category in last):
        name = instead.get(one.concept, lexicon[one.concept].name)
        said.append(" ".join(filter(None, (one.severity, one.side, name))))
    return ", ".join(dict.fromkeys(said))[:_MOST_CHARACTERS]


def _others(
    included: Sequence[Criterion], intent: Intent, lexicon: Lexicon
) -> Iterator[tuple[str, Why]]:
    """Wordings with another name for the first finding, which the question is most about."""
    reach = _REACH[intent]
    findings = (one for one in included if lexicon[one.concept].category == "finding")
    main = next(findings, included[0]).concept
    synonyms = [name for name in lexicon[main].synonyms if "+" not in name]
    kinds, above = lexicon.descendants(main), lexicon.ancestors(main)
    names: list[tuple[str, Why]] = [
        *((name, "synonym") for name in synonyms[: reach.synonyms]),
        *((lexicon[key].name, "narrower") for key in list(kinds)[: reach.narrower]),
        *((lexicon[key].name, "broader") for key in list(above)[: reach.broader]),
    ]
    for name, why in names:
        yield spelled_out(included, lexicon, {main: name}), why
