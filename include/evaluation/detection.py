"""Detection: how right an annotator's predictions are, by class and as a whole, for all finished images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from include.evaluation.bootstrap import Interval, at_the_end, draws, harmonic, interval, mean_interval
from include.evaluation.columns import Floats
from include.evaluation.tally import COUNTS, Tally

_SHARES = ("precision", "recall", "f1")  # the figures that have an interval


@dataclass(frozen=True, slots=True)
class Rates:
    """Precision, recall, F1 and the mean overlap (IoU; OKS for points) of matched pairs, each in 0..1.

    Without predictions precision is None, without ground truth recall and F1 are: nothing can be right. Without a match
    that has a place, as tags have none, the mean IoU is None.
    """

    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    mean_iou: float | None = None


@dataclass(frozen=True, slots=True)
class Intervals:
    """How sure the rates are; None where there is no rate."""

    precision: Interval | None = None
    recall: Interval | None = None
    f1: Interval | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """The rates of a class, or of all classes taken as one (micro), and what they come from.

    The support is the number of annotations that were looked at, on so many images; precision comes from so many
    predictions, on so many images. True positives, false positives and false negatives are weighted: they estimate the
    numbers in all finished images, seen and unseen.
    """

    rates: Rates
    support: int
    tp: float
    fp: float
    fn: float
    intervals: Intervals = Intervals()
    images: int = 0
    predictions: int = 0
    images_predicted: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Scores by class, sorted by name; micro: over the objects of all classes; macro: of each figure the mean over the
    classes that have it; worst: the class with the lowest F1, None where none has one. Without images drawn again there
    are no intervals."""

    by_class: Mapping[str, Scores]
    micro: Scores
    macro: Rates
    worst: str | None
    macro_intervals: Intervals = Intervals()


@dataclass(frozen=True, slots=True, eq=False)
class _Objects:
    """Annotations, or predictions, of each label and then of all, float64[labels + 1] each: how many there are, on how
    many images, and Kish's effective number of these images."""

    count: Floats
    images: Floats
    effective: Floats


def detection_figures(found: Tally, *, seed: int | None = 0) -> Figures:
    """The figures of counted images; without a seed without intervals, which is quicker.

    Jobs are not reviewed with equal probability, so each image counts by the inverse of its own. A total is
    then Horvitz and Thompson's estimate (1952, JASA 47, 663-685) and a rate, a ratio of two such totals, is
    Hájek's (1971).
    """
    totals = _table((found.weights @ found.counts)[None])[0]
    rates = _rates(totals[None])[0]
    drawn = _rates(_table(draws(found.counts, found.weights, seed))) if seed is not None else None
    seen = _objects(found, 0), _objects(found, 1)
    all_scores = [_scores(place, totals, *seen, rates, drawn) for place in range(len(found.labels) + 1)]
    by_class = {label: one for label, one in zip(found.labels, all_scores, strict=False) if _is_there(one)}
    f1 = {label: one.rates.f1 for label, one in by_class.items() if one.rates.f1 is not None}
    return Figures(
        by_class,
        micro=all_scores[-1],
        macro=_macro(rates),
        worst=min(f1, key=lambda label: f1[label], default=None),
        macro_intervals=_macro_intervals(drawn, [one.intervals for one in by_class.values()]),
    )


def f1_of(found: Tally) -> Floats:
    """F1 of each label, then of all together: float64[labels + 1]; NaN where there are no objects."""
    f1: Floats = _f1(_table((found.weights @ found.counts)[None]))[0]
    return f1


def f1_draws(found: Tally, seed: int) -> Floats:
    """The same in every draw of the bootstrap: float64[draws, labels + 1]."""
    return _f1(_table(draws(found.counts, found.weights, seed)))


