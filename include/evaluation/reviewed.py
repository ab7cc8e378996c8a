"""What an evaluation looks at: images that people reviewed, and the settings of the comparison."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from include.lifecycle.predictions import Prediction
from include.lifecycle.reviews import Acceptance, Annotation


@dataclass(frozen=True, slots=True)
class ReviewedImage:
    """An image whose job people completed, with all that one annotator predicted on it and all its final
    annotations, whatever their source.

    The size is width and height in pixels. `applied` is the CVAT shape id of each prediction that was brought into
    CVAT, by prediction id. The weight is the inverse of the probability that the job was given to people: 1 for a
    review, 1 / audit share for an audit. Raises ValueError where the weight is no inverse of a probability or an object
    is of another image."""

    image_id: str
    predictions: tuple[Prediction, ...]
    annotations: tuple[Annotation, ...]
    applied: Mapping[str, int]
    weight: float
    accepted: Acceptance
    size: tuple[int, int]
    finished_at: datetime | None = None
    finished_by: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.weight < math.inf:
            raise ValueError(f"image {self.image_id}: weight {self.weight} is not the inverse of a probability")
        owners = {prediction.image_id for prediction in self.predictions}
        owners |= {annotation.image_id for annotation in self.annotations}
        if strangers := owners - {self.image_id}:
            raise ValueError(f"image {self.image_id} has objects of other images: {', '.join(sorted(strangers))}")


@dataclass(frozen=True, slots=True)
class FinalImage:
    """An image of a finished job, with its size (width, height in pixels) and its final annotations."""

    image_id: str
    size: tuple[int, int]
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """How predictions are compared with annotations.

    A prediction is right from an IoU of `iou`, and looked at from a score of `min_score`. An applied
    prediction whose shape id is gone from CVAT is looked for from an IoU of `outcome_iou`. Raises ValueError
    where a value is out of range.
    """

    iou: float = 0.5
    min_score: float = 0.0
    outcome_iou: float = 0.5

    def __post_init__(self) -> None:
        for name, value in (("iou", self.iou), ("outcome_iou", self.outcome_iou)):
            if not 0 < value <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, not {value}")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score must be in 0..1, not {self.min_score}")
