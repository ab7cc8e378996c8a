"""Regions: polygons, masks, ellipses and turned rectangles as pixels, in COCO's run lengths."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as coco  # type: ignore[import-untyped]
from numpy.typing import NDArray

from include.lifecycle.boxes import corners_of
from include.lifecycle.masks import column_runs
from include.lifecycle.shapes import Shape, ShapeType

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Runs = dict[str, Any]  # COCO's: size (height, width) and packed counts

_SIDES = 64  # of the polygon that stands for an ellipse


def region_area(shape: Shape) -> float:
    """The area of a region in pixels²: a mask's by its pixels, any other's by its outline (Gauss)."""
    if shape.type is ShapeType.MASK:
        return float(sum(shape.points[1:-4:2]))
    xs, ys = ring_of(shape).T
    return abs(float(np.dot(xs, np.roll(ys, -1)) - np.dot(ys, np.roll(xs, -1)))) / 2


def runs_of(shape: Shape, width: int, height: int) -> Runs:
    """A region on an image of width x height pixels as COCO's run lengths, by COCO's own way of drawing polygons; what
    is outside is cut off."""
    if shape.type is ShapeType.MASK:
        counts = column_runs(shape.points, width, height)
        packed: Runs = coco.frPyObjects({"size": [height, width], "counts": counts}, height, width)
        return packed
    drawn: list[Runs] = coco.frPyObjects([ring_of(shape).ravel().tolist()], height, width)
    return drawn[0]


def region_iou(a: Sequence[Runs], b: Sequence[Runs]) -> Floats:
    """Intersection over union of every region in a with every one in b, all of one image: float64[n, m]."""
    if not a or not b:
        return np.zeros((len(a), len(b)))
    return np.asarray(coco.iou(list(a), list(b), [0] * len(b)), dtype=np.float64).reshape(len(a), len(b))


def paired_iou(
    a: Mapping[int, Shape], b: Mapping[int, Shape], rows: Ints, columns: Ints, size: tuple[int, int]
) -> Floats:
    """Intersection over union of the regions a[rows[k]] and b[columns[k]] on an image of this size (width, height in
    pixels), float64[k]; each is drawn once. Takes int64[k] twice."""
    mine, row = np.unique(rows, return_inverse=True)
    others, column = np.unique(columns, return_inverse=True)
    iou = region_iou([runs_of(a[int(one)], *size) for one in mine], [runs_of(b[int(one)], *size) for one in others])
    return np.asarray(iou[row, column])


def ring_of(shape: Shape) -> Floats:
    """The corners of a rectangle, a polygon or what stands for an ellipse: float64[n, 2], x and y in pixels."""
    if shape.type is ShapeType.RECTANGLE:
        return np.array(corners_of(shape), dtype=np.float64)
    if shape.type is ShapeType.POLYGON:
        return np.array(shape.points, dtype=np.float64).reshape(-1, 2)
    x, y, right, top = shape.points  # an ellipse: centre, rightmost x, topmost y
    angles = np.linspace(0, 2 * math.pi, _SIDES, endpoint=False)
    turn = math.radians(shape.rotation)
    across, along = (right - x) * np.cos(angles), (y - top) * np.sin(angles)
    return np.stack(
        [
            x + across * math.cos(turn) - along * math.sin(turn),
            y + across * math.sin(turn) + along * math.cos(turn),
        ],
        axis=1,
    )
