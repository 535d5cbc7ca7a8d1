"""An answer held against its plan: what is affirmed, denied, doubted and left unsaid."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.language.nouns import Mention
from caselight.mediator.plan import Criterion, Plan, Rewrite
from caselight.mediator.validate import Check, reordered, validate

KINDS = {"empyema": "pleural-effusion", "tension-pneumothorax": "pneumothorax"}
TEXT = "a text of a report that is long enough to hold every span"


def is_a(one: str, other: str) -> bool:
    return one == other or KINDS.get(one) == other


def plan(*criteria: Criterion) -> Plan:
    own = Rewrite(text="asked")
    return Plan(route="lexicon", rewrites=(own,), lexicon="ab", criteria=criteria)


def want(concept: str, **said: Any) -> Criterion:
    return Criterion.model_validate({"rule": "include", "concept": concept, **said})


def without(concept: str, **said: Any) -> Criterion:
    return Criterion.model_validate({"rule": "exclude", "concept": concept, **said})


def mention(concept: str, **said: Any) -> Mention:
    return Mention(**({"span": (2, 6), "concept": concept, "named": "name"} | said))


def check(plan: Plan, *mentions: Mention, text: str | None = TEXT) -> Check:
    return validate(plan, text, mentions, is_a=is_a)


@pytest.mark.parametrize(
    ("criteria", "mentions", "decision", "finds"),
    [
        ([want("pneumothorax")], [mention("pneumothorax")], "kept", ["met"]),
        ([want("pneumothorax")], [mention("tension-pneumothorax")], "kept", ["met"]),
        ([want("tension-pneumothorax")], [mention("pneumothorax")], "unchecked", ["silent"]),
        ([want("pneumothorax")], [], "unchecked", ["silent"]),
        (
            [want("pneumothorax")],
            [mention("pneumothorax", certainty="absent")],
            "dropped",
            ["denied"],
        ),
        # "No pneumothorax" denies every kind of it; the denial of a kind leaves the rest open.
        (
            [want("tension-pneumothorax")],
            [mention("pneumothorax", certainty="absent")],
            "dropped",
            ["denied"],
        ),
        (
            [want("pneumothorax")],
            [mention("tension-pneumothorax", certainty="absent")],
            "unchecked",
            ["silent"],
        ),
        (
            [want("pneumothorax", side="left")],
            [mention("pneumothorax", side="right")],
            "unchecked",
            ["silent"],
        ),
        (
            [want("pneumothorax", side="left")],
            [mention("pneumothorax", side="bilateral")],
            "kept",
            ["met"],
        ),
        (
            [want("pneumothorax", side="left")],
            [mention("pneumothorax", side="right", certainty="absent")],
            "unchecked",
            ["silent"],
        ),
        ([want("pneumothorax")], [mention("pneumothorax", about="history")], "unchecked", None),
        ([want("pneumothorax")], [mention("pneumothorax", about="family")], "unchecked", None),
        ([without("pneumothorax")], [mention("pneumothorax")], "dropped", ["violated"]),
        ([without("pneumothorax")], [mention("tension-pneumothorax")], "dropped", ["violated"]),
        ([without("pneumothorax")], [], "unchecked", ["clear"]),
        (
            [without("pneumothorax")],
            [mention("pneumothorax", certainty="uncertain")],
            "unchecked",
            ["doubted"],
        ),
        # Of two things asked for one suffices.
        (
            [want("pneumonia"), want("pleural-effusion")],
            [mention("pneumonia"), mention("pleural-effusion", certainty="absent")],
            "kept",
            ["met", "denied"],
        ),
        # What nobody asked for drops nothing.
        (
            [want("pneumonia"), without("pleural-effusion", why="template")],
            [mention("pneumonia"), mention("empyema")],
            "kept",
            ["met", "violated"],
        ),
        (
            [want("pleural-effusion", severity="moderate")],
            [mention("pleural-effusion", severity="mild")],
            "unchecked",
            ["silent"],
        ),
        (
            [want("lung-nodule", size_mm=(6.0, 8.0))],
            [mention("lung-nodule", size_mm=(7.0, 7.0))],
            "kept",
            ["met"],
        ),
        (
            [want("lung-nodule", size_mm=(6.0, 8.0))],
            [mention("lung-nodule", size_mm=(30.0, 30.0))],
            "unchecked",
            ["silent"],
        ),
    ],
)
def test_decisions(
    criteria: list[Criterion], mentions: list[Mention], decision: str, finds: list[str] | None
) -> None:
    found = check(plan(*criteria), *mentions)
    assert found.decision == decision
    if finds is not None:
        assert [reason.finds for reason in found.reasons] == finds


def test_a_reason_quotes_the_words_it_stands_on() -> None:
    reason = check(plan(want("pneumothorax")), mention("pneumothorax")).reasons[0]
    assert (reason.span, reason.quote) == ((2, 6), TEXT[2:6])
    assert TEXT[2:6] not in repr(reason)


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_a_hit_without_words_is_left_unchecked(text: str | None) -> None:
    found = check(plan(want("pneumothorax")), text=text)
    assert (found.decision, found.agreement) == ("unchecked", 0.0)


@given(
    st.lists(st.floats(-1, 1), max_size=12),
    st.floats(0, 5),
    st.data(),
)
def test_order_moves_and_drops_and_never_adds(
    agreements: list[float], gain: float, data: st.DataObject
) -> None:
    decisions = [data.draw(st.sampled_from(["kept", "dropped", "unchecked"])) for _ in agreements]
    checks = [
        Check(decision=decision, reasons=(), agreement=agreement)
        for decision, agreement in zip(decisions, agreements, strict=True)
    ]
    order = reordered(checks, [gain] * len(checks))
    assert sorted(order) == [i for i, one in enumerate(decisions) if one != "dropped"]
    if gain == 0:
        assert order == sorted(order)
