"""The demo's annotator, got worse: it does not see numbers any more."""

from typing import Any

import cvat_sdk.auto_annotation as cvataa
import PIL.Image

from include.annotators.rapidocr_text import RapidOcrText


class Numberless(RapidOcrText):
    """RapidOCR without what it takes for numbers."""

    version = "worse"

    @classmethod
    def version_of(cls, **_: object) -> str:
        return cls.version

    def detect(self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image) -> list[Any]:
        word = next(label.id for label in self.spec.labels if label.name == "word")
        return [shape for shape in super().detect(context, image) if shape.label_id == word]
