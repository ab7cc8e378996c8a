"""Confusion: which class was taken for which."""

from dataclasses import dataclass

import numpy as np

from include.evaluation.columns import Sheet
from include.evaluation.greedy import greedy, in_order
from include.evaluation.overlaps import Pairs


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows are the classes of annotations, columns those of predictions, both in the order of `labels`; the last row is
    predictions that are nothing, the last column annotations that nothing found. Counts are weighted."""

    labels: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]


def confusion(sheet: Sheet, pairs: Pairs, right: Pairs, iou: float) -> Confusion:
    """Count a sheet's classes: first the predictions that are right; then, of what is left, each prediction in turn
    takes the annotation of any class that it overlaps most, from this overlap on."""
    found, true, count = sheet.predictions, sheet.annotations, len(sheet.labels)
    used, taken = np.zeros(len(found), np.bool_), np.zeros(len(true), np.bool_)
    used[right.prediction], taken[right.annotation] = True, True
    others = greedy(in_order(pairs.where(~used[pairs.prediction] & ~taken[pairs.annotation])), iou)
    used[others.prediction], taken[others.annotation] = True, True
    table = np.zeros((count + 1, count + 1))
    for made in (right, others):
        weights = sheet.weights[true.image[made.annotation]]
        np.add.at(table, (true.label[made.annotation], found.label[made.prediction]), weights)
    table[count, :count] = np.bincount(found.label[~used], sheet.weights[found.image[~used]], minlength=count)
    table[:count, count] = np.bincount(true.label[~taken], sheet.weights[true.image[~taken]], minlength=count)
    return Confusion(sheet.labels, tuple(tuple(float(value) for value in row) for row in table))
