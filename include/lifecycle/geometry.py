"""When a shape can lie on an image: CVAT's rules for points, which its server does not all hold itself."""

import math

from include.lifecycle.shapes import ShapeType

Points = tuple[float, ...]
_FEWEST = {
    ShapeType.RECTANGLE: 4,
    ShapeType.ELLIPSE: 4,
    ShapeType.POLYGON: 6,
    ShapeType.POLYLINE: 4,
    ShapeType.POINTS: 2,
    ShapeType.MASK: 5,
}
_NOISE = 0.005  # pixels: points are kept with two decimals, and half of the last one is nobody's statement


def fault(type_: ShapeType, points: Points, rotation: float, width: int, height: int) -> str | None:
    """What is wrong with a shape on an image of width x height pixels, in words; None where it is well formed, is not
    inverted and lies inside. Nothing is cut off, so that what is written stays what was predicted. A tag has no points
    and no fault."""
    if type_ is ShapeType.TAG:
        return None
    numbers = len(points)
    exact = type_ in (ShapeType.RECTANGLE, ShapeType.ELLIPSE)
    even = type_ is not ShapeType.MASK
    fewest = _FEWEST[type_]
    if numbers < fewest or (exact and numbers > fewest) or (even and numbers % 2):
        return f"a {type_} of {numbers} numbers"
    if not math.isfinite(rotation):
        return f"a {type_} turned by {rotation} degrees"
    if not _fits(type_, points, rotation, width, height):
        if type_ is ShapeType.MASK:
            return f"a mask that is empty, not whole or not inside {width} x {height} pixels: {list(points[-4:])}"
        return f"a {type_} that is inverted or not inside {width} x {height} pixels: {list(points)}"
    return None


def _fits(type_: ShapeType, points: Points, rotation: float, width: int, height: int) -> bool:
    if type_ is ShapeType.MASK:
        return _mask_fits(points, width, height)
    if type_ is ShapeType.ELLIPSE:  # centre, rightmost x, topmost y
        x, y, right, top = points
        points = (2 * x - right, top, right, 2 * y - top)
    if type_ in (ShapeType.RECTANGLE, ShapeType.ELLIPSE):
        left, top, right, bottom = points
        if not (left < right and top < bottom):
            return False
        if rotation:  # the points are those before turning: only the centre is where it seems
            points = ((left + right) / 2, (top + bottom) / 2)
    return _within(points[::2], width) and _within(points[1::2], height)


def _within(values: Points, most: int) -> bool:
    return all(-_NOISE <= value <= most + _NOISE for value in values)


def is_mask(points: Points) -> bool:
    """Whether these are the points of a mask: run lengths that fill the box from its first to its last column and row
    (left, top, right, bottom), all whole numbers, with a pixel in the mask at the least."""
    if len(points) < _FEWEST[ShapeType.MASK]:
        return False
    *runs, left, top, right, bottom = points
    if not all(map(float.is_integer, map(float, points))) or min(runs) < 0 or left > right or top > bottom:
        return False
    return sum(runs) == (right - left + 1) * (bottom - top + 1) and sum(runs[1::2]) > 0


def _mask_fits(points: Points, width: int, height: int) -> bool:
    left, top, right, bottom = points[-4:]
    return is_mask(points) and left >= 0 and top >= 0 and right < width and bottom < height
