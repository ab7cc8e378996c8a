"""Text on pictures, found and read by RapidOCR: words and numbers."""

import hashlib
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import cvat_sdk.auto_annotation as cvataa
import cvat_sdk.models as models
import numpy as np
import PIL.Image
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:  # with its engines it takes more than a second to import, which the version does not need
    from rapidocr import RapidOCR

# PP-OCR's finder, turner and reader, inside rapidocr's wheel. Named by path, so that nothing looks for a download.
_WEIGHTS = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
}
_LABELS = {"word": 0, "number": 1}
_TEXT = 0  # the id of each label's only attribute


class Settings(BaseModel):
    """What a project may set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_score: float = Field(0.5, ge=0, le=1, description="Text read with a lower score is not reported.")
    short_side: int = Field(
        736, ge=32, description="Pictures are enlarged until their shorter side has so many pixels; less is faster."
    )
    threads: int = Field(1, ge=1, description="Processor threads; they change the speed alone.")


class RapidOcrText:
    """A DetectionFunction of the labels `word` and `number`, with what was read in the attribute `text`.

    Rectangles are the upright bounding boxes of RapidOCR's quadrilaterals, clipped to the picture; scores are the
    reader's, in 0..1. Not for several threads at once. Settings as in Settings; others raise ValueError.
    """

    def __init__(self, **settings: object) -> None:
        self._settings = Settings.model_validate(settings)
        self._engine = _engine(self._settings)

    @property
    def version(self) -> str:
        """rapidocr's version, 8 digits of the weights' SHA-256, 8 of that of the settings that change answers."""
        return _version(self._settings)

    @classmethod
    def version_of(cls, **settings: object) -> str:
        """The version that the annotator would have, without loading the networks."""
        return _version(Settings.model_validate(settings))

    @property
    def spec(self) -> cvataa.DetectionFunctionSpec:
        text = cvataa.text_attribute_spec("text", _TEXT)
        labels = [cvataa.label_spec(name, id_, type="rectangle", attributes=[text]) for name, id_ in _LABELS.items()]
        return cvataa.DetectionFunctionSpec(labels=labels)

    def detect(
        self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image
    ) -> Sequence[models.LabeledShapeRequest]:
        from rapidocr.utils.output import RapidOCROutput

        found = self._engine(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))  # it takes BGR
        if not isinstance(found, RapidOCROutput) or found.boxes is None or not found.txts or not found.scores:
            return []  # nothing was found, or nothing of it could be read
        least = max(self._settings.min_score, context.conf_threshold or 0)
        rows = zip(found.boxes, found.txts, found.scores, strict=True)
        shapes = [_rectangle(quad, text, score, image.size) for quad, text, score in rows if score >= least]
        return [shape for shape in shapes if shape is not None]


def label_of(text: str) -> str:
    """`number` for at least one digit and otherwise only digits, currency signs and .,:-/%+ ; else `word`."""
    text = text.strip()
    kinds = [unicodedata.category(character) for character in text]
    plain = all(kind in ("Nd", "Sc") or char in ".,:-/%+" for char, kind in zip(text, kinds, strict=True))
    return "number" if plain and "Nd" in kinds else "word"


def _rectangle(quad: np.ndarray, text: str, score: float, size: tuple[int, int]) -> models.LabeledShapeRequest | None:
    """The quadrilateral's bounding box inside the picture, or None where nothing of it is inside."""
    left, top = np.clip(quad.min(axis=0), 0, size).tolist()
    right, bottom = np.clip(quad.max(axis=0), 0, size).tolist()
    if left >= right or top >= bottom:
        return None
    attributes = [models.AttributeValRequest(spec_id=_TEXT, value=text.strip())]
    label = _LABELS[label_of(text)]
    return cvataa.rectangle(label, [left, top, right, bottom], score=float(score), attributes=attributes)


def _version(settings: Settings) -> str:
    stated = hashlib.sha256(settings.model_dump_json(exclude={"threads"}).encode()).hexdigest()[:8]
    return f"{package_version('rapidocr')}-{_weights_digest()}-{stated}"


def _engine(settings: Settings) -> "RapidOCR":
    from rapidocr import RapidOCR

    folder = _folder()
    return RapidOCR(
        params={
            **{f"{part}.model_path": str(folder / name) for part, name in _WEIGHTS.items()},
            "Global.log_level": "error",  # it warns of every picture without text
            "Global.text_score": settings.min_score,
            "Det.limit_side_len": settings.short_side,
            "EngineConfig.onnxruntime.intra_op_num_threads": settings.threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


@cache
def _weights_digest() -> str:
    digest = hashlib.sha256()
    for name in _WEIGHTS.values():
        digest.update((_folder() / name).read_bytes())
    return digest.hexdigest()[:8]


def _folder() -> Path:
    """Where the package keeps its weights; it is not imported for that."""
    spec = find_spec("rapidocr")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "models"
