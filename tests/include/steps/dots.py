"""Pictures that say what a model shall see in them, and the model that reads it: quick, and the same in every run."""

import io
from collections.abc import Sequence
from typing import Any

import cvat_sdk.auto_annotation as cvataa
import PIL.Image
from cvat_sdk import models

from include.annotators.registry import AnnotatorUnavailable

_TEXT = 7


def picture(number: int, objects: int = 1, score: float = 0.5, size: tuple[int, int] = (64, 48)) -> bytes:
    """A PNG in which `Dots` finds so many objects of such a score. Another number makes another content."""
    target = io.BytesIO()
    PIL.Image.new("RGB", size, (objects, round(score * 100), number)).save(target, "PNG")
    return target.getvalue()


class Dots:
    """A DetectionFunction of the labels `dot` and `number` that reads its answer in the first pixel, from `first` on;
    it finds all of them so many pixels `shift`ed to the right.

    The n-th picture raises SystemExit, as in a process that is told to end, where `ends_at` is n, and
    AnnotatorUnavailable, as where the model's server is away, where `away_at` is n.
    """

    spec = cvataa.DetectionFunctionSpec(
        labels=[cvataa.label_spec("dot", 3, type="rectangle", attributes=[cvataa.text_attribute_spec("text", _TEXT)])]
    )

    def __init__(
        self, ends_at: int = 0, away_at: int = 0, version: str = "1", first: int = 0, shift: float = 0.0
    ) -> None:
        self.version, self._first, self._shift = version, first, shift
        self._ends_at, self._away_at = ends_at, away_at
        self.asked: list[str] = []

    def detect(self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image) -> list[Any]:
        return self._answer(context.frame_name, image)

    def _answer(self, name: str, image: PIL.Image.Image) -> list[Any]:
        self.asked.append(name)
        if len(self.asked) == self._ends_at:
            raise SystemExit("told to end")
        if len(self.asked) == self._away_at:
            raise AnnotatorUnavailable("http://models:8000 does not answer")
        pixel = image.getpixel((0, 0))
        assert isinstance(pixel, tuple)
        objects, percent, number = pixel
        return [
            _dot(f"{number}.{index}", 4.0 * index + self._shift, percent / 100) for index in range(self._first, objects)
        ]


class DotsAtOnce(Dots):
    """Is asked about three pictures at once; `asked` then has their first pixels."""

    batch_size = 3

    def detect_batch(self, images: Sequence[PIL.Image.Image]) -> list[list[Any]]:
        return [self._answer(str(image.getpixel((0, 0))), image) for image in images]


def _dot(text: str, left: float, score: float) -> models.LabeledShapeRequest:
    attributes = [models.AttributeValRequest(spec_id=_TEXT, value=text)]
    return cvataa.rectangle(3, [left, 2.5, left + 3.25, 9.75], score=score, attributes=attributes)
