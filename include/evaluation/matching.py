"""Matching of a few: which shapes of one image are the same object, as CVAT's quality reports find it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from include.evaluation.columns import Floats
from include.evaluation.overlaps import box_iou
from include.lifecycle.extents import extent
from include.lifecycle.shapes import Shape, ShapeType

Labels = NDArray[Any]
Pair = tuple[int, int]


def overlap_matrix(a: Sequence[Shape], b: Sequence[Shape]) -> Floats:
    """Intersection over union of the boxes around every shape in a and every one in b: float64[n, m]; 1 for two tags,
    which are nowhere."""
    rows, columns = np.indices((len(a), len(b))).reshape(2, -1)
    iou = box_iou(_boxes(a)[rows], _boxes(b)[columns]).reshape(len(a), len(b))
    iou[np.outer(_are_tags(a), _are_tags(b))] = 1.0
    return iou


def same_label(a: Sequence[Shape], b: Sequence[Shape]) -> NDArray[np.bool_]:
    """Whether the i-th shape of a and the j-th of b have the same label: bool[n, m]."""
    labels: Labels = np.array([shape.label for shape in a], dtype=object)
    others: Labels = np.array([shape.label for shape in b], dtype=object)
    return np.equal(labels[:, None], others[None, :]).astype(np.bool_)


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


def _boxes(shapes: Sequence[Shape]) -> Floats:
    found = [(0.0,) * 4 if shape.type is ShapeType.TAG else extent(shape) for shape in shapes]
    return np.array(found, dtype=np.float64).reshape(-1, 4)


def _are_tags(shapes: Sequence[Shape]) -> NDArray[np.bool_]:
    return np.array([shape.type is ShapeType.TAG for shape in shapes], dtype=np.bool_)
