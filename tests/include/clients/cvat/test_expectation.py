"""Expecting an end, and keeping to a budget, by figures worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.clients.cvat.expectation import Budget, Expectation

RECORDED = ((500, 1.3), (2000, 2.3))


def test_it_begins_with_the_line_through_what_other_servers_took() -> None:
    expectation = Expectation(RECORDED)
    assert expectation.seconds(500) == pytest.approx(1.3)
    assert expectation.seconds(1250) == pytest.approx(1.8)
    assert expectation.seconds(20_000) == pytest.approx(2.3 + 18_000 / 1500)


def test_fifty_of_its_own_push_the_others_out() -> None:
    expectation = Expectation(RECORDED)
    for number in range(50):
        expectation.learn(number * 10, 1 + number * 0.1)
    assert expectation.seconds(1000) == pytest.approx(11.0)


def test_one_size_alone_gives_its_mean() -> None:
    expectation = Expectation(((0, 1.0),))
    expectation.learn(0, 3.0)
    assert expectation.seconds(0) == pytest.approx(2.0)
    assert expectation.seconds(1000) == pytest.approx(2.0)


@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.floats(0, 3600)), max_size=60),
    st.integers(0, 20_000),
    st.integers(0, 20_000),
)
def test_more_images_are_never_expected_to_take_less(seen: list[tuple[int, float]], few: int, many: int) -> None:
    expectation = Expectation(RECORDED)
    for images, seconds in seen:
        expectation.learn(images, seconds)
    assert 0 < expectation.seconds(min(few, many)) <= expectation.seconds(max(few, many)) + 1e-6


def test_a_burst_is_there_at_once_and_then_a_share_of_the_time() -> None:
    budget = Budget(share=0.1, burst=1.0, now=0.0)
    assert budget.ready(1.0) <= 0.0
    budget.spend(1.0, 0.0)
    assert budget.ready(0.5) == pytest.approx(5.0)
    budget.spend(0.5, 5.0)
    assert budget.ready(0.5) == pytest.approx(10.0)


def test_what_is_overdrawn_is_waited_for() -> None:
    budget = Budget(share=0.1, burst=1.0, now=0.0)
    assert budget.ready(3.0) <= 0.0  # the burst is whole
    budget.spend(3.0, 0.0)
    assert budget.ready(0.1) == pytest.approx(21.0)
    assert budget.ready(3.0) == pytest.approx(30.0)


def test_what_was_claimed_first_has_its_turn_first() -> None:
    budget = Budget(share=0.1, burst=1.0, now=0.0)
    budget.spend(1.0, 0.0)
    assert budget.claim("dear", 0.5) == pytest.approx(5.0)
    assert budget.claim("cheap", 0.1) == pytest.approx(6.0)
    assert budget.claim("dear", 0.5) == pytest.approx(5.0)
    budget.spend(0.5, 5.0)
    budget.forgo("dear")
    assert budget.claim("cheap", 0.1) == pytest.approx(6.0)
    budget.claim("dear", 0.5)
    budget.forgo("cheap")
    assert budget.claim("dear", 0.5) == pytest.approx(10.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.001, 1.0)), max_size=50))
def test_no_minute_costs_more_than_the_burst_and_its_share(asked: list[tuple[float, float]]) -> None:
    budget, now, spent = Budget(share=0.035, burst=1.0, now=0.0), 0.0, list[tuple[float, float]]()
    for pause, cost in asked:
        now = max(now + pause, budget.ready(cost))
        budget.spend(cost, now)
        spent.append((now, cost))
    for since, _ in spent:
        assert sum(cost for at, cost in spent if since <= at < since + 60) <= 1.0 + 60 * 0.035 + 1e-6
