"""Forms: an object's box, area and outline as COCO has them, whatever its type."""

from collections.abc import Sequence
from dataclasses import dataclass

import shapely  # type: ignore[import-untyped]

from include.datasets.contents import rounded
from include.lifecycle.boxes import corners_of
from include.lifecycle.masks import column_runs
from include.lifecycle.shapes import Shape, ShapeType

_SEEN, _HIDDEN = 2.0, 1.0  # COCO's words for a labelled keypoint


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask as COCO's run lengths, not packed: through the whole image column by column, in turn of pixels that are
    not in the mask and of pixels that are. Size is height and width."""

    counts: list[int]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Form:
    """An object's upright box (x, y, width, height) and its area in pixels; its outline as rings of x1, y1, x2, …, or
    its mask; its points as x, y and COCO's visibility each, where it is points and has no outline."""

    bbox: tuple[float, float, float, float]
    area: float
    segmentation: list[list[float]] | Rle
    keypoints: list[float] | None = None


def form_of(shape: Shape, width: int, height: int) -> Form:
    """The form of a canonical shape on an image of width x height pixels. Raises ValueError for one without any."""
    match shape.type:
        case ShapeType.RECTANGLE:
            return _rectangle(shape)
        case ShapeType.POLYGON:
            return _polygon(shape)
        case ShapeType.MASK:
            return _mask(shape, width, height)
        case ShapeType.POINTS:
            return _points(shape)
        case _:
            raise ValueError(f"a {shape.type} ({shape.label!r}) is no object of COCO")


def _rectangle(shape: Shape) -> Form:
    left, top, right, bottom = shape.points
    corners = [rounded(value) for corner in corners_of(shape) for value in corner]
    area = abs((right - left) * (bottom - top))
    return Form(_around(corners), _square(area), [corners])


def _polygon(shape: Shape) -> Form:
    outline = shapely.Polygon(list(zip(shape.points[::2], shape.points[1::2], strict=True)))
    area = shapely.make_valid(outline).area  # of one that crosses itself, as COCO fills it: even and odd
    return Form(_around(shape.points), _square(area), [list(shape.points)])


def _mask(shape: Shape, width: int, height: int) -> Form:
    left, top, right, bottom = shape.points[-4:]
    area = sum(shape.points[1:-4:2])
    bbox = (left, top, right - left + 1, bottom - top + 1)
    return Form(bbox, area, Rle(column_runs(shape.points, width, height), (height, width)))


def _points(shape: Shape) -> Form:
    visibility = _HIDDEN if shape.occluded else _SEEN
    points = zip(shape.points[::2], shape.points[1::2], strict=True)
    bbox = _around(shape.points)
    return Form(bbox, _square(bbox[2] * bbox[3]), [], [value for x, y in points for value in (x, y, visibility)])


def _around(points: Sequence[float]) -> tuple[float, float, float, float]:
    xs, ys = points[::2], points[1::2]
    return min(xs), min(ys), rounded(max(xs) - min(xs)), rounded(max(ys) - min(ys))


def _square(area: float) -> float:
    return round(area, 4)  # two decimals times two decimals
