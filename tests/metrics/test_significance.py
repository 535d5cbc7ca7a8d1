"""Intervals cover what they claim, respect clusters, and repeat."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from caselight.metrics.significance import (
    Interval,
    cluster_bootstrap,
    paired_difference,
    paired_ratio,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def clustered(
    seed: int, *, n_clusters: int = 40, per_cluster: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Values with mean 0 that patients share: variance 1 between patients, 0.25 within."""
    draws = rng(seed)
    member = np.repeat(np.arange(n_clusters), per_cluster)
    values = draws.standard_normal(n_clusters)[member] + 0.5 * draws.standard_normal(len(member))
    return values, member


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_clusters_give_the_coverage_that_single_queries_only_claim() -> None:
    covered, naive_covered = [], []
    for seed in range(150):
        values, member = clustered(seed)
        ours = cluster_bootstrap(values, member, n_resamples=200, rng=rng(seed))
        naive = cluster_bootstrap(values, np.arange(len(values)), n_resamples=200, rng=rng(seed))
        covered.append(ours.low <= 0 <= ours.high)
        naive_covered.append(naive.low <= 0 <= naive.high)
        assert width(ours) > width(naive)
    assert 0.88 <= np.mean(covered) <= 0.99
    assert np.mean(naive_covered) < 0.7


def test_width_agrees_with_the_normal_theory() -> None:
    values = rng(3).standard_normal(2000)
    found = cluster_bootstrap(values, np.arange(2000), n_resamples=4000, rng=rng())
    assert found.value == values.mean()
    assert width(found) == pytest.approx(2 * 1.96 * values.std() / np.sqrt(2000), rel=0.08)
    assert width(
        cluster_bootstrap(values, np.arange(2000), n_resamples=4000, rng=rng(), level=0.5)
    ) == pytest.approx(2 * 0.6745 * values.std() / np.sqrt(2000), rel=0.08)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_constants_have_no_spread(statistic: str) -> None:
    found = cluster_bootstrap(
        np.full(30, 0.1),
        [f"p{i % 7}" for i in range(30)],
        n_resamples=100,
        rng=rng(),
        statistic=statistic,  # type: ignore[arg-type]
    )
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1), abs=1e-15)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_resamples_are_those_of_whole_clusters_written_out(statistic: str) -> None:
    """The same draws, with each resample's queries listed one by one."""
    values, member = clustered(5, n_clusters=6, per_cluster=3)
    values[4], values[10:12] = np.nan, 2.0
    counts = rng(9).multinomial(6, np.full(6, 1 / 6), size=300)
    slow = []
    for drawn in counts:
        queries = np.concatenate([values[member == c] for c in range(6) for _ in range(drawn[c])])
        slow.append(getattr(np, f"nan{statistic}")(queries))
    found = cluster_bootstrap(
        values,
        member,
        n_resamples=300,
        rng=rng(9),
        statistic=statistic,  # type: ignore[arg-type]
        level=0.8,
    )
    assert found.value == pytest.approx(getattr(np, f"nan{statistic}")(values))
    assert found.low == pytest.approx(np.quantile(slow, 0.1, method="lower"))
    assert found.high == pytest.approx(np.quantile(slow, 0.9, method="higher"))


def test_the_generator_decides_and_names_do_not() -> None:
    values, member = clustered(1)
    first = cluster_bootstrap(values, member, n_resamples=200, rng=rng(4))
    assert first == cluster_bootstrap(values, member, n_resamples=200, rng=rng(4))
    named = [f"p{c:03d}" for c in member]
    assert first == cluster_bootstrap(values, named, n_resamples=200, rng=rng(4))
    assert first != cluster_bootstrap(values, member, n_resamples=200, rng=rng(5))


def test_unjudged_queries_are_dropped() -> None:
    values, member = clustered(2)
    gaps = values.copy()
    gaps[::3] = np.nan
    judged = ~np.isnan(gaps)
    assert cluster_bootstrap(gaps, member, n_resamples=99, rng=rng()) == cluster_bootstrap(
        values[judged], member[judged], n_resamples=99, rng=rng()
    )


