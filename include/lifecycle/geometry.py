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


def _mask_fits(points: Points, width: int, height: int) -> bool:
    """A mask is run lengths, then the first and last column and row it covers: left, top, right, bottom. All are whole
    numbers, and there is a pixel in it."""
    *runs, left, top, right, bottom = points
    if not all(value.is_integer() for value in map(float, points)):
        return False
    if not (0 <= left <= right < width and 0 <= top <= bottom < height):
        return False
    return min(runs) >= 0 and sum(runs) == (right - left + 1) * (bottom - top + 1) and sum(runs[1::2]) > 0
