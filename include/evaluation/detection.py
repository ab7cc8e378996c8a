"""Detection: how right an annotator's predictions are, by class and as a whole, for all finished images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from include.evaluation.matching import boxes_of, iou_matrix, match_by_score, same_label
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage


@dataclass(frozen=True, slots=True)
class Rates:
    """Precision, recall, F1 and the mean IoU of matched pairs, each in 0..1.

    Without ground truth all are None: there is nothing to be right about. With ground truth and no
    prediction, precision is 0, as in COCO. Without a match, the mean IoU is None.
    """

    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    mean_iou: float | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """The rates of a class, or of all classes taken as one (micro), and what they come from.

    The support is the number of annotations that were looked at. True positives, false positives and false
    negatives are weighted: they estimate the numbers in all finished images, seen and unseen.
    """

    rates: Rates
    support: int
    tp: float
    fp: float
    fn: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Scores by class, sorted by name; micro: over the objects of all classes; macro: the mean over the
    classes with ground truth; worst: the one of these with the lowest F1, None where there is none."""

    by_class: Mapping[str, Scores]
    micro: Scores
    macro: Rates
    worst: str | None


@dataclass(slots=True)
class _Tally:
    """Sums over images, each image weighted but for the support."""

    support: int = 0
    truth: float = 0.0
    predicted: float = 0.0
    tp: float = 0.0
    iou: float = 0.0

    def add(self, other: "_Tally") -> None:
        self.support += other.support
        self.truth += other.truth
        self.predicted += other.predicted
        self.tp += other.tp
        self.iou += other.iou


def detection_figures(images: Iterable[ReviewedImage], settings: EvaluationSettings) -> Figures:
    """Predictions from `min_score` up against the final annotations of all sources, matched as COCO does.

    Jobs are not reviewed with equal probability, so each image counts by the inverse of its own. A total is
    then Horvitz and Thompson's estimate (1952, JASA 47, 663-685) and a rate, a ratio of two such totals, is
    Hájek's (1971). Raises ValueError where a shape is no rectangle.
    """
    tallies: dict[str, _Tally] = {}
    for image in sorted(images, key=lambda image: image.image_id):  # sums of floats depend on their order
        _count(image, settings, tallies)
    by_class = {label: _scores(tallies[label]) for label in sorted(tallies)}
    whole = _Tally()
    for label in sorted(tallies):
        whole.add(tallies[label])
    f1 = {label: scores.rates.f1 for label, scores in by_class.items() if scores.rates.f1 is not None}
    worst = min(f1, key=lambda label: f1[label], default=None)
    return Figures(by_class, _scores(whole), _macro([scores.rates for scores in by_class.values()]), worst)


def _count(image: ReviewedImage, settings: EvaluationSettings, tallies: dict[str, _Tally]) -> None:
    scored = [prediction for prediction in image.predictions if prediction.score >= settings.min_score]
    found = [p.shape for p in sorted(scored, key=lambda p: (-p.score, p.id))]
    truth = sorted((a.shape for a in image.annotations), key=lambda shape: (shape.label, shape.points))
    for shape in truth:
        tally = tallies.setdefault(shape.label, _Tally())
        tally.support += 1
        tally.truth += image.weight
    for shape in found:
        tallies.setdefault(shape.label, _Tally()).predicted += image.weight
    iou = np.where(same_label(found, truth), iou_matrix(boxes_of(found), boxes_of(truth)), -1.0)
    for row, column in match_by_score(iou, settings.iou):
        tally = tallies[found[row].label]
        tally.tp += image.weight
        tally.iou += image.weight * float(iou[row, column])


def _scores(tally: _Tally) -> Scores:
    fp, fn = tally.predicted - tally.tp, tally.truth - tally.tp
    rates = Rates()
    if tally.support:
        rates = Rates(
            precision=tally.tp / tally.predicted if tally.predicted else 0.0,
            recall=tally.tp / tally.truth,
            f1=2 * tally.tp / (tally.predicted + tally.truth),
            mean_iou=tally.iou / tally.tp if tally.tp else None,
        )
    return Scores(rates, tally.support, tally.tp, fp, fn)


def _macro(rates: list[Rates]) -> Rates:
    with_truth = [of_class for of_class in rates if of_class.f1 is not None]
    return Rates(
        precision=_mean(of_class.precision for of_class in with_truth),
        recall=_mean(of_class.recall for of_class in with_truth),
        f1=_mean(of_class.f1 for of_class in with_truth),
        mean_iou=_mean(of_class.mean_iou for of_class in with_truth),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None
