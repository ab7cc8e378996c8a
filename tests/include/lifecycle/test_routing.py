"""Routing: who sees what, and with which probability."""

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.routing import Route, is_audited, is_sure, probability

scores = st.floats(0, 1)


@given(st.lists(scores, min_size=1), scores)
def test_an_image_is_as_sure_as_its_least_sure_object(found: list[float], threshold: float) -> None:
    assert is_sure(found, threshold) == all(score >= threshold for score in found)


def test_the_threshold_itself_is_sure_enough() -> None:
    assert is_sure([0.9, 0.95], 0.9)
    assert not is_sure([0.8999, 0.95], 0.9)


def test_an_image_without_predictions_is_never_sure() -> None:
    assert not is_sure([], 0.0)


@given(st.lists(scores))
def test_without_a_threshold_people_see_all(found: list[float]) -> None:
    assert not is_sure(found, None)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 7])
def test_the_audited_share_is_that_of_a_fair_draw(share: float, seed: int) -> None:
    draws = 20_000
    audited = sum(is_audited(f"job {number}", seed, share) for number in range(draws))
    deviation = math.sqrt(draws * share * (1 - share))
    assert abs(audited - draws * share) < 4.5 * deviation  # a fair draw is outside of it once in 150,000 times


@given(st.text(), st.integers())
def test_the_shares_at_both_ends_are_all_and_none(job: str, seed: int) -> None:
    assert is_audited(job, seed, 1.0)
    assert not is_audited(job, seed, 0.0)


@given(st.text(), st.integers(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_only_adds_jobs(job: str, seed: int, one: float, other: float) -> None:
    if is_audited(job, seed, min(one, other)):
        assert is_audited(job, seed, max(one, other))


def test_the_draw_is_the_documented_one() -> None:
    fraction = int(hashlib.sha256(b"3\nabc").hexdigest()[:16], 16) / 2**64
    assert not is_audited("abc", 3, fraction)
    assert is_audited("abc", 3, math.nextafter(fraction, 1))


def test_another_seed_is_another_draw() -> None:
    jobs = [f"job {number}" for number in range(200)]
    assert [is_audited(job, 0, 0.5) for job in jobs] != [is_audited(job, 1, 0.5) for job in jobs]


def test_the_probability_of_being_seen_by_route() -> None:
    assert {route: probability(route, 0.25) for route in Route} == {
        Route.REVIEW: 1.0,
        Route.AUDIT: 0.25,
        Route.ACCEPT: 0.0,
    }
