"""Detection: how right an annotator's predictions are, by class and as a whole, for all finished images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from include.evaluation.bootstrap import Interval, at_the_end, draws, interval
from include.evaluation.columns import Floats
from include.evaluation.tally import COUNTS, Tally


@dataclass(frozen=True, slots=True)
class Rates:
    """Precision, recall, F1 and the mean overlap (IoU; OKS for points) of matched pairs, each in 0..1.

    Without ground truth all are None: there is nothing to be right about. With ground truth and no
    prediction, precision is 0, as in COCO. Without a match that has a place, as tags have none, the mean IoU is None.
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

    The support is the number of annotations that were looked at, on so many images. True positives, false positives and
    false negatives are weighted: they estimate the numbers in all finished images, seen and unseen.
    """

    rates: Rates
    support: int
    tp: float
    fp: float
    fn: float
    intervals: Intervals = Intervals()
    images: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Scores by class, sorted by name; micro: over the objects of all classes; macro: the mean over the
    classes with ground truth; worst: the one of these with the lowest F1, None where there is none. Without images
    drawn again there are no intervals."""

    by_class: Mapping[str, Scores]
    micro: Scores
    macro: Rates
    worst: str | None
    macro_intervals: Intervals = Intervals()


def detection_figures(found: Tally, *, seed: int | None = 0) -> Figures:
    """The figures of counted images; without a seed without intervals, which is quicker.

    Jobs are not reviewed with equal probability, so each image counts by the inverse of its own. A total is
    then Horvitz and Thompson's estimate (1952, JASA 47, 663-685) and a rate, a ratio of two such totals, is
    Hájek's (1971).
    """
    totals = _table((found.weights @ found.counts)[None])[0]
    support = _table(np.asarray(found.counts.sum(axis=0), dtype=np.float64)[None])[0, 0]
    rates = _rates(totals[None])[0]
    drawn = _rates(_table(draws(found.counts, found.weights, seed))) if seed is not None else None
    images = _images(found)
    all_scores = [_scores(place, totals, support, images, rates, drawn) for place in range(len(found.labels) + 1)]
    by_class = {label: one for label, one in zip(found.labels, all_scores, strict=False) if _is_there(one)}
    f1 = {label: one.rates.f1 for label, one in by_class.items() if one.rates.f1 is not None}
    return Figures(
        by_class,
        micro=all_scores[-1],
        macro=_macro(rates),
        worst=min(f1, key=lambda label: f1[label], default=None),
        macro_intervals=_macro_intervals(rates, drawn, images),
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
    """float64[n, 4, labels + 1]: precision, recall, F1, mean overlap; NaN where there is no ground truth."""
    truth, predicted, right, placed, overlap = (table[:, place] for place in range(COUNTS))
    precision = np.where(predicted > 0, _ratio(right, predicted), 0.0)
    f1, mean_overlap = _ratio(2 * right, truth + predicted), _ratio(overlap, placed)
    rates = np.stack([precision, _ratio(right, truth), f1, mean_overlap], 1)
    rates[np.broadcast_to((truth <= 0)[:, None], rates.shape)] = np.nan
    return rates


def _ratio(a: Floats, b: Floats) -> Floats:
    found: Floats = np.divide(a, b, out=np.full(a.shape, np.nan), where=b > 0)
    return found


def _images(found: Tally) -> Floats:
    """float64[labels + 1]: on how many images each label has annotations, and any has."""
    truth = found.counts[:, : len(found.labels)] > 0
    by_label = np.asarray(truth.sum(axis=0), dtype=np.float64).ravel()
    return np.append(by_label, np.count_nonzero(np.asarray(truth.sum(axis=1))))


def _scores(place: int, totals: Floats, support: Floats, images: Floats, rates: Floats, drawn: Floats | None) -> Scores:
    truth, predicted, right, *_ = (float(value) for value in totals[:, place])
    return Scores(
        rates=Rates(*(_known(value) for value in rates[:, place])),
        support=round(float(support[place])),
        tp=right,
        fp=max(predicted - right, 0.0),
        fn=max(truth - right, 0.0),
        intervals=_intervals(rates[:, place], None if drawn is None else drawn[:, :, place], float(images[place])),
        images=round(float(images[place])),
    )


def _is_there(scores: Scores) -> bool:
    return scores.support > 0 or scores.fp > 0


def _macro(rates: Floats) -> Rates:
    return Rates(*(_known(float(value)) for value in _mean(rates[None, :, :-1])[0]))


def _macro_intervals(rates: Floats, drawn: Floats | None, images: Floats) -> Intervals:
    means = None if drawn is None else _mean(drawn[:, :, :-1])
    of_classes = images[:-1][images[:-1] > 0]
    return _intervals(_mean(rates[None, :, :-1])[0], means, float(of_classes.min()) if len(of_classes) else 0.0)


def _intervals(rates: Floats, drawn: Floats | None, images: float) -> Intervals:
    """Those of precision, recall and F1, by their values in each draw, float64[draws, 4]."""
    if drawn is None:
        return Intervals()
    found = [interval(drawn[:, one]) for one in range(3)]
    ends = [one and one.low == one.high in (0.0, 1.0) for one in found]
    return Intervals(
        *(
            at_the_end(float(rate), round(images)) if end else one
            for one, end, rate in zip(found, ends, rates[:3], strict=True)
        )
    )


def _mean(rates: Floats) -> Floats:
    """The mean over the classes that have the rate: float64[n, 4] of [n, 4, labels]; NaN where none has."""
    return _ratio(np.nansum(rates, axis=2), (~np.isnan(rates)).sum(axis=2).astype(np.float64))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
