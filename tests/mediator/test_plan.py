"""A plan is closed: nothing can be in it that is not drawn here."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from caselight.mediator.plan import Criterion, Draft, Plan, Rewrite, Wanted

OWN = Rewrite(text="left effusion")


def plan(**changed: Any) -> Plan:
    return Plan(**({"route": "lexicon", "rewrites": (OWN,), "lexicon": "ab"} | changed))


def has(concept: str, rule: str = "include", **said: Any) -> Criterion:
    return Criterion.model_validate({"rule": rule, "concept": concept, **said})


@pytest.mark.parametrize(
    "wrong",
    [
        {"rewrites": ()},
        {"rewrites": (Rewrite(text="effusion", why="synonym"),)},
        {"rewrites": (Rewrite(text="effusion", weight=0.5),)},
        {"rewrites": (OWN,) * 9},
        {"k": 0},
        {"k": 1001},
        {"route": "shell"},
        {"target": "file"},
        {"command": "rm"},
        {"criteria": (has("pleural-effusion"),) * 2},
        {"criteria": (has("pleural-effusion"), has("pleural-effusion", "exclude"))},
    ],
)
def test_what_a_plan_must_not_hold_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        plan(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"concept": "../etc/passwd"},
        {"concept": "Pleural Effusion"},
        {"weight": 0.0},
        {"weight": float("nan")},
        {"weight": 2.0},
        {"side": "up"},
        {"citation": "x" * 301},
    ],
)
def test_what_a_criterion_must_not_hold_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        has(**({"concept": "pleural-effusion"} | wrong))


def test_two_sides_of_one_finding_may_be_asked_for_and_excluded() -> None:
    both = (has("mass", side="left"), has("mass", "exclude", side="right"))
    assert plan(criteria=both).criteria == both


def test_a_plan_is_read_back_from_its_json() -> None:
    made = plan(criteria=(has("nodule", size_mm=(6.0, 8.0)),), filters={"sex": "F"}, notes=("a",))
    assert Plan.model_validate_json(made.model_dump_json()) == made


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_a_draft_takes_no_filter_that_words_may_not_ask_for(filters: dict[str, str]) -> None:
    known = {"age", "date", "laterality", "modality", "sex", "view"}
    if set(filters) <= known:
        assert Draft(filters=filters).filters == filters  # type: ignore[arg-type]
    else:
        with pytest.raises(ValidationError):
            Draft(filters=filters)  # type: ignore[arg-type]


def test_a_draft_says_nothing_of_what_is_not_its_to_say() -> None:
    for name in ("k", "target", "route", "model", "lexicon", "notes"):
        with pytest.raises(ValidationError):
            Draft.model_validate({name: "study"})


def test_the_words_of_a_person_are_in_no_repr() -> None:
    assert "left effusion" not in repr(plan())
    assert "left effusion" not in repr(Draft(include=(Wanted(name="left effusion"),)))
