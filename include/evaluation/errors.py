"""Error types after TIDE (Bolya et al. 2020, arXiv 2008.08115): why predictions are wrong.

A prediction that is not right is of one type, the first of these that fits, by its overlap with annotations:
- classification: enough with one of another class (and no part of another prediction's match)
- localization: some with one of its class, yet not enough
- both: some with one of another class
- duplicate: enough with one of its class that a prediction of higher score has
- background: with none
An annotation that no prediction found, and none of these errors would find, is missed. Enough is the evaluation's IoU;
some is TIDE's 0.1.
"""

from dataclasses import dataclass, fields

import numpy as np

from include.evaluation.columns import Flags, Floats, Ints, Sheet
from include.evaluation.greedy import matched
from include.evaluation.overlaps import Pairs


@dataclass(frozen=True, slots=True)
class ErrorTypes:
    """A number for each type: how many there are in all finished images (weighted), or what would be won without."""

    classification: float
    localization: float
    both: float
    duplicate: float
    background: float
    missed: float


def error_types(sheet: Sheet, pairs: Pairs, right: Pairs, iou: float) -> ErrorTypes:
    """Count the errors of a sheet with its pairs, of which some are right."""
    names, missed = kinds_of_errors(sheet, pairs, right, iou)
    by_type = np.bincount(names, sheet.weights[sheet.predictions.image], minlength=len(NAMES))
    lost = sheet.weights[sheet.annotations.image[missed]].sum()
    counts = [*by_type[1:].tolist(), float(lost)]
    return ErrorTypes(**dict(zip(NAMES, counts, strict=True)))


def kinds_of_errors(sheet: Sheet, pairs: Pairs, right: Pairs, iou: float) -> tuple[Ints, Flags]:
    """The type of each prediction's error, int64[predictions]: its place among the fields of `ErrorTypes` from 1, or 0
    where it is right; and which annotations are missed, bool[annotations]."""
    found, true = sheet.predictions, sheet.annotations
    is_right = matched(right, len(found))[0] >= 0
    taken = np.zeros(len(true), np.bool_)
    taken[right.annotation] = True
    open_ = pairs.where(~is_right[pairs.prediction])
    same = found.label[open_.prediction] == true.label[open_.annotation]
    enough = open_.overlap >= iou
    free = ~taken[open_.annotation]
    best_same, best_other = _best(open_.where(same), len(found)), _best(open_.where(~same), len(found))
    best_used = _best(open_.where(same & enough & ~free), len(found))
    names = np.select(
        [is_right, best_other >= iou, (best_same > 0) & (best_same < iou), best_used >= iou, best_other > 0],
        [0, 1, 2, 4, 3],
        default=5,
    )
    helped = open_.where((~same & enough) | (same & ~enough)).annotation  # another class or place would find them
    missed = ~taken
    missed[helped] = False
    return names.astype(np.int64), missed


def _best(pairs: Pairs, predictions: int) -> Floats:
    """float64[predictions]: the greatest overlap of each, 0 where it has none."""
    best = np.zeros(predictions)
    np.maximum.at(best, pairs.prediction, pairs.overlap)
    return best


NAMES = tuple(one.name for one in fields(ErrorTypes))
