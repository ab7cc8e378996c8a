"""Extents: the upright boxes that shapes of any type take up, to tell whether two of them are the same object."""

from include.lifecycle.boxes import Box, box_of
from include.lifecycle.shapes import Shape, ShapeType

_REACH = 5.0  # pixels on each side of points and lines, which have no area: so near, they are the same


def extent(shape: Shape) -> Box:
    """The `bounds` of a shape, those of points and polylines with some pixels around them.

    Raises ValueError for a tag, which is nowhere.
    """
    left, top, right, bottom = bounds(shape)
    reach = _REACH if shape.type in (ShapeType.POINTS, ShapeType.POLYLINE) else 0.0
    return left - reach, top - reach, right + reach, bottom + reach


def bounds(shape: Shape) -> Box:
    """The box (x1, y1, x2, y2) around a shape, in pixels; around its turned corners where it is a rotated rectangle.

    Raises ValueError for a tag, which is nowhere.
    """
    match shape.type:
        case ShapeType.TAG:
            raise ValueError(f"a tag ({shape.label!r}) has no extent")
        case ShapeType.RECTANGLE:
            return box_of(shape)
        case ShapeType.MASK:
            left, top, right, bottom = shape.points[-4:]
            return left, top, right + 1, bottom + 1
        case ShapeType.ELLIPSE:  # centre, rightmost x, topmost y
            x, y, right, top = shape.points
            return 2 * x - right, top, right, 2 * y - top
        case _:
            xs, ys = shape.points[::2], shape.points[1::2]
            return min(xs), min(ys), max(xs), max(ys)


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where both are empty."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, width) * max(0.0, height)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / union if union > 0 else 0.0