def _table(totals: Floats) -> Floats:
    """float64[n, counts, labels + 1] of sums[n, counts * labels]; the last place is all labels together."""
    by_label = totals.reshape(len(totals), COUNTS, totals.shape[1] // COUNTS)
    return np.concatenate([by_label, by_label.sum(axis=2, keepdims=True)], axis=2)


def _f1(table: Floats) -> Floats:
    return _ratio(2 * table[:, 2], table[:, 0] + table[:, 1])


def _rates(table: Floats) -> Floats:
    """float64[n, 4, labels + 1]: precision, recall, F1, mean overlap; NaN where there is none."""
    truth, predicted, right, placed, overlap = (table[:, place] for place in range(COUNTS))
    f1 = np.where(truth > 0, _f1(table), np.nan)
    return np.stack([_ratio(right, predicted), _ratio(right, truth), f1, _ratio(overlap, placed)], 1)


def _ratio(a: Floats, b: Floats) -> Floats:
    found: Floats = np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)
    return found


def _objects(found: Tally, part: int) -> _Objects:
    """Those that are counted in this part of a tally's columns."""
    counts = found.counts[:, part * len(found.labels) : (part + 1) * len(found.labels)]
    has, has_any = (counts > 0).astype(np.float64), np.asarray(counts.sum(axis=1)).ravel() > 0
    images, weights, squares = (
        np.append(found.weights**power @ has, found.weights**power @ has_any) for power in range(3)
    )
    return _Objects(np.append(counts.sum(axis=0), counts.sum()), images, _ratio(weights**2, squares))


def _scores(place: int, totals: Floats, true: _Objects, found: _Objects, rates: Floats, drawn: Floats | None) -> Scores:
    truth, predicted, right, *_ = (float(value) for value in totals[:, place])
    effective = float(found.effective[place]), float(true.effective[place])
    return Scores(
        rates=Rates(*(_known(value) for value in rates[:, place])),
        support=round(float(true.count[place])),
        tp=right,
        fp=max(predicted - right, 0.0),
        fn=max(truth - right, 0.0),
        intervals=Intervals() if drawn is None else _intervals(drawn[:, :, place], *effective),
        images=round(float(true.images[place])),
        predictions=round(float(found.count[place])),
        images_predicted=round(float(found.images[place])),
    )


def _is_there(scores: Scores) -> bool:
    return scores.support > 0 or scores.fp > 0


def _macro(rates: Floats) -> Rates:
    return Rates(*(_known(float(value)) for value in _mean(rates[None, :, :-1])[0]))


def _intervals(drawn: Floats, predicted: float, annotated: float) -> Intervals:
    """Those of precision, recall and F1, by their values in each draw, float64[draws, 4], and by the effective numbers
    of images with predictions and with annotations."""
    precision, recall, f1 = (interval(drawn[:, place]) for place in range(len(_SHARES)))
    precision, recall = _told(precision, predicted), _told(recall, annotated)
    if f1 and recall and _is_at_end(f1):
        f1 = harmonic(precision or Interval(0.0, 1.0, 0.0), recall)
    return Intervals(precision, recall, f1)


def _told(found: Interval | None, images: float) -> Interval | None:
    return at_the_end(found.low, images) if found and _is_at_end(found) else found


def _is_at_end(found: Interval) -> bool:
    return found.low == found.high in (0.0, 1.0)


def _macro_intervals(drawn: Floats | None, of_classes: Sequence[Intervals]) -> Intervals:
    """Those of the means; where all draws say the same, the classes' own intervals tell how sure that is."""
    if drawn is None:
        return Intervals()
    means = _mean(drawn[:, :, :-1])
    found = {name: interval(means[:, place]) for place, name in enumerate(_SHARES)}
    for name, one in found.items():
        if one and one.low == one.high:
            found[name] = mean_interval([own for each in of_classes if (own := getattr(each, name))])
    return Intervals(**found)


def _mean(rates: Floats) -> Floats:
    """The mean over the classes that have the rate: float64[n, 4] of [n, 4, labels]; NaN where none has."""
    return _ratio(np.nansum(rates, axis=2), (~np.isnan(rates)).sum(axis=2).astype(np.float64))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
