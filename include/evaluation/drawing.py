"""What is drawn of an object: closed rings, and points."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from include.evaluation.regions import ring_of
from include.lifecycle.contours import borders
from include.lifecycle.masks import pixels_of
from include.lifecycle.shapes import Shape, ShapeType

_COARSE = 0.01  # of a mask's diagonal: a ring may be off by so much, as a page has thousands
_MOST = 20  # rings of a mask, the longest


@dataclass(frozen=True, slots=True)
class Drawing:
    """Rings and points, each flat (x, y, x, y, …) in pixels. The rings of a mask go around its parts and its holes."""

    rings: tuple[tuple[float, ...], ...] = ()
    points: tuple[float, ...] = ()


def drawing_of(shape: Shape) -> Drawing:
    """How to draw a shape; a tag is nowhere, and nothing is drawn of it."""
    match shape.type:
        case ShapeType.TAG:
            return Drawing()
        case ShapeType.POINTS:
            return Drawing(points=shape.points)
        case ShapeType.MASK:
            return Drawing(rings=_around(pixels_of(shape.points), *map(int, shape.points[-4:-2])))
    return Drawing(rings=(_flat(ring_of(shape)),))


def _around(inside: NDArray[np.bool_], left: int, top: int) -> tuple[tuple[float, ...], ...]:
    tolerance = max(0.5, _COARSE * float(np.hypot(*inside.shape)))
    found = sorted(borders(inside), key=len, reverse=True)
    rings = [cv2.approxPolyDP(one, tolerance, True).reshape(-1, 2) for one in found]
    return tuple(_flat(np.add(ring, (left, top))) for ring in rings[:_MOST] if len(ring) > 2)


def _flat(ring: NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(np.round(ring, 1).ravel().tolist())
