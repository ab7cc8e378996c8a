"""Pictures of squares, and annotators asked about them as the driver asks."""

from typing import Any, Protocol

import cvat_sdk.auto_annotation as cvataa
import PIL.Image
import PIL.ImageDraw

from include.annotators.answers import Answers
from include.lifecycle.images import Header, Image
from include.lifecycle.predictions import Prediction

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
Box = tuple[float, ...]


class Asked(Protocol):
    spec: Any

    def detect(self, context: Any, image: PIL.Image.Image) -> list[Any]: ...


class Context(cvataa.DetectionFunctionContext):  # type: ignore[misc]
    frame_name = "a.png"
    conf_threshold: float | None = None
    conv_mask_to_poly = False


def picture(size: tuple[int, int], *squares: tuple[tuple[int, ...], Box]) -> PIL.Image.Image:
    """Squares of a colour (left, top, right, bottom; the last two outside) on black."""
    image = PIL.Image.new("RGB", size)
    for colour, (left, top, right, bottom) in squares:
        PIL.ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), fill=colour)
    return image


def predictions(function: Asked, image: PIL.Image.Image) -> list[Prediction]:
    """What is found, checked as the driver does; sorted by label and points."""
    header = Header("PNG", *image.size, orientation=1, mode="RGB")
    asked = Image("i" * 16, "s3://b/a.png", "0" * 32, 1, header)
    return list(Answers(function.spec).predictions(function.detect(Context(), image), asked, "d@1").objects)
