"""The questions that planners are measured with: whole, as many as promised, and drawn as said."""

import itertools
import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, get_args

import pytest

from caselight.data.filters import check_filters
from caselight.mediator.plan import FILTERS, Criterion, Intent, Plan, Rewrite
from tests.docs.pages import GUIDES, table

QUESTIONS = tuple(
    json.loads(line)
    for line in Path(__file__).with_name("questions.jsonl").read_text("utf-8").splitlines()
)
FIELDS = ("abdomen", "breast", "chest", "echo", "eye", "msk", "neuro", "vascular")
AT_LEAST = {
    "abbreviation": 60,
    "ambiguous": 20,
    "comparison": 40,
    "history": 20,
    "intent": 20,
    "laterality": 45,
    "metadata": 30,
    "misspelling": 45,
    "negation": 60,
    "plain": 20,
    "severity": 25,
    "vague": 15,
}
"""Kinds, and how many questions of each there are at least: so that nobody thins them out."""


LACKING = frozenset(
    (
        "bone-spicule-pigmentation",
        "calcium-pyrophosphate-deposition",
        "charcot-arthropathy",
        "creutzfeldt-jakob-disease",
        "endovascular-aneurysm-repair",
        "fibromuscular-dysplasia",
        "flail-chest",
        "greenstick-fracture",
        "hardware-loosening",
        "hyperdense-mca-sign",
        "implant-rupture",
        "intramural-hematoma",
        "lisfranc-injury",
        "mucinous-cystic-neoplasm",
        "oncocytoma",
        "papilledema",
        "periprosthetic-fracture",
        "phyllodes-tumor",
        "pneumocystis-pneumonia",
        "pseudoaneurysm",
        "pseudopapilledema",
        "pulmonary-artery-enlargement",
        "ring-enhancing-lesion",
        "syndesmophyte",
        "systolic-anterior-motion",
        "toxoplasmosis",
        "ventriculomegaly",
        "white-matter-lesion",
    )
)
"""What questions need and the lexicon does not have yet: their plans cannot be met until it does. A
key that it gains leaves this list."""


def plan_of(question: dict[str, Any]) -> Plan:
    """The plan that a question should become, as the schema knows it."""
    criteria = tuple(
        Criterion.model_validate(one | {"rule": rule})
        for rule in ("include", "exclude")
        for one in question[rule]
    )
    return Plan(
        route="lexicon",
        intent=question["intent"],
        rewrites=(Rewrite(text=question["text"]),),
        criteria=criteria,
        filters=question["filters"],
        lexicon="any",
    )


def test_every_question_has_the_same_fields() -> None:
    for question in QUESTIONS:
        assert tuple(question) == (
            *("id", "text", "kinds", "field", "intent"),
            *("include", "exclude", "filters", "split"),
        ), question["id"]
        for one in (*question["include"], *question["exclude"]):
            assert set(one) <= {"concept", "side", "severity", "size_mm"}, question["id"]
            assert None not in one.values(), question["id"]


def test_ids_and_texts_are_there_once() -> None:
    assert [one["id"] for one in QUESTIONS] == [f"q{n:03d}" for n in range(1, len(QUESTIONS) + 1)]
    texts = Counter(" ".join(one["text"].casefold().split()) for one in QUESTIONS)
    assert [text for text, times in texts.items() if times > 1] == []


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one["id"])
def test_the_plan_of_a_question_is_one_that_may_be_made(question: dict[str, Any]) -> None:
    plan = plan_of(question)
    assert plan.intent in get_args(Intent)
    assert set(plan.filters) <= set(FILTERS)
    check_filters(plan.filters)
    for one in plan.criteria:
        if one.size_mm is not None:
            least, greatest = one.size_mm
            assert least >= 0
            assert greatest is None or least <= greatest
        says_side = set(one.concept.split("-")) & {"left", "right"}
        assert not (says_side and one.side), f"{one.concept} has its side in its name"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one["id"])
def test_kinds_fit_the_plan(question: dict[str, Any]) -> None:
    kinds = set(question["kinds"])
    assert kinds
    assert kinds <= set(AT_LEAST)
    assert len(kinds) == len(question["kinds"])
    assert question["field"] in FIELDS
    assert "ambiguous" not in kinds or "abbreviation" in kinds
    assert ("comparison" in kinds) == (question["intent"] in ("compare", "follow_up"))
    assert ("intent" in kinds) == (question["intent"] in ("rule_in", "rule_out", "teach"))
    assert "metadata" in kinds or not question["filters"]
    said = [*question["include"], *question["exclude"]]
    assert "laterality" in kinds or not any("side" in one for one in said)
    assert "severity" in kinds or not any({"severity", "size_mm"} & set(one) for one in said)
    assert "negation" in kinds or not question["exclude"]
    assert said or question["filters"] or "vague" in kinds


def test_there_are_as_many_as_promised() -> None:
    assert len(QUESTIONS) >= 320
    found = Counter(kind for question in QUESTIONS for kind in question["kinds"])
    assert {kind: n for kind, n in AT_LEAST.items() if found[kind] < n} == {}
    # What is ambiguous is an abbreviation already, so it is not a second thing.
    several = [one for one in QUESTIONS if len(set(one["kinds"]) - {"ambiguous"}) >= 2]
    assert 2 * len(several) >= len(QUESTIONS)
    assert {one["field"] for one in QUESTIONS} == set(FIELDS)
    assert {one["intent"] for one in QUESTIONS} == set(get_args(Intent))


def test_the_halves_are_drawn_as_the_page_says() -> None:
    strata = defaultdict(list)
    for number, question in enumerate(QUESTIONS):
        strata[question["kinds"][0]].append(number)
    rng = random.Random(6)  # noqa: S311 - it draws halves, not secrets
    turn, drawn = itertools.cycle(("dev", "test")), {}
    for kind in sorted(strata):
        rng.shuffle(strata[kind])
        drawn |= {number: next(turn) for number in strata[kind]}
    assert [one["split"] for one in QUESTIONS] == [drawn[n] for n in range(len(QUESTIONS))]


def test_the_page_counts_the_questions() -> None:
    (page,) = (one for one in GUIDES if one.name == "plan.md")
    counted = {
        kind: (str(len(of)), str(sum(one["split"] == "dev" for one in of)))
        for kind in (*AT_LEAST, "all")
        for of in [[one for one in QUESTIONS if kind in (*one["kinds"], "all")]]
    }
    assert table(page, "| Kind |") == counted


def test_concepts_are_those_of_the_lexicon_but_for_the_known_gaps() -> None:
    lexicon = pytest.importorskip(
        "caselight.language.lexicon", reason="there is no lexicon yet to look concepts up in"
    ).shipped_lexicon()
    asked = {one["concept"] for q in QUESTIONS for one in (*q["include"], *q["exclude"])}
    assert {key for key in asked if key not in lexicon} == LACKING
