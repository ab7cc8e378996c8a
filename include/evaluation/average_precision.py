"""Average precision: COCO's twelve figures.

IoU from .50 to .95 by .05, 101 recall points, at most 1, 10 or 100 predictions of a class on an image, sizes by area.
Source: pycocotools' cocoeval, which this equals where all images weigh the same; images of another weight count by it.
A class without ground truth has no figure and is in no mean, where COCO writes -1. Nor has a class whose predictions,
two or more, all have one score: they come in no order, and their average precision would tell of the images' ids."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from include.evaluation.columns import Flags, Floats, Ints, Sheet
from include.evaluation.greedy import greedy, in_order, matched
from include.evaluation.overlaps import Pairs
from include.evaluation.tally import same_class

IOUS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_MOST = (1, 10, 100)  # predictions of a class on an image
_AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}


@dataclass(frozen=True, slots=True)
class ClassPrecision:
    """A class's average precision over all IoUs, at .5 and at .75."""

    ap: float
    ap50: float
    ap75: float


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """COCO's twelve figures, each in 0..1: mean average precision, at IoU .5 and .75, of small, medium and large
    objects; mean recall with 1, 10 and 100 predictions of a class on an image, and of small, medium and large objects.
    None where there is no ground truth of the kind.

    `unordered` are the annotated classes whose predictions all have one score: all figures are of the others."""

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar1: float | None
    ar10: float | None
    ar100: float | None
    ar_small: float | None
    ar_medium: float | None
    ar_large: float | None
    by_class: Mapping[str, ClassPrecision]
    unordered: tuple[str, ...] = ()


def average_precision(sheet: Sheet, pairs: Pairs) -> AveragePrecision | None:
    """The figures of a sheet with its pairs; None where they mean nothing: all scores are the same, so that there is no
    order to average over."""
    if not _is_ordered(sheet.predictions.score):
        return None
    curves = _Curves(sheet, pairs)
    by_area = {name: curves.of(limits) for name, limits in _AREAS.items()}
    precision = {name: one[0] for name, one in by_area.items()}
    recall = {name: one[1] for name, one in by_area.items()}
    return AveragePrecision(
        ap=_mean(precision["all"]),
        ap50=_mean(precision["all"][:, :1]),
        ap75=_mean(precision["all"][:, 5:6]),
        ap_small=_mean(precision["small"]),
        ap_medium=_mean(precision["medium"]),
        ap_large=_mean(precision["large"]),
        ar1=_mean(recall["all"][:, :, 0]),
        ar10=_mean(recall["all"][:, :, 1]),
        ar100=_mean(recall["all"][:, :, 2]),
        ar_small=_mean(recall["small"][:, :, 2]),
        ar_medium=_mean(recall["medium"][:, :, 2]),
        ar_large=_mean(recall["large"][:, :, 2]),
        by_class={
            label: ClassPrecision(float(row.mean()), float(row[0].mean()), float(row[5].mean()))
            for label, row in zip(sheet.labels, precision["all"], strict=True)
            if not np.isnan(row).any()
        },
        unordered=curves.unordered,
    )


def precision_at_recalls(hits: Floats, weights: Floats, truth: float) -> Floats:
    """The greatest precision from each of 101 recalls on, float64[101], of one class's predictions by falling score:
    their weights, and the same or 0 where they are right; `truth` is the weight of all annotations, above 0."""
    reached = np.cumsum(hits) / truth
    precision = np.cumsum(hits) / (np.cumsum(weights) + np.spacing(1))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(reached, _RECALLS, side="left")
    found: Floats = np.append(envelope, 0.0)[np.minimum(places, len(envelope))]
    return found


class _Curves:
    """Precision and recall of every class at every IoU."""

    def __init__(self, sheet: Sheet, pairs: Pairs) -> None:
        found = sheet.predictions
        self._rank = _rank(found.image, found.label)
        within = same_class(sheet, pairs.where(pairs.overlap >= IOUS[0] - 1e-9))
        self._pairs = within.where(self._rank[within.prediction] < _MOST[-1])
        self._sheet = sheet
        # of equal scores the image's order counts, as in pycocotools
        self._order = np.lexsort((-found.score, found.label))
        self._order = self._order[self._rank[self._order] < _MOST[-1]]
        self._ends = np.searchsorted(found.label[self._order], np.arange(len(sheet.labels) + 1))
        self._has_order = [_is_ordered(found.score[rows]) for _, rows in self._classes()]

    @property
    def unordered(self) -> tuple[str, ...]:
        """The classes with annotations that have no figures."""
        annotated = np.unique(self._sheet.annotations.label)
        return tuple(self._sheet.labels[label] for label in annotated if not self._has_order[label])

    def of(self, limits: tuple[float, float]) -> tuple[Floats, Floats]:
        """For objects with an area within limits: precision float64[labels, IoUs, recall points], and recall
        float64[labels, IoUs, numbers of predictions]; NaN for a class that has none."""
        sheet, (least, most) = self._sheet, limits
        outside = (sheet.annotations.area < least) | (sheet.annotations.area > most)
        truth = self._truth(~outside)
        precision = np.full((len(sheet.labels), len(IOUS), len(_RECALLS)), np.nan)
        recall = np.full((len(sheet.labels), len(IOUS), len(_MOST)), np.nan)
        ordered = in_order(self._pairs, outside)
        beyond = (sheet.predictions.area < least) | (sheet.predictions.area > most)
        for place, iou in enumerate(IOUS):
            annotation, _ = matched(greedy(ordered, float(iou)), len(sheet.predictions))
            right = annotation >= 0
            counts = ~np.where(right, outside[annotation] if len(outside) else False, beyond)
            for label, rows in self._classes():
                if truth[label] and self._has_order[label]:
                    precision[label, place], recall[label, place] = self._curve(rows, right, counts, truth[label])
        return precision, recall

    def _truth(self, inside: Flags) -> Floats:
        """float64[labels]: the weights of the annotations inside."""
        true = self._sheet.annotations
        weights = self._sheet.weights[true.image[inside]]
        return np.bincount(true.label[inside], weights, minlength=len(self._sheet.labels)).astype(np.float64)

    def _classes(self) -> Iterator[tuple[int, Ints]]:
        for label in range(len(self._sheet.labels)):
            yield label, self._order[self._ends[label] : self._ends[label + 1]]

    def _curve(self, rows: Ints, right: Flags, counts: Flags, truth: float) -> tuple[Floats, Floats]:
        rows = rows[counts[rows]]
        weights = self._sheet.weights[self._sheet.predictions.image[rows]]
        hits = np.where(right[rows], weights, 0.0)
        recall = np.array([hits[self._rank[rows] < most].sum() / truth for most in _MOST])
        return precision_at_recalls(hits, weights, truth), recall


def _is_ordered(scores: Floats) -> bool:
    """Whether scores, if there are several, say what comes first."""
    return len(scores) < 2 or bool(scores.min() < scores.max())


def _rank(image: Ints, label: Ints) -> Ints:
    """int64[n]: how many predictions of the same class on the same image come before each."""
    order = np.lexsort((np.arange(len(image)), label, image))
    first = np.append(True, (np.diff(image[order]) != 0) | (np.diff(label[order]) != 0))[: len(order)]
    begins = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - begins
    return rank


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
