"""Paired tests: against full enumeration, against the bootstrap, and by what they promise."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from caselight.metrics.paired import (
    cluster_sums,
    clustered_standard_error,
    detectable_difference,
    holm,
    sign_flip_p,
)
from caselight.metrics.significance import paired_difference

F64 = NDArray[np.float64]


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def every_flip(sums: F64) -> float:
    """The exact p-value of one column."""
    found = abs(sums.sum())
    signs = np.array(list(itertools.product((-1, 1), repeat=len(sums))))
    return float((np.abs(signs @ sums) >= found - 1e-9).mean())


@given(arrays.arrays(np.float64, st.integers(1, 8), elements=st.integers(-3, 3).map(float)))
def test_the_p_value_is_that_of_every_flip(sums: F64) -> None:
    (p,) = sign_flip_p(sums[:, None], n_flips=4000, rng=draws())
    assert p == pytest.approx(every_flip(sums), abs=0.04)


def test_columns_do_not_disturb_each_other_and_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sums = draws(1).standard_normal((7, 3))
    whole = sign_flip_p(sums, n_flips=500, rng=draws())
    alone = [sign_flip_p(sums[:, [n]], n_flips=500, rng=draws())[0] for n in range(3)]
    assert list(whole) == alone
    assert np.array_equal(sign_flip_p(-sums, n_flips=500, rng=draws()), whole)
    monkeypatch.setattr("caselight.metrics.paired._BLOCK_CELLS", 7 * 50)
    assert np.allclose(sign_flip_p(sums, n_flips=500, rng=draws()), whole, atol=0.06)


def test_the_least_p_value_is_never_zero_and_no_difference_is_one() -> None:
    sums = np.stack([np.ones(40), np.zeros(40)], axis=1)
    p = sign_flip_p(sums, n_flips=999, rng=draws())
    assert list(p) == [0.001, 1.0]


def test_one_cluster_shows_nothing() -> None:
    assert list(sign_flip_p(np.array([[5.0]]), n_flips=99, rng=draws())) == [1.0]


def test_equal_models_are_called_different_as_often_as_promised() -> None:
    sums = draws(2).standard_normal((25, 600))
    p = sign_flip_p(sums, n_flips=400, rng=draws())
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() == pytest.approx(level, abs=0.05)


def test_sums_are_of_clusters_and_pass_over_what_is_unknown() -> None:
    found = cluster_sums(np.array([1.0, np.nan, 2.0, -4.0]), np.array([2, 0, 2, 0]), n_clusters=4)
    assert list(found) == [-4.0, 0.0, 3.0, 0.0]


# -- Holm --------------------------------------------------------------------------------------

p_values = arrays.arrays(np.float64, st.integers(1, 12), elements=st.floats(0.0001, 1.0))


@given(p_values, st.floats(0.01, 0.3))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p: F64, level: float) -> None:
    rejected: set[int] = set()
    for step, at in enumerate(np.argsort(p, kind="stable")):
        if p[at] * (len(p) - step) >= level:
            break
        rejected.add(int(at))
    assert set(np.flatnonzero(holm(p) < level)) == rejected


@given(p_values)
def test_holm_lies_between_no_correction_and_bonferroni(p: F64) -> None:
    corrected = holm(p)
    assert (corrected >= p).all()
    assert (corrected <= np.minimum(1.0, len(p) * p)).all()


# -- how small a difference can be seen --------------------------------------------------------


def test_the_standard_error_is_the_spread_of_the_bootstrap() -> None:
    rng = draws(3)
    patients = rng.integers(0, 60, size=400)
    differences = rng.standard_normal(60)[patients] + rng.standard_normal(400)
    error = clustered_standard_error(differences, patients)
    interval = paired_difference(
        differences, np.zeros(400), patients, n_resamples=4000, rng=rng, level=0.6827
    )
    assert error == pytest.approx((interval.high - interval.low) / 2, rel=0.08)
    naive = differences.std(ddof=1) / np.sqrt(400)
    assert error > 1.5 * naive


def test_clusters_of_one_give_the_textbook_standard_error() -> None:
    values = draws(4).standard_normal(50)
    expected = values.std(ddof=1) / np.sqrt(50)
    assert clustered_standard_error(values, np.arange(50)) == pytest.approx(expected)


def test_unknown_values_are_dropped_and_one_cluster_has_no_error() -> None:
    values, owners = np.array([1.0, np.nan, 3.0]), np.array([0, 1, 2])
    known = clustered_standard_error(values[[0, 2]], owners[[0, 2]])
    assert clustered_standard_error(values, owners) == known
    assert np.isnan(clustered_standard_error(np.array([1.0, 2.0]), np.array([4, 4])))


@pytest.mark.parametrize("power", [0.5, 0.8])
def test_a_difference_that_can_be_detected_is_detected_that_often(power: float) -> None:
    n_patients, n_trials, n_rows = 60, 1500, 5
    error = 1 / np.sqrt(n_patients)
    true = detectable_difference(error, level=0.95, n_rows=n_rows, power=power)
    sums = draws(5).standard_normal((n_patients, n_trials)) + true
    p = sign_flip_p(sums, n_flips=2000, rng=draws(6))
    assert (p < 0.05 / n_rows).mean() == pytest.approx(power, abs=0.05)


def test_more_rows_and_a_higher_level_need_a_larger_difference() -> None:
    plain = detectable_difference(1.0, level=0.95)
    assert plain == pytest.approx(1.96 + 0.8416, abs=1e-3)
    assert detectable_difference(1.0, level=0.95, n_rows=10) > plain
    assert detectable_difference(1.0, level=0.99) > plain
