"""Matching of a few: which shapes of one image are the same object, as CVAT's quality reports find it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from include.evaluation.columns import Flags, Floats, Ints
from include.evaluation.overlaps import box_iou, oks, points_of
from include.evaluation.regions import paired_iou
from include.lifecycle.extents import extent
from include.lifecycle.shapes import Shape, ShapeType

Labels = NDArray[Any]
Pair = tuple[int, int]


def overlap_matrix(a: Sequence[Shape], b: Sequence[Shape], size: tuple[int, int]) -> Floats:
    """The overlap of every shape in a with every one in b, all of one image: float64[n, m]; see `paired_overlap`."""
    rows, columns = np.indices((len(a), len(b))).reshape(2, -1)
    return paired_overlap(a, b, rows, columns, size).reshape(len(a), len(b))


def paired_overlap(a: Sequence[Shape], b: Sequence[Shape], rows: Ints, columns: Ints, size: tuple[int, int]) -> Floats:
    """The overlap of a[rows[k]] with b[columns[k]] on an image of this size (width, height in pixels): float64[k].

    It is the intersection over union of their pixels where either is a polygon, a mask, an ellipse or a turned
    rectangle; OKS for points, those of b being the true ones; 1 for two tags, which are nowhere; and else, for lines
    too, which have no area, the intersection over union of the boxes around them. Takes int64[k] twice."""
    overlap = box_iou(_boxes(a)[rows], _boxes(b)[columns])
    overlap[_are(_is_tag, a)[rows] & _are(_is_tag, b)[columns]] = 1.0
    have_area = _are(_has_area, a)[rows] & _are(_has_area, b)[columns]
    regions = (overlap > 0) & have_area & (_are(_is_region, a)[rows] | _are(_is_region, b)[columns])
    if regions.any():
        shapes, others = dict(enumerate(a)), dict(enumerate(b))
        overlap[regions] = paired_iou(shapes, others, rows[regions], columns[regions], size)
    for pair in np.flatnonzero(_are(_is_points, a)[rows] & _are(_is_points, b)[columns]):
        overlap[pair] = oks(points_of(a[rows[pair]]), points_of(b[columns[pair]]), float(size[0] * size[1]))
    return overlap


def same_label(a: Sequence[Shape], b: Sequence[Shape]) -> Flags:
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


def match_same_then_any_label(iou: Floats, same: Flags, threshold: float) -> list[Pair]:
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


def _are(fits: Callable[[Shape], bool], shapes: Sequence[Shape]) -> Flags:
    return np.array([fits(shape) for shape in shapes], dtype=np.bool_)


def _is_tag(shape: Shape) -> bool:
    return shape.type is ShapeType.TAG


def _is_points(shape: Shape) -> bool:
    return shape.type is ShapeType.POINTS


def _has_area(shape: Shape) -> bool:
    return shape.type is ShapeType.RECTANGLE or _is_region(shape)


def _is_region(shape: Shape) -> bool:
    """Whether it is more than the box around it."""
    is_turned = shape.type is ShapeType.RECTANGLE and bool(shape.rotation % 360)
    return is_turned or shape.type in (ShapeType.POLYGON, ShapeType.MASK, ShapeType.ELLIPSE)
