"""What people's work says of single predictions."""

from collections.abc import Iterable
from dataclasses import dataclass

from include.evaluation.columns import sheet
from include.evaluation.greedy import matched
from include.evaluation.overlaps import pairs_of
from include.evaluation.reviewed import ReviewedImage
from include.evaluation.tally import right_pairs


@dataclass(frozen=True, slots=True)
class Judged:
    """A prediction that people judged: its class and score, whether a final annotation of the class is there, and the
    weight of its image (the inverse of the probability that people saw it)."""

    image_id: str
    label: str
    score: float
    right: bool
    weight: float


def judged(images: Iterable[ReviewedImage], iou: float) -> list[Judged]:
    """Every prediction of the images. It is right where COCO's matching, the highest score first, gives it a final
    annotation of its label from this overlap on."""
    seen = sheet(images)
    found = seen.predictions
    right, _ = matched(right_pairs(seen, pairs_of(seen), iou), len(found))
    columns = zip(found.image, found.label, found.score, right, strict=True)
    return [
        Judged(
            seen.image_ids[image], seen.labels[label], float(score), bool(annotation >= 0), float(seen.weights[image])
        )
        for image, label, score, annotation in columns
    ]
