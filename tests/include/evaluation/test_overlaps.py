"""Overlaps of every type of shape: pycocotools' regions, OKS by its definition, and blocks that lose nothing."""

import math

import numpy as np
import pytest
from faster_coco_eval.core import mask as coco
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask

from include.evaluation.columns import Kind, sheet
from include.evaluation.overlaps import LEAST, oks, pairs_of
from include.evaluation.regions import region_area, region_iou, runs_of
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.evaluation.coco_oracle import run_lengths
from tests.include.evaluation.objects import box, datasets, reviewed

TRIANGLE = Shape("word", ShapeType.POLYGON, (10, 10, 60, 10, 10, 60))
SQUARE = Shape("word", ShapeType.POLYGON, (20, 20, 60, 20, 60, 60, 20, 60))
# A mask of columns 1 to 3 and rows 2 to 3: one pixel out, then four in, then one out.
MASK = Shape("word", ShapeType.MASK, (1, 4, 1, 1, 2, 3, 3))


def test_polygons_overlap_as_in_pycocotools() -> None:
    ours = region_iou([runs_of(TRIANGLE, 100, 80)], [runs_of(SQUARE, 100, 80)])
    theirs = mask.iou([run_lengths(TRIANGLE, (100, 80))], [run_lengths(SQUARE, (100, 80))], [0])
    np.testing.assert_array_equal(ours, theirs)


def pixels(shape: Shape, width: int, height: int) -> list[list[int]]:
    """A region's pixels as faster-coco-eval reads its run lengths, row by row."""
    return coco.decode(runs_of(shape, width, height)).tolist()


def test_a_mask_goes_row_by_row_through_its_box() -> None:
    assert pixels(MASK, 5, 5) == [[0] * 5, [0] * 5, [0, 0, 1, 1, 0], [0, 1, 1, 0, 0], [0] * 5]
    assert region_area(MASK) == 4


def test_a_mask_at_the_edge_is_cut_off_there() -> None:
    assert pixels(MASK, 3, 3) == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("left", "top", "inside"),
    [(-1, -1, [[1, 0], [0, 0]]), (2, 0, [[0, 0], [0, 0]]), (0, 5, [[0, 0], [0, 0]]), (-7, 0, [[0, 0], [0, 0]])],
    ids=["over the corner", "to the right", "below", "to the left"],
)
def test_of_a_mask_outside_what_is_inside_stays(left: int, top: int, inside: list[list[int]]) -> None:
    mask_ = Shape("word", ShapeType.MASK, (1, 4, 1, left, top, left + 2, top + 1))
    assert pixels(mask_, 2, 2) == inside


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        (TRIANGLE, 1250),
        (Shape("word", ShapeType.RECTANGLE, (0, 0, 20, 10), rotation=30), 200),
        (Shape("word", ShapeType.ELLIPSE, (50, 50, 70, 40)), math.pi * 20 * 10),
    ],
    ids=["triangle", "turned", "ellipse"],
)
def test_areas_by_geometry(shape: Shape, area: float) -> None:
    assert region_area(shape) == pytest.approx(area, rel=2e-3)  # an ellipse is a polygon of 64 sides


def test_a_turned_rectangle_is_compared_by_its_pixels_and_not_by_the_box_around_it() -> None:
    turned = Shape("word", ShapeType.RECTANGLE, (30, 45, 70, 55), rotation=45)
    other = Shape("word", ShapeType.RECTANGLE, (30, 45, 70, 55), rotation=135)
    seen = sheet([reviewed([(turned, 0.9)], [(other, 1)])])
    assert seen.predictions.kind.tolist() == [Kind.REGION]
    (overlap,) = pairs_of(seen).overlap
    assert overlap == pytest.approx(100 / 700, abs=0.03)  # a cross: 10 x 10 of two times 40 x 10; their boxes are one


def test_oks_by_its_definition() -> None:
    true = np.array([[0.0, 0.0], [10.0, 20.0]])
    found = np.array([[0.0, 0.0], [13.0, 24.0]])
    at_five_pixels = math.exp(-(5**2) / (2 * 200 * (2 * 0.09) ** 2))
    assert oks(found, true, 1e6) == pytest.approx((1 + at_five_pixels) / 2)
    assert oks(found[:1], true, 1e6) == 0
    assert oks(np.array([[3.0, 4.0]]), np.array([[0.0, 0.0]]), 200) == pytest.approx(at_five_pixels)


def test_points_in_a_line_are_as_large_as_their_length_lets_them_be() -> None:
    """Two points 80 pixels apart count as 80 x 8: a hundred pixels off they are wrong, turned by a pixel or not."""
    for tilt in (0.0, 1.0):
        for true in (np.array([[0.0, 0.0], [80.0, tilt]]), np.array([[0.0, 0.0], [tilt, 80.0]])):
            assert oks(true + np.array([100.0, 0.0]), true, 1e6) == pytest.approx(0, abs=1e-9)
            at_five_pixels = math.exp(-(5**2) / (2 * 80 * 8 * (2 * 0.09) ** 2))
            assert oks(true + np.array([3.0, 4.0]), true, 1e6) == pytest.approx(at_five_pixels)


def test_several_points_in_one_place_are_a_pixel_large() -> None:
    true = np.zeros((2, 2))
    assert oks(true, true, 1e6) == 1
    assert oks(true + np.array([0.3, 0.4]), true, 1e6) == pytest.approx(math.exp(-(0.5**2) / (2 * (2 * 0.09) ** 2)))


def test_shapes_of_different_kinds_overlap_by_their_boxes() -> None:
    seen = sheet([reviewed([(box(10, 10, 60, 60), 0.9)], [(TRIANGLE, 1)])])
    assert pairs_of(seen).overlap.tolist() == [1.0]


def test_a_tag_overlaps_tags_alone() -> None:
    tag = Shape("word", ShapeType.TAG, ())
    seen = sheet([reviewed([(tag, 0.9), (box(0, 0, 9, 9), 0.8)], [(box(0, 0, 9, 9), 1), (tag, 2)])])
    pairs = pairs_of(seen)
    kinds = zip(seen.predictions.kind[pairs.prediction], seen.annotations.kind[pairs.annotation], strict=True)
    assert sorted(kinds) == [(Kind.BOX, Kind.BOX), (Kind.TAG, Kind.TAG)]
    assert pairs.overlap.tolist() == [1, 1]


@given(datasets(), st.randoms(use_true_random=False))
def test_every_pair_of_an_image_that_overlaps_is_there_once(images: list, random) -> None:
    seen = sheet(random.sample(images, len(images)))
    pairs = pairs_of(seen)
    expected = {
        (row, column)
        for row in range(len(seen.predictions))
        for column in range(len(seen.annotations))
        if seen.predictions.image[row] == seen.annotations.image[column]
        and _iou(seen.predictions.box[row], seen.annotations.box[column]) >= LEAST
    }
    found = list(zip(pairs.prediction.tolist(), pairs.annotation.tolist(), strict=True))
    assert len(found) == len(set(found))
    assert set(found) == expected


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(wide, 0) * max(high, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)
