"""The patients of the phantoms: the same each time, different by site, and no site tells."""

import itertools
import re
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from caselight.data.phantoms.authors import AUTHORS
from caselight.data.phantoms.detectors import SCANNERS
from caselight.data.phantoms.findings import DEVICES, NAMES
from caselight.data.phantoms.patients import SUBGROUPS, Case, draw_cases, draw_patient

KEYS = sorted({*NAMES, *DEVICES} - {"device"})


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(itertools.islice(draw_cases(5), 3000))


def shown(case: Case) -> set[str]:
    return {item.kind or item.name for item in case.state.findings}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(0, 30))
def test_the_same_seed_invents_the_same_patients(seed: int, few: int, more: int) -> None:
    short = list(itertools.islice(draw_cases(seed), few))
    long = list(itertools.islice(draw_cases(seed), few + more))
    assert long[:few] == short
    last = [case for case in long if case.patient == long[-1].patient]
    assert draw_patient(seed, last[0].patient)[: len(last)] == last


def test_another_seed_invents_others() -> None:
    ours, theirs = draw_patient(0, 0)[0], draw_patient(1, 0)[0]
    assert ours.anatomy != theirs.anatomy
    assert ours.dictation != theirs.dictation


def test_patients_keep_their_body_and_come_back_months_later(cases: list[Case]) -> None:
    by_patient = itertools.groupby(cases[:-4], key=lambda case: case.patient)
    stays = [list(group) for _, group in by_patient]
    assert {len(stay) for stay in stays} == {1, 2, 3, 4}
    for stay in stays:
        assert len({(case.anatomy, case.sex, case.site, case.patient_name) for case in stay}) == 1
        assert [case.number for case in stay] == list(range(len(stay)))
        for before, after in itertools.pairwise(stay):
            assert (after.date - before.date).days >= 60
            assert after.age >= before.age
            assert after.age - before.age <= 1 + (after.date - before.date).days / 365


def test_names_and_accessions_are_nobodys_and_apart(cases: list[Case]) -> None:
    assert len({case.accession for case in cases}) == len(cases)
    for case in cases:
        assert re.fullmatch(r"A\d{6}-\d", case.accession)
        assert re.fullmatch(r"Phantom\^\d{6}", case.patient_name)
        assert 18 <= case.age <= 100


def test_the_table_of_sites_names_what_there_is() -> None:
    for site, group in SUBGROUPS.items():
        assert set(group.scanners) == {name for name, s in SCANNERS.items() if s.site == site}
        assert set(group.authors) <= set(AUTHORS)
        for shares in (group.scanners, group.authors):
            assert sum(shares.values()) == pytest.approx(1.0)
    assert sum(group.share for group in SUBGROUPS.values()) == pytest.approx(1.0)
    assert {name for group in SUBGROUPS.values() for name in group.authors} == set(AUTHORS)


def test_sites_differ_as_their_table_says(cases: list[Case]) -> None:
    firsts = [case for case in cases if case.number == 0]
    by_site = defaultdict(list)
    for case in firsts:
        by_site[case.site].append(case)
    for site, group in SUBGROUPS.items():
        here = by_site[site]
        assert len(here) / len(firsts) == pytest.approx(group.share, abs=0.05)
        assert np.mean([case.sex == "F" for case in here]) == pytest.approx(group.women, abs=0.07)
        assert np.mean([case.age for case in here]) == pytest.approx(group.age, abs=2.5)
    for case in cases:
        assert case.scanner in SUBGROUPS[case.site].scanners
        assert case.author in SUBGROUPS[case.site].authors


def p_value(rows: list[str], holds: list[bool]) -> float:
    """Of independence of a name and a yes or no; one case a patient, or they are not drawn free."""
    names = sorted(set(rows))
    pairs = list(zip(rows, holds, strict=True))
    table = [[pairs.count((name, yes)) for name in names] for yes in (False, True)]
    return float(chi2_contingency(table).pvalue)


@pytest.mark.parametrize("group", ["site", "scanner"])
def test_no_site_and_no_scanner_tells_a_finding(group: str, cases: list[Case]) -> None:
    firsts = [case for case in cases if case.number == 0]
    for key in KEYS:
        told = p_value([getattr(case, group) for case in firsts], [key in shown(c) for c in firsts])
        # Fourteen findings, and one seed for all time: chance alone stays above this.
        assert told > 1e-3, key


def test_age_and_sex_shift_what_patients_have_a_little(cases: list[Case]) -> None:
    firsts = [case for case in cases if case.number == 0]
    old = [case.age > SUBGROUPS[case.site].age for case in firsts]

    def shares(name: str) -> tuple[float, float]:
        has = [name in shown(case) for case in firsts]
        parts = [np.mean([h for h, o in zip(has, old, strict=True) if o == e]) for e in (0, 1)]
        return float(parts[0]), float(parts[1])

    young_heart, old_heart = shares("cardiomegaly")
    assert 1.05 < old_heart / young_heart < 2.5
    young_air, old_air = shares("pneumothorax")
    assert 1.05 < young_air / old_air < 3.0
