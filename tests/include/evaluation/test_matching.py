"""Matching, against pycocotools (greedy), against all assignments (optimal), and by hand."""

import contextlib
import io
import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from include.evaluation.columns import Floats
from include.evaluation.greedy import greedy, in_order
from include.evaluation.matching import match_one_to_one, match_same_then_any_label, overlap_matrix, same_label
from include.evaluation.overlaps import Pairs
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.evaluation.coco_oracle import run_lengths
from tests.include.evaluation.objects import box, shapes

SIZE = (100, 80)  # width and height
LOWER = Shape("word", ShapeType.POLYGON, (10, 10, 50, 50, 10, 50))
UPPER = Shape("word", ShapeType.POLYGON, (10, 10, 50, 10, 50, 50))  # the other half of the square

some_shapes = st.lists(shapes(), max_size=8)


def xywh(shape: Shape) -> list[float]:
    x1, y1, x2, y2 = shape.points
    return [x1, y1, x2 - x1, y2 - y1]


def coco_pairs(found: list[Shape], truth: list[Shape], iou: float) -> set[tuple[int, int]]:
    """The pairs (detection, ground truth) that pycocotools makes of one image and one class."""
    with contextlib.redirect_stdout(io.StringIO()):
        ground = COCO()
        ground.dataset = {
            "info": {},
            "images": [{"id": 1}],
            "categories": [{"id": 1, "name": "word"}],
            "annotations": [
                {
                    "id": n,
                    "image_id": 1,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": xywh(s),
                    "area": xywh(s)[2] * xywh(s)[3],
                }
                for n, s in enumerate(truth, start=1)
            ],
        }
        ground.createIndex()
        scored = [{"image_id": 1, "category_id": 1, "bbox": xywh(s), "score": 1 - n / 100} for n, s in enumerate(found)]
        evaluation = COCOeval(ground, ground.loadRes(scored), "bbox")
        evaluation.params.iouThrs = np.array([iou])
        evaluation.evaluate()
    matches = evaluation.evalImgs[0]["dtMatches"][0]
    return {(row, int(match) - 1) for row, match in enumerate(matches) if match}


@given(some_shapes, some_shapes)
def test_iou_is_that_of_pycocotools(a: list[Shape], b: list[Shape]) -> None:
    ours = overlap_matrix(a, b, SIZE)
    assert ours.shape == (len(a), len(b))
    if a and b:
        theirs = mask.iou(np.array([xywh(s) for s in a]), np.array([xywh(s) for s in b]), [0] * len(b))
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_iou_has_no_plus_one() -> None:
    half = overlap_matrix([box(0, 0, 1, 1)], [box(0, 0, 2, 1)], SIZE)
    assert half[0, 0] == 0.5  # with PASCAL VOC's + 1 it would be 4 / 6


def test_empty_boxes_overlap_nothing() -> None:
    point = [box(3, 3, 3, 3)]
    assert overlap_matrix(point, point, SIZE)[0, 0] == 0


def test_tags_are_nowhere_and_so_in_the_same_place() -> None:
    tag = Shape("word", ShapeType.TAG, ())
    assert overlap_matrix([tag, box(0, 0, 1, 1)], [tag, box(0, 0, 1, 1)], SIZE).tolist() == [[1, 0], [0, 1]]


def test_two_halves_of_a_square_share_their_diagonal_at_the_most() -> None:
    assert overlap_matrix([LOWER], [LOWER, UPPER], SIZE)[0].tolist() == pytest.approx([1, 0], abs=0.03)


def test_a_polygon_and_a_box_are_compared_by_their_pixels() -> None:
    assert overlap_matrix([LOWER], [box(10, 10, 50, 50)], SIZE)[0, 0] == pytest.approx(1 / 2, abs=0.02)


def test_masks_are_compared_pixel_by_pixel() -> None:
    """Of three by two pixels, one has all but the first, the other all but the last."""
    one = Shape("word", ShapeType.MASK, (1, 5, 1, 1, 3, 2))
    other = Shape("word", ShapeType.MASK, (0, 5, 1, 1, 1, 3, 2))
    assert overlap_matrix([one], [other], SIZE)[0, 0] == pytest.approx(4 / 6)


