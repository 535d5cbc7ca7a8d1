"""A bucket of tokens for each actor, filled by a clock that is passed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.mediator.guards.rate import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_the_next_waits_for_a_token() -> None:
    clock = Clock()
    limit = RateLimit(per_minute=6, burst=3, clock=clock)
    assert [limit.take("a").action for _ in range(4)] == ["pass", "pass", "pass", "refuse"]
    (wait,) = limit.take("a").counts
    assert wait[0] == "wait_seconds"
    assert wait[1] in (10, 11)
    clock.now += wait[1]
    assert [limit.take("a").action for _ in range(2)] == ["pass", "refuse"]


def test_one_actor_does_not_use_up_the_tokens_of_another() -> None:
    limit = RateLimit(per_minute=1, burst=1, clock=Clock())
    assert [limit.take(actor).action for actor in ("a", "b", "a")] == ["pass", "pass", "refuse"]


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_more_pass_than_burst_and_rate_allow(pauses: list[float]) -> None:
    clock = Clock()
    limit = RateLimit(per_minute=6, burst=4, clock=clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        passed += limit.take("a").action == "pass"
    assert passed <= 4 + sum(pauses) / 10 + 1e-6


def test_memory_is_bounded_and_the_longest_silent_go_first() -> None:
    clock = Clock()
    limit = RateLimit(per_minute=1, burst=1, clock=clock)
    for i in range(10_001):
        limit.take(str(i))
    assert limit.take("10000").action == "refuse"
    assert limit.take("0").action == "pass"


def test_a_limit_that_lets_nothing_through_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        RateLimit(per_minute=0, burst=1, clock=Clock())
