"""Error types after TIDE (Bolya et al. 2020, arXiv 2008.08115): why predictions are wrong.

A prediction that is not right is of one type, the first of these that fits:
- localization: of the annotations of its class, the one that it overlaps most is some of it, yet not enough
- classification: of the others, the one that it overlaps most is enough
- duplicate: of the annotations of its class, the one that it overlaps most is enough; a surer prediction has it
- both: some of an annotation of another class
- background: none
Enough is the evaluation's IoU; some is TIDE's 0.1. The order is that of TIDE's program.

A localization or classification error, mended, would find the one annotation that it overlaps most, where that is
free. An annotation that no prediction found, and no mended one would find, is missed. Tags, which TIDE has not, overlap
all tags of their image: as the confusion matrix does, a wrong one takes one of another class that is free, each its
own, and where none is left, nothing is there.
"""

from dataclasses import dataclass, fields

import numpy as np

from include.evaluation.columns import Flags, Floats, Ints, Kind, Sheet
from include.evaluation.greedy import JUST_BELOW_ONE, greedy, in_order, matched
from include.evaluation.overlaps import Pairs, joined


@dataclass(frozen=True, slots=True)
class ErrorTypes:
    """A number for each type: how many there are in all finished images (weighted), or what would be won without."""

    classification: float
    localization: float
    both: float
    duplicate: float
    background: float
    missed: float


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """The type of each prediction's error, int64[predictions]: its place among the fields of `ErrorTypes` from 1, or 0
    where it is right; the annotation that it would find were it mended, int64[predictions], -1 for none; and which
    annotations are missed, bool[annotations]."""

    kind: Ints
    target: Ints
    missed: Flags


def error_types(sheet: Sheet, pairs: Pairs, right: Pairs, iou: float) -> ErrorTypes:
    """Count the errors of a sheet with its pairs, of which some are right."""
    errors = errors_of(sheet, pairs, right, iou)
    by_type = np.bincount(errors.kind, sheet.weights[sheet.predictions.image], minlength=len(NAMES))
    lost = sheet.weights[sheet.annotations.image[errors.missed]].sum()
    counts = [*by_type[1:].tolist(), float(lost)]
    return ErrorTypes(**dict(zip(NAMES, counts, strict=True)))


def errors_of(sheet: Sheet, pairs: Pairs, right: Pairs, iou: float) -> Errors:
    """What is wrong with each prediction and annotation of a sheet with its pairs, of which some are right."""
    found, true, enough = sheet.predictions, sheet.annotations, min(iou, JUST_BELOW_ONE)
    is_right = matched(right, len(found))[0] >= 0
    taken = np.zeros(len(true), np.bool_)
    taken[right.annotation] = True
    open_ = pairs.where(~is_right[pairs.prediction])
    same = found.label[open_.prediction] == true.label[open_.annotation]
    near, of_same = _best(open_.where(same), len(found))
    stranger, of_other = _best(_others(sheet, open_.where(~same), taken, iou), len(found))
    is_loose, is_other = (of_same > 0) & (of_same < enough), of_other >= enough
    kind = np.select([is_right, is_loose, is_other, of_same >= enough, of_other > 0], [0, 2, 1, 4, 3], default=5)
    target = np.select([is_loose, is_other], [near, stranger], default=-1)
    target[np.isin(target, right.annotation)] = -1
    missed = ~taken
    missed[target[target >= 0]] = False
    return Errors(kind.astype(np.int64), target.astype(np.int64), missed)


def _others(sheet: Sheet, pairs: Pairs, taken: Flags, iou: float) -> Pairs:
    """Those of these pairs, which are of two classes, that may be an error: of tags, each prediction's own."""
    are_tags = sheet.predictions.kind[pairs.prediction] == Kind.TAG
    tags = greedy(in_order(pairs.where(are_tags & ~taken[pairs.annotation])), iou)
    return joined([pairs.where(~are_tags), tags])


def _best(pairs: Pairs, predictions: int) -> tuple[Ints, Floats]:
    """int64[predictions]: the annotation that each overlaps most, of equal ones the first, -1 for none;
    float64[predictions]: how much, 0 for none."""
    annotation, best = np.full(predictions, -1, np.int64), np.zeros(predictions)
    np.maximum.at(best, pairs.prediction, pairs.overlap)
    most = pairs.where(pairs.overlap == best[pairs.prediction])
    annotation[most.prediction[::-1]] = most.annotation[::-1]  # of equal places the last that is written stays
    return annotation, best


NAMES = tuple(one.name for one in fields(ErrorTypes))
