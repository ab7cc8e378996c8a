"""Boxes: the axis-aligned rectangles in which evaluation and releases see labelled shapes."""

import math

from include.lifecycle.shapes import Shape, ShapeType

Box = tuple[float, float, float, float]
Corner = tuple[float, float]


def corners_of(shape: Shape) -> tuple[Corner, Corner, Corner, Corner]:
    """The corners (x, y) of a rectangle in pixels, clockwise from the one that is top left before its
    rotation.

    Raises ValueError where the shape is no rectangle.
    """
    if shape.type is not ShapeType.RECTANGLE:
        raise ValueError(f"a {shape.type} ({shape.label!r}) has no corners: only rectangles have")
    if len(shape.points) != 4 or not all(map(math.isfinite, (*shape.points, shape.rotation))):
        raise ValueError(f"a rectangle ({shape.label!r}) needs four finite numbers and a finite rotation: {shape}")
    left, right = sorted(shape.points[::2])
    top, bottom = sorted(shape.points[1::2])
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    if not shape.rotation % 360:
        return corners
    centre = ((left + right) / 2, (top + bottom) / 2)
    first, second, third, fourth = (_turned(corner, centre, shape.rotation) for corner in corners)
    return first, second, third, fourth


def box_of(shape: Shape) -> Box:
    """The smallest axis-aligned box (x1, y1, x2, y2) around a rectangle, in pixels; around its turned
    corners where it is rotated, for COCO's boxes know no rotation.

    Raises ValueError where the shape is no rectangle.
    """
    xs, ys = zip(*corners_of(shape), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _turned(corner: Corner, centre: Corner, degrees: float) -> Corner:
    dx, dy = corner[0] - centre[0], corner[1] - centre[1]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return centre[0] + dx * cos - dy * sin, centre[1] + dx * sin + dy * cos
