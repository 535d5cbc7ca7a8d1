"""A model's draft adds to a plan what the words bear out, and takes nothing away."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caselight.language.lexicon import shipped_lexicon
from caselight.mediator.adopt import adopted
from caselight.mediator.plan import Draft, Plan, Wanted
from caselight.mediator.planner import plan_by_lexicon, understand

LEXICON = shipped_lexicon()
ASKED = "left pleural effusion without pneumothorax, blorb"


def put(text: str = ASKED, **draft: Any) -> Plan:
    understood = understand(text, LEXICON)
    plan = plan_by_lexicon(understood, LEXICON)
    made = Draft(**draft)
    return adopted(made, plan, understood, LEXICON, model="scripted", prompt="ab")


def test_the_words_own_criteria_come_first_and_stay() -> None:
    alone = plan_by_lexicon(understand(ASKED, LEXICON), LEXICON)
    made = put(include=(Wanted(name="cardiomegaly"),))
    assert made.criteria[: len(alone.criteria)] == alone.criteria
    assert made.rewrites[: len(alone.rewrites)] == alone.rewrites
    assert (made.route, made.model, made.prompt) == ("model", "scripted", "ab")


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        ({"include": (Wanted(name="pneumothorax"),)}, "turned pneumothorax round"),
        ({"exclude": (Wanted(name="pleural effusion"),)}, "turned pleural effusion round"),
        ({"include": (Wanted(name="pleural effusion", side="right"),)}, "on another side"),
        ({"include": (Wanted(name="xyzzy"),)}, "does not have"),
        ({"filters": {"sex": "F"}}, "what the words do not say"),
        ({"rewrites": ("right pleural effusion",)}, "of another side"),
        ({"rewrites": ("pneumothorax",)}, "says something else"),
        ({"rewrites": ("no pleural effusion",)}, "says something else"),
        (
            {"include": (Wanted(name="cardiomegaly"), Wanted(name="emphysema"))},
            "added emphysema, for which no word stands",
        ),
    ],
)
def test_what_the_words_do_not_bear_out_is_left_out_and_said(
    draft: dict[str, Any], said: str
) -> None:
    made = put(**draft)
    assert any(said in note for note in made.notes), made.notes
    assert made.filters == {}
    asked = [(one.rule, one.concept, one.side) for one in made.criteria if one.why == "asked"]
    assert asked == [
        ("include", "pleural-effusion", "left"),
        ("exclude", "pneumothorax", None),
    ]


def test_what_a_model_adds_is_marked_and_weighs_less() -> None:
    made = put(include=(Wanted(name="cardiomegaly"),), rewrites=("large left pleural effusion",))
    assert [(one.concept, one.why, one.weight) for one in made.criteria if one.why == "model"] == [
        ("cardiomegaly", "model", 0.5)
    ]
    assert [one.text for one in made.rewrites if one.why == "model"] == [
        "large left pleural effusion"
    ]


_NAMES = st.sampled_from([concept.name for concept in LEXICON][::9])
_WANTED = st.builds(Wanted, name=_NAMES, side=st.sampled_from(["left", "right", None]))


@settings(max_examples=60)
@given(
    st.lists(_WANTED, max_size=5),
    st.lists(_WANTED, max_size=5),
    st.lists(_NAMES, max_size=5),
    st.dictionaries(st.sampled_from(["sex", "age", "view"]), st.sampled_from(["F", "..17"])),
)
def test_no_draft_gains_authority(
    include: list[Wanted], exclude: list[Wanted], rewrites: list[str], filters: dict[str, str]
) -> None:
    alone = plan_by_lexicon(understand(ASKED, LEXICON), LEXICON, filters={"site": "A"})
    made = adopted(
        Draft(include=include, exclude=exclude, rewrites=rewrites, filters=filters),  # type: ignore[arg-type]
        alone,
        understand(ASKED, LEXICON),
        LEXICON,
        model="scripted",
        prompt="ab",
    )
    assert made.filters == alone.filters
    assert (made.target, made.k, made.rewrites[0]) == (alone.target, alone.k, alone.rewrites[0])
    assert made.criteria[: len(alone.criteria)] == alone.criteria
    added = made.criteria[len(alone.criteria) :]
    assert len(added) <= len(understand(ASKED, LEXICON).unread)
    assert all(one.why == "model" and one.weight < 1 for one in added)
