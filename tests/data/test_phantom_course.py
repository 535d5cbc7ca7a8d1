"""What phantoms have: what goes together, what comes, grows, heals and stays."""

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caselight.data.phantoms.course import Person, draw_course
from caselight.data.phantoms.findings import (
    DEVICES,
    IN_A_ZONE,
    MAX_FINDINGS,
    NAMES,
    ONE_SIDED,
    SIDED_DEVICES,
    Finding,
    State,
    draw_finding,
    place_in_order,
)
from caselight.data.phantoms.patients import draw_cases

MIDDLING = Person(age=0.0, woman=0.0)


@pytest.fixture(scope="module")
def courses() -> list[list[State]]:
    return [draw_course(np.random.default_rng(n), MIDDLING, n_studies=4) for n in range(600)]


def first(courses: list[list[State]]) -> Iterator[dict[str, Finding]]:
    """What each patient starts with, by kind or name."""
    for course in courses:
        yield {item.kind or item.name: item for item in course[0].findings}


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32),
    st.floats(-2.0, 2.0),
    st.sampled_from([-0.6, 0.0, 0.6]),
    st.integers(1, 6),
)
def test_every_state_is_well_formed(seed: int, age: float, woman: float, n_studies: int) -> None:
    person = Person(age=age, woman=woman)
    course = draw_course(np.random.default_rng(seed), person, n_studies=n_studies)
    assert len(course) == n_studies
    longer = draw_course(np.random.default_rng(seed), person, n_studies=n_studies + 1)
    assert longer[:n_studies] == course
    for state in course:
        assert len(state.findings) <= MAX_FINDINGS
        keys = [item.key for item in state.findings]
        assert len(set(keys)) == len(keys)
        assert list(state.findings) == sorted(state.findings, key=place_in_order)
        assert not {"effusion", "pneumothorax"} <= {item.name for item in state.findings}
        for item in state.findings:
            check_finding(item)


def check_finding(item: Finding) -> None:
    assert item.name in NAMES
    assert 0.0 < item.size <= 1.0
    assert (item.kind in DEVICES) == (item.name == "device")
    sided = item.name in ONE_SIDED or item.kind in SIDED_DEVICES
    assert (item.side in {"left", "right"}) == (sided and item.side != "bilateral")
    assert (item.side == "bilateral") <= (item.name in {"edema", "effusion"})
    assert (item.zone is not None) == (item.name in IN_A_ZONE)
    if item.name != "fracture":
        assert (item.side, item.zone) != ("left", "middle")
    assert (item.severity is None) == (item.name == "device")
    assert (item.size_mm is not None) == (item.name == "nodule")


def test_a_change_says_what_the_sizes_say(courses: list[list[State]]) -> None:
    changes = Counter[str]()
    for course in courses:
        assert course[0].resolved == ()
        assert all(item.change is None for item in course[0].findings)
        for before, after in itertools.pairwise(course):
            earlier = {item.key: item for item in before.findings}
            for item in after.findings:
                was = earlier.pop(item.key, None)
                if was is None:
                    assert item.change == "new"
                elif item.size == was.size:
                    assert item.change == "unchanged"
                else:
                    assert item.change == ("increased" if item.size > was.size else "decreased")
                if was is not None:
                    assert (item.side, item.zone, item.texture) == (was.side, was.zone, was.texture)
                changes[str(item.change)] += 1
            assert set(after.resolved) == set(earlier.values())
    assert set(changes) == {"new", "increased", "decreased", "unchanged"}


def test_devices_come_stay_as_they_are_and_are_taken_out(courses: list[list[State]]) -> None:
    taken, stayed = Counter[str](), Counter[str]()
    for state in itertools.chain.from_iterable(courses):
        taken.update(str(item.kind) for item in state.resolved if item.name == "device")
        for item in state.findings:
            if item.name == "device" and item.change is not None:
                assert item.change in {"new", "unchanged"}
                stayed[str(item.kind)] += item.change == "unchanged"
    for kind in ("pacemaker", "sternal_wires"):
        assert taken[kind] == 0
        assert stayed[kind] > 20
    for kind in ("endotracheal_tube", "chest_drain", "nasogastric_tube", "central_line"):
        assert taken[kind] > 10
        assert stayed[kind] > 0


def test_a_fracture_heals_slowly_and_stays_to_be_seen(courses: list[list[State]]) -> None:
    healing, old = 0, 0
    for course in courses:
        for before, after in itertools.pairwise(course):
            for item in before.findings:
                if item.name != "fracture":
                    continue
                later = next(other for other in after.findings if other.key == item.key)
                assert later.size <= item.size
                healing += later.size < item.size
                old += item.severity == later.severity == "healed"
    assert healing > 20
    assert old > 20


def test_what_goes_together_in_life_goes_together(courses: list[list[State]]) -> None:
    starts = list(first(courses))

    def share(of: str, given: str) -> float:
        return float(np.mean([of in start for start in starts if given in start]))

    def overall(of: str) -> float:
        return float(np.mean([of in start for start in starts]))

    for of, given_ in (
        ("cardiomegaly", "edema"),
        ("effusion", "edema"),
        ("sternal_wires", "cardiomegaly"),
        ("nasogastric_tube", "endotracheal_tube"),
        ("fracture", "pneumothorax"),
        ("chest_drain", "pneumothorax"),
    ):
        assert 0.95 > share(of, given_) > 1.8 * overall(of), (of, given_)
    bilateral = [s["effusion"].side == "bilateral" for s in starts if "effusion" in s]
    with_edema = [
        s["effusion"].side == "bilateral" for s in starts if "effusion" in s and "edema" in s
    ]
    assert 0.0 < np.mean(bilateral) < np.mean(with_edema) < 1.0


def test_a_drain_lies_where_there_is_air_or_fluid_or_alone(courses: list[list[State]]) -> None:
    alone, beside = 0, 0
    for start in first(courses):
        if "chest_drain" not in start:
            continue
        cause = start.get("pneumothorax") or start.get("effusion")
        alone += cause is None
        if cause is not None:
            assert cause.side in {"bilateral", start["chest_drain"].side}
            beside += 1
    assert beside > 2 * alone > 0


def test_most_findings_come_in_both_sides_and_all_severities() -> None:
    rng = np.random.default_rng(0)
    for name in ONE_SIDED:
        drawn = [draw_finding(rng, name, side="left", change=None) for _ in range(60)]
        assert {item.side for item in drawn} == {"left"}
        assert len({item.severity for item in drawn}) == 3


def test_the_shares_are_as_promised() -> None:
    cases = list(itertools.islice(draw_cases(11), 1000))
    counts = Counter(item.kind or item.name for case in cases for item in case.state.findings)
    assert set(counts) == {*NAMES, *DEVICES} - {"device"}
    assert min(counts.values()) >= 20
    numbers = Counter(len(case.state.findings) for case in cases)
    assert 0.28 < numbers[0] / len(cases) < 0.45
    assert sum(n for number, n in numbers.items() if number > 1) > 0.2 * len(cases)
    assert 0.12 < np.mean([len(case.views) == 2 for case in cases]) < 0.28
