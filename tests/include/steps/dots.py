"""Pictures that say what a model shall see in them, and the model that reads it: quick, and the same in every run."""

import io
from typing import Any

import cvat_sdk.auto_annotation as cvataa
import PIL.Image
from cvat_sdk import models

_TEXT = 7


def picture(number: int, objects: int = 1, score: float = 0.5, size: tuple[int, int] = (64, 48)) -> bytes:
    """A PNG in which `Dots` finds so many objects of such a score. Another number makes another content."""
    target = io.BytesIO()
    PIL.Image.new("RGB", size, (objects, round(score * 100), number)).save(target, "PNG")
    return target.getvalue()


class Dots:
    """A DetectionFunction of the labels `dot` and `number` that reads its answer in the first pixel, from `first` on.

    The n-th call raises SystemExit, as in a process that is told to end, where `ends_at` is n.
    """

    spec = cvataa.DetectionFunctionSpec(
        labels=[cvataa.label_spec("dot", 3, type="rectangle", attributes=[cvataa.text_attribute_spec("text", _TEXT)])]
    )

    def __init__(self, ends_at: int = 0, version: str = "1", first: int = 0) -> None:
        self.version, self._first = version, first
        self._ends_at = ends_at
        self.asked: list[str] = []

    def detect(self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image) -> list[Any]:
        self.asked.append(context.frame_name)
        if len(self.asked) == self._ends_at:
            raise SystemExit("told to end")
        pixel = image.getpixel((0, 0))
        assert isinstance(pixel, tuple)
        objects, percent, number = pixel
        return [_dot(f"{number}.{index}", index, percent / 100) for index in range(self._first, objects)]


def _dot(text: str, index: int, score: float) -> models.LabeledShapeRequest:
    left = 4.0 * index
    attributes = [models.AttributeValRequest(spec_id=_TEXT, value=text)]
    return cvataa.rectangle(3, [left, 2.5, left + 3.25, 9.75], score=score, attributes=attributes)