def test_regions_overlap_as_in_pycocotools() -> None:
    a = [LOWER, UPPER, Shape("word", ShapeType.POLYGON, (60, 60, 99, 60, 99, 79))]
    b = [UPPER, Shape("word", ShapeType.POLYGON, (30, 5, 90, 40, 30, 75)), LOWER]
    theirs = mask.iou([run_lengths(one, SIZE) for one in a], [run_lengths(one, SIZE) for one in b], [0] * len(b))
    np.testing.assert_allclose(overlap_matrix(a, b, SIZE), theirs)


def test_points_are_compared_by_oks_and_lines_by_their_boxes() -> None:
    true = Shape("word", ShapeType.POINTS, (0, 0, 10, 20))
    near = Shape("word", ShapeType.POINTS, (0, 0, 13, 24))  # 0 and 5 pixels off; the box has 200 pixels²
    at_five_pixels = math.exp(-(5**2) / (2 * 200 * (2 * 0.09) ** 2))
    assert overlap_matrix([near], [true], SIZE)[0, 0] == pytest.approx((1 + at_five_pixels) / 2)
    single = [Shape("word", ShapeType.POINTS, (x, 40)) for x in (40, 45)]
    far_less = math.exp(-(5**2) / (2 * 100 * 80 * (2 * 0.09) ** 2))  # the image's size counts
    assert overlap_matrix(single[:1], single[1:], SIZE)[0, 0] == pytest.approx(far_less)
    lines = [Shape("word", ShapeType.POLYLINE, (20, y, 40, y)) for y in (30, 35)]  # 30 x 10 with what is around them
    assert overlap_matrix(lines[:1], lines[1:], SIZE)[0, 0] == pytest.approx(150 / 450)
    assert overlap_matrix(lines[:1], [LOWER], SIZE)[0, 0] == pytest.approx(30 * 10 / 1600)


def match_by_score(iou: Floats, threshold: float) -> list[tuple[int, int]]:
    """The greedy matching of one image, rows by falling score."""
    rows, columns = np.nonzero(iou > 0)
    made = greedy(in_order(Pairs(rows, columns, iou[rows, columns])), threshold)
    return sorted(zip(made.prediction.tolist(), made.annotation.tolist(), strict=True))


@given(
    st.lists(shapes(["word"]), min_size=1, max_size=8),
    st.lists(shapes(["word"]), min_size=1, max_size=8),
    st.sampled_from([0.3, 0.5, 0.75, 1.0]),
)
def test_greedy_matching_is_that_of_pycocotools(found: list[Shape], truth: list[Shape], threshold: float) -> None:
    pairs = match_by_score(overlap_matrix(found, truth, SIZE), threshold)
    assert set(pairs) == coco_pairs(found, truth, threshold)


def test_greedy_matching_lets_the_surest_choose_first() -> None:
    iou = np.array([[0.6, 0.5], [0.9, 0.1]])
    assert match_by_score(iou, 0.5) == [(0, 0)]  # the second loses its only match
    assert match_one_to_one(iou, 0.5) == [(0, 1), (1, 0)]


@given(st.lists(st.lists(st.integers(0, 10), min_size=4, max_size=4), min_size=4, max_size=4))
def test_one_to_one_matching_has_the_greatest_total(tenths: list[list[int]]) -> None:
    iou = np.array(tenths) / 10
    counted = np.where(iou >= 0.5, iou, 0)
    best = max(sum(counted[row, column] for row, column in enumerate(order)) for order in permutations(range(4)))
    pairs = match_one_to_one(iou, 0.5)
    assert sum(iou[pair] for pair in pairs) == pytest.approx(best)
    assert all(iou[pair] >= 0.5 for pair in pairs)


def test_the_same_label_goes_before_a_better_overlap() -> None:
    iou = np.array([[0.6, 0.9]])
    same = same_label([box(0, 0, 1, 1, "word")], [box(0, 0, 1, 1, "word"), box(0, 0, 1, 1, "number")])
    assert same.tolist() == [[True, False]]
    assert match_same_then_any_label(iou, same, 0.5) == [(0, 0)]


def test_what_the_first_pass_leaves_may_match_another_label() -> None:
    iou = np.array([[0.6, 0.9], [0.8, 0.7]])
    same = np.array([[True, False], [False, False]])
    assert match_same_then_any_label(iou, same, 0.5) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_matches_nothing(shape: tuple[int, int]) -> None:
    nothing = np.zeros(shape)
    assert match_by_score(nothing, 0.5) == []
    assert match_same_then_any_label(nothing, nothing > 0, 0.5) == []
