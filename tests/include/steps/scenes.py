"""A model of all that is not a rectangle: an outline, a region, joints, and what it says of the picture as a whole."""

from typing import Any

import cvat_sdk.auto_annotation as cvataa
import PIL.Image
from cvat_sdk import models

OUTLINE, REGION, JOINTS, SCENE = range(4)
LABELS: list[dict[str, object]] = [
    {"name": "outline", "type": "polygon"},
    {"name": "region", "type": "mask"},
    {"name": "joints", "type": "points"},
    {"name": "scene", "type": "tag", "attributes": [{"name": "caption"}]},
]
MASK = (1.0, 2.0, 3.0, 10.0, 20.0, 12.0, 21.0)  # of 3 x 2 pixels from (10, 20) on, the second and the third


class Scenes:
    """A DetectionFunction that sees the same in all pictures, so many pixels `shift`ed to the right. The caption says
    the third number of the first pixel, and the version."""

    spec = cvataa.DetectionFunctionSpec(
        labels=[
            cvataa.label_spec("outline", OUTLINE, type="polygon"),
            cvataa.label_spec("region", REGION, type="mask"),
            cvataa.label_spec("joints", JOINTS, type="points"),
            cvataa.label_spec("scene", SCENE, type="tag", attributes=[cvataa.text_attribute_spec("caption", 7)]),
        ]
    )

    def __init__(self, version: str = "1", shift: float = 0.0) -> None:
        self.version, self._shift = version, shift

    def detect(self, _: cvataa.DetectionFunctionContext, image: PIL.Image.Image) -> list[Any]:
        pixel = image.getpixel((0, 0))
        assert isinstance(pixel, tuple)
        by = self._shift
        caption = models.AttributeValRequest(spec_id=7, value=f"picture {pixel[2]}, version {self.version}")
        outline = [1 + by, 1, 20 + by, 1, 20 + by, 18.25]
        region = [*MASK[:-4], MASK[-4] + by, MASK[-3], MASK[-2] + by, MASK[-1]]
        return [
            cvataa.shape(OUTLINE, type="polygon", points=outline, score=0.5),
            cvataa.mask(REGION, region, score=0.75),
            cvataa.shape(JOINTS, type="points", points=[5 + by, 5.5, 40 + by, 40], score=0.25),
            cvataa.tag(SCENE, attributes=[caption], score=0.875),
        ]
