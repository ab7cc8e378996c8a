"""What a DetectionFunction answers, checked and made into predictions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cvat_sdk.attributes import attribute_value_validator
from cvat_sdk.auto_annotation import DetectionFunctionSpec

from include.lifecycle.images import Image
from include.lifecycle.predictions import ImagePredictions, Prediction, prediction_id
from include.lifecycle.shapes import Shape, ShapeType

# The fewest numbers that make a shape: CVAT's rules.
_FEWEST = {
    ShapeType.RECTANGLE: 4,
    ShapeType.ELLIPSE: 4,
    ShapeType.POLYGON: 6,
    ShapeType.POLYLINE: 4,
    ShapeType.POINTS: 2,
    ShapeType.MASK: 5,
}


class BadAnswer(ValueError):
    """A function answered what cannot be an annotation of the image; the message says what."""


@dataclass(frozen=True, slots=True)
class _Label:
    name: str
    attributes: dict[int, Any]  # cvat-sdk's attribute specs by id


class Answers:
    """Reads the answers of one function, whose spec tells what the ids in them mean."""

    def __init__(self, spec: DetectionFunctionSpec) -> None:
        self._labels = {
            label.id: _Label(label.name, {a.id: a for a in getattr(label, "attributes", [])}) for label in spec.labels
        }

    def predictions(self, answer: Sequence[Any], image: Image, annotator: str) -> ImagePredictions:
        """The answer's shapes and tags (cvat-sdk's LabeledShapeRequest and LabeledImageRequest) for an image.

        Points are rounded to 2 decimals, as CVAT keeps them. Objects are sorted by label, points, then all else, so
        that their ids do not hang on the model's order. No score means 1, as in CVAT. Raises BadAnswer for an unknown
        label or attribute, a score outside of 0..1, or a shape that is malformed or not inside the image.
        """
        found = sorted((self._read(row, image) for row in answer), key=_order)
        objects = (
            Prediction(prediction_id(image.id, annotator, index), image.id, annotator, shape, score)
            for index, (shape, score) in enumerate(found)
        )
        return ImagePredictions(image.id, annotator, tuple(objects))

    def _read(self, row: Any, image: Image) -> tuple[Shape, float]:
        label = self._labels.get(row.label_id)
        if label is None:
            raise BadAnswer(f"label id {row.label_id} is not in the function's spec")
        score = float(getattr(row, "score", 1.0))
        if not 0 <= score <= 1:
            raise BadAnswer(f"the score {score} of a {label.name} is not in 0..1")
        shape = Shape(
            label=label.name,
            type=_type(row),
            points=tuple(round(float(value), 2) + 0.0 for value in getattr(row, "points", ())),  # + 0.0: no -0.0
            rotation=float(getattr(row, "rotation", 0.0)),
            occluded=bool(getattr(row, "occluded", False)),
            attributes=_attributes(row, label),
        )
        _check(shape, image.header.width, image.header.height)
        return shape, score


def _check(shape: Shape, width: int, height: int) -> None:
    """Raises BadAnswer where a shape is malformed or not inside an image of width x height pixels."""
    if shape.type is ShapeType.TAG:
        return
    numbers = len(shape.points)
    exact = shape.type in (ShapeType.RECTANGLE, ShapeType.ELLIPSE)
    even = shape.type is not ShapeType.MASK
    fewest = _FEWEST[shape.type]
    if numbers < fewest or (exact and numbers > fewest) or (even and numbers % 2):
        raise BadAnswer(f"a {shape.type} of {numbers} numbers")
    if not math.isfinite(shape.rotation):
        raise BadAnswer(f"a {shape.type} turned by {shape.rotation} degrees")
    if not _fits(shape, width, height):
        points = list(shape.points[-4:] if shape.type is ShapeType.MASK else shape.points)
        raise BadAnswer(f"a {shape.type} that is inverted or not inside {width} x {height} pixels: {points}")


def _fits(shape: Shape, width: int, height: int) -> bool:
    points = shape.points
    if shape.type is ShapeType.MASK:
        return _mask_fits(points, width, height)
    if shape.type is ShapeType.ELLIPSE:  # centre, rightmost x, topmost y
        x, y, right, top = points
        points = (2 * x - right, top, right, 2 * y - top)
    if shape.type in (ShapeType.RECTANGLE, ShapeType.ELLIPSE):
        left, top, right, bottom = points
        if not (left < right and top < bottom):
            return False
        if shape.rotation:  # the points are those before turning: only the centre is where it seems
            points = ((left + right) / 2, (top + bottom) / 2)
    return all(0 <= x <= width for x in points[::2]) and all(0 <= y <= height for y in points[1::2])


def _mask_fits(points: tuple[float, ...], width: int, height: int) -> bool:
    """A mask is run lengths, then the first and last column and row it covers: left, top, right, bottom."""
    *runs, left, top, right, bottom = points
    if not (0 <= left <= right < width and 0 <= top <= bottom < height):
        return False
    return min(runs) >= 0 and sum(runs) == (right - left + 1) * (bottom - top + 1)


def _type(row: Any) -> ShapeType:
    if not hasattr(row, "type"):
        return ShapeType.TAG
    try:
        return ShapeType(row.type.value)
    except ValueError as error:
        raise BadAnswer(f"a {row.type.value}: such shapes are not carried") from error


def _attributes(row: Any, label: _Label) -> tuple[tuple[str, str], ...]:
    values = {}
    for attribute in getattr(row, "attributes", []):
        spec = label.attributes.get(attribute.spec_id)
        if spec is None or spec.name in values:
            raise BadAnswer(f"attribute id {attribute.spec_id} of a {label.name} is unknown or given twice")
        if not attribute_value_validator(spec)(attribute.value):
            raise BadAnswer(f"{attribute.value!r} is no value of attribute {spec.name!r} of a {label.name}")
        values[spec.name] = attribute.value
    return tuple(sorted(values.items()))


def _order(found: tuple[Shape, float]) -> tuple[Any, ...]:
    shape, score = found
    return shape.label, shape.points, score, shape.type, shape.rotation, shape.occluded, shape.attributes
