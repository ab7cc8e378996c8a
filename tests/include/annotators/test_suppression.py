"""Suppression against the papers' pseudo-code, written out one box at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.annotators.suppression import Suppression, iou, suppress

Box = tuple[int, int, int, int]
Row = tuple[Box, float, int]


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Boxes on a small grid, with scores that are all different and groups."""
    count = draw(st.integers(0, 12))
    scores = draw(st.lists(st.integers(1, 1000), min_size=count, max_size=count, unique=True))
    side = st.integers(0, 8)
    boxes = draw(st.lists(st.tuples(side, side, st.integers(1, 6), st.integers(1, 6)), min_size=count, max_size=count))
    groups = draw(st.lists(st.integers(-2, 1), min_size=count, max_size=count))
    return [
        ((left, top, left + width, top + height), score / 1000, group)
        for (left, top, width, height), score, group in zip(boxes, scores, groups, strict=True)
    ]


def overlap_of(a: Box, b: Box) -> float:
    def pixels(box: Box) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}

    return len(pixels(a) & pixels(b)) / len(pixels(a) | pixels(b))


def by_hand(given_: list[Row], how: Suppression, limit: float, sigma: float, least: float) -> list[Row]:
    """Bodla et al. 2017, figure 3: the box of the greatest score moves to D; the others' scores are scaled by f."""
    left, done = list(given_), []
    while left:
        best = max(left, key=lambda row: row[1])
        left.remove(best)
        if best[1] >= least:
            done.append(best)
        rescored = []
        for box, score, group in left:
            share = overlap_of(best[0], box) if group == best[2] else 0
            if how is Suppression.GREEDY:
                score *= 0 if share >= limit else 1
            elif how is Suppression.LINEAR:
                score *= 1 - share if share >= limit else 1
            else:
                score *= math.exp(-(share**2) / sigma)
            if score >= least:
                rescored.append((box, score, group))
        left = rescored
    return done


def ours(given_: list[Row], how: Suppression, limit: float, sigma: float, least: float) -> list[Row]:
    boxes = np.array([row[0] for row in given_], float).reshape(-1, 4)
    scores = np.array([row[1] for row in given_])
    groups = np.array([row[2] for row in given_])
    kept, new = suppress(boxes, scores, groups, how=how, overlap=limit, sigma=sigma, least=least)
    return [(given_[index][0], float(score), given_[index][2]) for index, score in zip(kept, new, strict=True)]


def alike(one: list[Row], other: list[Row]) -> bool:
    def by_box(found: list[Row]) -> list[tuple[Box, int, float]]:
        return sorted((box, group, round(score, 9)) for box, score, group in found)

    return by_box(one) == by_box(other)


HOW = st.sampled_from([Suppression.GREEDY, Suppression.LINEAR, Suppression.GAUSSIAN])
LIMIT = st.sampled_from([0.1, 0.25, 0.5, 0.7, 1.0])


@given(rows(), HOW, LIMIT, st.sampled_from([0.1, 0.5]), st.sampled_from([0.0005, 0.2]))
def test_it_is_what_the_papers_say(
    given_: list[Row], how: Suppression, limit: float, sigma: float, least: float
) -> None:
    assert alike(ours(given_, how, limit, sigma, least), by_hand(given_, how, limit, sigma, least))


@given(rows(), st.sampled_from(Suppression), LIMIT, st.randoms(use_true_random=False))
def test_the_order_of_the_boxes_does_not_matter(
    given_: list[Row], how: Suppression, limit: float, random: object
) -> None:
    equal = [(box, 0.5 if score > 0.5 else 0.25, group) for box, score, group in given_]  # ties, too
    shuffled = list(equal)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert ours(equal, how, limit, 0.5, 0.1) == ours(shuffled, how, limit, 0.5, 0.1)


@given(rows(), st.sampled_from(Suppression))
def test_the_best_come_first_and_no_score_grows(given_: list[Row], how: Suppression) -> None:
    found = ours(given_, how, 0.5, 0.5, 0.0)
    scores = [score for _, score, _ in found]
    assert scores == sorted(scores, reverse=True)
    before = {(box, group): [score for b, score, g in given_ if (b, g) == (box, group)] for box, _, group in given_}
    assert all(score <= max(before[box, group]) for box, score, group in found)


@given(rows())
def test_without_suppression_all_stay(given_: list[Row]) -> None:
    assert alike(ours(given_, Suppression.NONE, 0.5, 0.5, 0.0), given_)


def test_iou_by_hand() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 2, 2.0]])
    assert iou(boxes[0], boxes).tolist() == pytest.approx([1, 50 / 150, 0, 0])
    assert iou(boxes[3], boxes[3:]).tolist() == [0]
