"""What a DetectionFunction answers, checked and made into predictions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cvat_sdk.attributes import attribute_value_validator
from cvat_sdk.auto_annotation import DetectionFunctionSpec

from include.lifecycle.geometry import fault
from include.lifecycle.images import Image
from include.lifecycle.predictions import ImagePredictions, Prediction, prediction_id
from include.lifecycle.shapes import Shape, ShapeType


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
        return numbered((self._read(row, image) for row in answer), image.id, annotator)

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
        if wrong := fault(shape.type, shape.points, shape.rotation, image.header.width, image.header.height):
            raise BadAnswer(wrong)
        return shape, score


def numbered(found: Iterable[tuple[Shape, float]], image_id: str, annotator: str) -> ImagePredictions:
    """Shapes with their scores as the predictions for an image, in an order of their own."""
    objects = (
        Prediction(prediction_id(image_id, annotator, index), image_id, annotator, shape, score)
        for index, (shape, score) in enumerate(sorted(found, key=_order))
    )
    return ImagePredictions(image_id, annotator, tuple(objects))


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
