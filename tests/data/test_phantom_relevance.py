"""Graded relevance between phantom studies: symmetric, and each grade as it is defined."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from caselight.data.phantoms.course import Person, draw_course
from caselight.data.phantoms.findings import Finding, State
from caselight.data.phantoms.relevance import GRADES, relevance


def state(*found: Finding) -> State:
    return State(findings=found, resolved=())


def nodule(*, size: float = 0.5, texture: int = 1) -> Finding:
    return Finding(
        name="nodule",
        side="left",
        zone="upper",
        kind=None,
        size=size,
        texture=texture,
        change=None,
    )


def device(kind: str) -> Finding:
    return Finding(name="device", side=None, zone=None, kind=kind, size=0.5, texture=1, change=None)


@st.composite
def states(draw: st.DrawFn) -> State:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return draw_course(rng, Person(age=0.0, woman=0.0), n_studies=2)[draw(st.integers(0, 1))]


@settings(max_examples=100, deadline=None)
@given(states(), states())
def test_relevance_is_a_grade_and_the_same_both_ways(a: State, b: State) -> None:
    assert relevance(a, b) == relevance(b, a)
    assert relevance(a, b) in GRADES
    assert relevance(a, a) == 3.0


@settings(max_examples=100, deadline=None)
@given(states(), st.integers(0, 2**31))
def test_what_does_not_count_changes_nothing(a: State, texture: int) -> None:
    other = tuple(replace(item, texture=texture, change="new") for item in a.findings)
    assert relevance(a, State(findings=other, resolved=())) == 3.0


def test_each_grade_is_as_it_is_defined() -> None:
    one = state(nodule(size=0.5))
    assert relevance(one, state(nodule(size=0.6, texture=9))) == 3.0
    assert relevance(one, state(replace(nodule(), zone="lower"))) == 3.0
    assert relevance(one, state(nodule(size=0.9))) == 2.0
    assert relevance(one, state(replace(nodule(), side="right"))) == 1.0
    assert relevance(one, state(device("pacemaker"), nodule())) == 1.0
    assert relevance(one, state(device("pacemaker"))) == 0.0
    assert relevance(one, state()) == 0.0


def test_two_normal_chests_are_alike() -> None:
    assert relevance(state(), state()) == 3.0


def test_devices_count_by_their_kind() -> None:
    tube, line = device("endotracheal_tube"), device("nasogastric_tube")
    assert relevance(state(tube), state(line)) == 0.0
    assert relevance(state(tube), state(replace(tube, size=0.9))) == 3.0
    assert relevance(state(tube), state(tube, line)) == 1.0
