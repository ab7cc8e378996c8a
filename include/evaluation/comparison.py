"""Comparison: whether one version of an annotator is better than another, each on images of its own (A/B)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from pydantic import TypeAdapter

from include.evaluation.columns import Floats
from include.evaluation.detection import f1_draws, f1_of
from include.evaluation.figures import metric_label
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
from include.evaluation.tally import joined, tally_of

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


_JSON: TypeAdapter[Comparison] = TypeAdapter(Comparison)


def compare(
    first: tuple[str, Sequence[ReviewedImage]],
    second: tuple[str, Sequence[ReviewedImage]],
    settings: EvaluationSettings,
    seed: int = 0,
) -> Comparison:
    """Compare two annotators, each named with its images; the order of images does not matter.

    Each image counts by its weight. The interval is the bootstrap's: each version's images are drawn independently,
    because no image is of both. Raises ValueError where an image is of both.
    """
    shared = {image.image_id for image in first[1]} & {image.image_id for image in second[1]}
    if shared:
        raise ValueError(f"{len(shared)} images are of both versions, as {min(shared)}: they are not independent")
    tallies = [tally_of(images, settings) for _, images in (first, second)]
    labels = sorted({label for one in tallies for label in one.labels})
    a, b = joined(labels, *tallies)
    found = f1_of(a), f1_of(b)
    drawn = f1_draws(a, seed), f1_draws(b, seed + 1)
    differences = [_difference(place, found, drawn) for place in range(len(labels) + 1)]
    by_class = {label: one for label, one in zip(labels, differences, strict=False) if one is not None}
    return Comparison(first[0], second[0], (len(first[1]), len(second[1])), differences[-1], by_class)


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
    """The comparison and its verdict as indented JSON, the same text for the same comparison; `from_json` reads it."""
    return json.dumps({**asdict(comparison), "verdict": comparison.verdict}, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Comparison:
    """The comparison that `to_json` wrote. Raises ValueError (pydantic's, naming the field) where it is none."""
    return _JSON.validate_json(text)


def _difference(place: int, found: tuple[Floats, Floats], drawn: tuple[Floats, Floats]) -> Difference | None:
    first, second = (float(one[place]) for one in found)
    if np.isnan(first) or np.isnan(second):
        return None
    low, high = np.nanpercentile(drawn[1][:, place] - drawn[0][:, place], [2.5, 97.5])
    return Difference(first, second, float(low), float(high))
