"""Comparison: whether one version of an annotator is better than another, each on images of its own (A/B)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from include.evaluation.curves import Floats
from include.evaluation.detection import detection_figures
from include.evaluation.figures import metric_label
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage

_DRAWS = 1000  # of the bootstrap
_ENOUGH = 20  # images each: of fewer, the bootstrap says too much


@dataclass(frozen=True, slots=True)
class Difference:
    """F1 of the first and of the second, in 0..1, and the 95 % interval of the second's minus the first's."""

    first: float
    second: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """How much better the second is; below 0 where it is worse."""
        return self.second - self.first


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two annotator versions (`name@version`), the images of each that people reviewed, and how their F1 differ: over
    the objects of all classes (None where either has none), and for each class of which both have objects."""

    first: str
    second: str
    images: tuple[int, int]
    micro: Difference | None
    by_class: Mapping[str, Difference]

    @property
    def verdict(self) -> str:
        """What can be told, as a sentence."""
        if self.micro is None or min(self.images) < _ENOUGH:
            return f"no difference can be told yet: people have reviewed {self.images[0]} and {self.images[1]} images"
        interval = f"{self.micro.value:+.3f} ({self.micro.low:+.3f} to {self.micro.high:+.3f})"
        if self.micro.low <= 0 <= self.micro.high:
            return f"no difference can be told yet: F1 of {self.second} against {self.first} is {interval}"
        better, worse = (self.second, self.first) if self.micro.low > 0 else (self.first, self.second)
        low, high = sorted((abs(self.micro.low), abs(self.micro.high)))
        return f"{better} is better than {worse} by {abs(self.micro.value):.3f} ({low:.3f} to {high:.3f}) of F1"


def compare(
    first: tuple[str, Sequence[ReviewedImage]],
    second: tuple[str, Sequence[ReviewedImage]],
    settings: EvaluationSettings,
    seed: int = 0,
) -> Comparison:
    """Compare two annotators, each named with its images; the order of images does not matter.

    Each image counts by its weight. The interval is the bootstrap's (Efron and Tibshirani 1993, percentiles): of each
    version's images as many are drawn again and again, independently, because no image is of both. Raises ValueError
    where an image is of both, or a shape is no rectangle.
    """
    shared = {image.image_id for image in first[1]} & {image.image_id for image in second[1]}
    if shared:
        raise ValueError(f"{len(shared)} images are of both versions, as {min(shared)}: they are not independent")
    random = np.random.default_rng(seed)
    labels = sorted({label for _, images in (first, second) for image in images for label in _labels(image)})
    a, b = (_Sample(images, labels, settings) for _, images in (first, second))
    found, drawn = (a.f1(), b.f1()), (a.draws(random), b.draws(random))
    differences = [_difference(place, found, drawn) for place in range(len(labels) + 1)]
    by_class = {label: one for label, one in zip(labels, differences[1:], strict=True) if one is not None}
    return Comparison(first[0], second[0], (len(first[1]), len(second[1])), differences[0], by_class)


def flat_metrics(comparison: Comparison) -> dict[str, float]:
    """`f1_first/<class>`, `f1_second/…`, `difference/…`, `difference_low/…` and `difference_high/…` under names that
    MLflow takes; the class `micro` is all together."""
    values = {"images_first": float(comparison.images[0]), "images_second": float(comparison.images[1])}
    rows = [("micro", comparison.micro)] if comparison.micro else []
    for name, found in [*rows, *((metric_label(label), one) for label, one in comparison.by_class.items())]:
        values |= {
            f"f1_first/{name}": found.first,
            f"f1_second/{name}": found.second,
            f"difference/{name}": found.value,
            f"difference_low/{name}": found.low,
            f"difference_high/{name}": found.high,
        }
    return values


def to_json(comparison: Comparison) -> str:
    """The comparison and its verdict as indented JSON, the same text for the same comparison."""
    return json.dumps({**asdict(comparison), "verdict": comparison.verdict}, indent=2, ensure_ascii=False) + "\n"


class _Sample:
    """One version's images as counts: weighted tp, fp and fn of each class, an image a row: float64[n, classes, 3]."""

    def __init__(self, images: Sequence[ReviewedImage], labels: Sequence[str], settings: EvaluationSettings) -> None:
        self._counts = np.zeros((len(images), len(labels), 3))
        for row, image in enumerate(sorted(images, key=lambda image: image.image_id)):
            for label, scores in detection_figures([image], settings).by_class.items():
                self._counts[row, labels.index(label)] = scores.tp, scores.fp, scores.fn

    def f1(self) -> Floats:
        """F1 of all classes together, then of each: float64[1 + classes]; NaN where there are no objects."""
        return _f1(self._counts.sum(axis=0))

    def draws(self, random: np.random.Generator) -> Floats:
        """F1 of images drawn with replacement, a draw a row: float64[draws, 1 + classes]."""
        count, flat = len(self._counts), self._counts.reshape(len(self._counts), -1)
        found = []
        for _ in range(_DRAWS if count else 0):
            times = np.bincount(random.integers(0, count, count), minlength=count)
            found.append(_f1((times @ flat).reshape(self._counts.shape[1:])))
        return np.array(found)


def _labels(image: ReviewedImage) -> set[str]:
    return {one.shape.label for one in image.predictions} | {one.shape.label for one in image.annotations}


def _f1(counts: Floats) -> Floats:
    tp, fp, fn = np.vstack([counts.sum(axis=0), counts]).T
    whole = 2 * tp + fp + fn
    f1: Floats = np.divide(2 * tp, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return f1


def _difference(place: int, found: tuple[Floats, Floats], drawn: tuple[Floats, Floats]) -> Difference | None:
    first, second = (float(one[place]) for one in found)
    if np.isnan(first) or np.isnan(second):
        return None
    low, high = np.nanpercentile(drawn[1][:, place] - drawn[0][:, place], [2.5, 97.5])
    return Difference(first, second, float(low), float(high))
