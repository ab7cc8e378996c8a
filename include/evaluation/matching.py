"""Matching: which boxes are the same object."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from include.lifecycle.boxes import box_of
from include.lifecycle.shapes import Shape

Floats = NDArray[np.float64]
Labels = NDArray[Any]
Pair = tuple[int, int]

JUST_BELOW_ONE = 1 - 1e-10  # COCO's: an IoU of exactly 1 must survive rounding


def boxes_of(shapes: Iterable[Shape]) -> Floats:
    """The boxes (x1, y1, x2, y2) of n rectangles in pixels: float64[n, 4].

    Raises ValueError where a shape is no rectangle.
    """
    return np.array([box_of(shape) for shape in shapes], dtype=np.float64).reshape(-1, 4)


def iou_matrix(a: Floats, b: Floats) -> Floats:
    """Intersection over union of every box in a: float64[n, 4] with every box in b: float64[m, 4], as
    float64[n, m].

    Boxes are (x1, y1, x2, y2) with continuous coordinates: a side is x2 - x1 long, as in COCO, without the
    "+ 1" of PASCAL VOC. Where both boxes are empty it is 0.
    """
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides: Floats = np.clip(bottom_right - top_left, 0, None)
    intersection = sides[:, :, 0] * sides[:, :, 1]
    union = _areas(a)[:, None] + _areas(b)[None, :] - intersection
    iou: Floats = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return iou


def same_label(a: Sequence[Shape], b: Sequence[Shape]) -> NDArray[np.bool_]:
    """Whether the i-th shape of a and the j-th of b have the same label: bool[n, m]."""
    labels: Labels = np.array([shape.label for shape in a], dtype=object)
    others: Labels = np.array([shape.label for shape in b], dtype=object)
    return np.equal(labels[:, None], others[None, :]).astype(np.bool_)


def match_by_score(iou: Floats, threshold: float) -> list[Pair]:
    """COCO's greedy matching of detections (rows, highest score first) with ground truth (columns).

    Each detection in turn takes the free column of highest IoU (the last of equal ones) if that reaches the
    threshold. Pairs that must not match, for having different labels, have a negative IoU in the matrix.
    Source: `evaluateImg` in pycocotools' cocoeval, without crowds and without a limit on detections.
    """
    if not iou.shape[1]:
        return []
    reached = min(threshold, JUST_BELOW_ONE)
    free = iou[:, ::-1].copy()  # argmax gives the first of equal ones
    pairs = []
    for row, overlaps in enumerate(free):
        column = int(np.argmax(overlaps))
        if overlaps[column] >= reached:
            free[:, column] = -1
            pairs.append((row, iou.shape[1] - 1 - column))
    return pairs


def match_one_to_one(iou: Floats, threshold: float) -> list[Pair]:
    """The pairs (row, column), each row and column at most once, of greatest total IoU among those that
    reach the threshold: the Hungarian assignment that CVAT's quality reports use."""
    overlaps = np.where(iou >= threshold, iou, 0.0)
    rows, columns = linear_sum_assignment(overlaps, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if overlaps[row, column] > 0]


def match_same_then_any_label(iou: Floats, same: NDArray[np.bool_], threshold: float) -> list[Pair]:
    """`match_one_to_one` in two passes, as CVAT's quality reports do it: first among pairs of the same
    label (bool[n, m]), then among what is left of any label."""
    pairs = match_one_to_one(np.where(same, iou, 0.0), threshold)
    left = iou.copy()
    left[[row for row, _ in pairs], :] = 0.0
    left[:, [column for _, column in pairs]] = 0.0
    return pairs + match_one_to_one(left, threshold)


def _areas(boxes: Floats) -> Floats:
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return width * height
