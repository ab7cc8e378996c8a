"""Routing: what the rules say of an image, and which jobs people see all the same."""

import hashlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.predictions import Prediction
from include.lifecycle.routing import Certainty, NoScoresError, check_scores, is_drawn, verdict
from include.lifecycle.shapes import Shape, ShapeType
from include.projects.routing import Routing

scores = st.floats(0, 1)
BOX = (10.0, 20.0, 110.0, 60.0)


def found(
    score: float, label: str = "word", points: tuple[float, ...] = BOX, kind: ShapeType = ShapeType.RECTANGLE
) -> Prediction:
    return Prediction(f"{label} {score}", "image", "model@1", Shape(label, kind, points), score)


def rules(**values: Any) -> Routing:
    return Routing.model_validate({"accept_above": 0.9, **values})


@given(st.lists(scores, min_size=1), scores)
def test_an_image_is_as_sure_as_its_least_sure_object(given_scores: list[float], threshold: float) -> None:
    said = verdict([found(score) for score in given_scores], rules(accept_above=threshold))
    assert (said.certainty is Certainty.SURE) == all(score >= threshold for score in given_scores)


def test_the_least_certain_object_is_the_reason() -> None:
    said = verdict([found(0.95), found(0.42, "number"), found(0.6)], rules(review_below=0.5))
    assert (said.certainty, said.reason) == (Certainty.UNSURE, "number 0.42, below 0.5")
    said = verdict([found(0.95), found(0.6)], rules(review_below=0.5))
    assert (said.certainty, said.reason) == (Certainty.BETWEEN, "word 0.60, between 0.5 and 0.9")
    assert verdict([found(0.95)], rules()).reason == "word 0.95, from 0.9 on"


def test_an_image_on_which_nothing_was_found_is_for_people() -> None:
    assert verdict([], rules(accept_above=0.0)).reason == "nothing was found on it"


@given(st.lists(scores))
def test_without_a_threshold_people_see_all(given_scores: list[float]) -> None:
    said = verdict([found(score) for score in given_scores], Routing())
    assert said.certainty is Certainty.UNSURE


def test_a_class_has_its_own_thresholds() -> None:
    by = rules(by_label={"number": {"accept_above": 0.5}})
    assert verdict([found(0.6, "number"), found(0.95)], by).certainty is Certainty.SURE
    assert verdict([found(0.6)], by).certainty is Certainty.UNSURE
    only = Routing.model_validate({"by_label": {"number": {"accept_above": 0.5}}})
    assert verdict([found(0.6, "number")], only).certainty is Certainty.SURE
    assert verdict([found(0.99)], only).reason == "word 0.99, no threshold"


def test_people_see_some_classes_whatever_the_score() -> None:
    by = rules(always_review={"labels": ["number"]})
    assert verdict([found(1.0, "number")], by).reason == "people see every number"


@pytest.mark.parametrize(
    ("kind", "points", "side"),
    [
        (ShapeType.RECTANGLE, (10.0, 10.0, 30.0, 17.0), 7.0),
        (ShapeType.POLYGON, (0.0, 0.0, 9.0, 0.0, 4.0, 7.5), 7.5),
        (ShapeType.ELLIPSE, (50.0, 50.0, 60.0, 46.0), 8.0),  # centre, rightmost x, topmost y
        (ShapeType.MASK, (0, 12, 3.0, 4.0, 5.0, 7.0), 3.0),  # runs, then first and last column and row
    ],
)
def test_people_see_what_is_tiny(kind: ShapeType, points: tuple[float, ...], side: float) -> None:
    tiny = found(1.0, points=points, kind=kind)
    assert verdict([tiny], rules(always_review={"smaller_than": side})).certainty is Certainty.SURE
    said = verdict([tiny], rules(always_review={"smaller_than": side + 0.5}))
    assert said.reason == f"a word of {side:.1f} px, below {side + 0.5:g}"


def test_a_tag_has_no_size() -> None:
    tag = found(1.0, points=(), kind=ShapeType.TAG)
    assert verdict([tag], rules(always_review={"smaller_than": 5})).certainty is Certainty.SURE


def test_scores_that_say_nothing_are_refused() -> None:
    with pytest.raises(NoScoresError, match=r"all 20 scores of model@1 are 1\.0"):
        check_scores("model@1", [1.0] * 20, rules())
    check_scores("model@1", [1.0] * 19, rules())  # few may all be sure
    check_scores("model@1", [1.0] * 20 + [0.999], rules())
    check_scores("model@1", [1.0] * 20, Routing())  # nothing goes by them


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 7])
def test_the_drawn_share_is_that_of_a_fair_draw(share: float, seed: int) -> None:
    draws = 20_000
    drawn = sum(is_drawn(f"job {number}", seed, share) for number in range(draws))
    deviation = math.sqrt(draws * share * (1 - share))
    assert abs(drawn - draws * share) < 4.5 * deviation  # a fair draw is outside of it once in 150,000 times


@given(st.text(), st.integers())
def test_the_shares_at_both_ends_are_all_and_none(job: str, seed: int) -> None:
    assert is_drawn(job, seed, 1.0)
    assert not is_drawn(job, seed, 0.0)


@given(st.text(), st.integers(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_only_adds_jobs(job: str, seed: int, one: float, other: float) -> None:
    if is_drawn(job, seed, min(one, other)):
        assert is_drawn(job, seed, max(one, other))


def test_the_draw_is_the_documented_one() -> None:
    fraction = int(hashlib.sha256(b"3\nabc").hexdigest()[:16], 16) / 2**64
    assert not is_drawn("abc", 3, fraction)
    assert is_drawn("abc", 3, math.nextafter(fraction, 1))
