"""What people's work says of single predictions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from include.evaluation.matching import boxes_of, iou_matrix, match_by_score, same_label
from include.evaluation.reviewed import ReviewedImage


@dataclass(frozen=True, slots=True)
class Judged:
    """A prediction that people judged: its class and score, whether a final annotation of the class is there, and the
    weight of its image (the inverse of the probability that people saw it)."""

    image_id: str
    label: str
    score: float
    right: bool
    weight: float


def judged(images: Iterable[ReviewedImage], iou: float) -> Iterator[Judged]:
    """Every prediction of the images. It is right where COCO's matching, the highest score first, gives it a final
    annotation of its label from this IoU on. Raises ValueError where a shape is no rectangle."""
    for image in images:
        found = sorted(image.predictions, key=lambda one: (-one.score, one.id))
        shapes = [one.shape for one in found]
        truth = sorted((a.shape for a in image.annotations), key=lambda shape: (shape.label, shape.points))
        overlaps = np.where(same_label(shapes, truth), iou_matrix(boxes_of(shapes), boxes_of(truth)), -1.0)
        right = {row for row, _ in match_by_score(overlaps, iou)}
        for row, one in enumerate(found):
            yield Judged(image.image_id, one.shape.label, one.score, row in right, image.weight)
