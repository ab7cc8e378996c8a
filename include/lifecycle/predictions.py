"""Predictions: what an annotator proposed for an image, kept before anything else sees it."""

import hashlib
from dataclasses import dataclass

from include.lifecycle.shapes import Shape


@dataclass(frozen=True, slots=True)
class Prediction:
    """One object that an annotator proposed. The annotator is `name@version`; the score is in 0..1."""

    id: str
    image_id: str
    annotator: str
    shape: Shape
    score: float


def prediction_id(image_id: str, annotator: str, index: int) -> str:
    """The name of an annotator's index-th object on an image: the same in every run of the same annotator."""
    return hashlib.sha256(f"{image_id}\n{annotator}\n{index}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ImagePredictions:
    """All that one annotator proposed for one image; no objects is an answer too."""

    image_id: str
    annotator: str
    objects: tuple[Prediction, ...]