def test_one_cluster_shows_no_spread_and_claims_none() -> None:
    found = cluster_bootstrap(np.array([0.2, 0.6]), ["p", "p"], n_resamples=50, rng=rng())
    assert found.value == pytest.approx(0.4)
    assert np.isnan([found.low, found.high]).all()


def test_a_ratio_to_itself_is_exactly_one() -> None:
    values, member = clustered(6)
    values += 3
    found = paired_ratio(values, values.copy(), member, n_resamples=500, rng=rng())
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_a_ratio_is_of_means_and_paired() -> None:
    values, member = clustered(7)
    clean = np.exp(values)
    attacked = 0.5 * clean + 0.01 * rng(8).random(len(clean))
    attacked[0] = np.nan
    found = paired_ratio(attacked, clean, member, n_resamples=500, rng=rng())
    assert found.value == pytest.approx(attacked[1:].mean() / clean[1:].mean())
    assert found.low < found.value < found.high
    apart = cluster_bootstrap(clean, member, n_resamples=500, rng=rng())
    assert width(found) < 0.1 * width(apart) / apart.value


def test_zero_denominators_leave_a_bound_open_instead_of_vanishing() -> None:
    names = ["a", "b", "c"]
    top = np.array([1.0, 1.0, 1.0])
    # 8 of 27 draws never see the first cluster: far more than either tail.
    often = paired_ratio(top, np.array([1.0, 0.0, 0.0]), names, n_resamples=500, rng=rng())
    assert often.value == pytest.approx(3.0)
    assert np.isnan([often.low, often.high]).all()
    # With 12 clusters of which 8 count, about one draw in 500 000 sees none.
    bottom = np.array([1.0] * 8 + [0.0] * 4)
    rarely = paired_ratio(np.ones(12), bottom, np.arange(12), n_resamples=500, rng=rng())
    assert 1.0 <= rarely.low < rarely.value < rarely.high < np.inf
    never = paired_ratio(top, np.zeros(3), names, n_resamples=50, rng=rng())
    assert np.isnan([never.value, never.low, never.high]).all()


def test_a_difference_is_paired() -> None:
    values, member = clustered(11)
    better = values + 0.1 + 0.01 * rng(1).standard_normal(len(values))
    found = paired_difference(better, values, member, n_resamples=500, rng=rng())
    assert 0 < found.low < found.value < found.high
    assert found.value == pytest.approx((better - values).mean())
    opposite = paired_difference(values, better, member, n_resamples=500, rng=rng())
    assert (opposite.low, opposite.high) == pytest.approx((-found.high, -found.low))
    gaps = better.copy()
    gaps[3] = np.nan
    there = ~np.isnan(gaps)
    assert paired_difference(gaps, values, member, n_resamples=50, rng=rng()) == (
        paired_difference(better[there], values[there], member[there], n_resamples=50, rng=rng())
    )


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_a_thousand_resamples_of_two_thousand_queries_are_quick(statistic: str) -> None:
    values = rng().random(2000)
    begin = time.process_time()
    cluster_bootstrap(
        values,
        np.arange(2000),
        n_resamples=1000,
        rng=rng(),
        statistic=statistic,  # type: ignore[arg-type]
    )
    assert time.process_time() - begin < 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": np.array([])}, "none of 0 queries"),
        ({"values": np.array([np.nan, np.nan])}, "none of 2 queries"),
        ({"values": np.array([1.0, np.inf])}, "infinite"),
        ({"clusters": ["a"]}, "1 clusters"),
        ({"n_resamples": 0}, "0 resamples"),
        ({"level": 1.0}, "level 1.0"),
    ],
)
def test_what_has_no_interval_is_refused(change: dict[str, object], words: str) -> None:
    whole: dict[str, object] = {
        "values": np.array([0.1, 0.2]),
        "clusters": ["a", "b"],
        "n_resamples": 10,
        "rng": rng(),
    }
    asked = whole | change
    if len(asked["values"]) == 0:  # type: ignore[arg-type]
        asked["clusters"] = []
    with pytest.raises(ValueError, match=words):
        cluster_bootstrap(**asked)  # type: ignore[arg-type]
