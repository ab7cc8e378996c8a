"""Matching of many: COCO's greedy matching of predictions with annotations, for all images at once."""

import numpy as np

from include.evaluation.columns import Flags, Floats, Ints
from include.evaluation.overlaps import Pairs, joined

JUST_BELOW_ONE = 1 - 1e-10  # COCO's: an IoU of exactly 1 must survive rounding


def in_order(pairs: Pairs, ignored: Flags | None = None) -> Pairs:
    """Pairs in the order in which `greedy` wants them: by prediction, and for each the annotation that it takes first:
    one that is not ignored (bool[annotations]), then the one of greatest overlap, then the last."""
    last = np.zeros(len(pairs), np.bool_) if ignored is None else ignored[pairs.annotation]
    return pairs.where(np.lexsort((-pairs.annotation, -pairs.overlap, last, pairs.prediction)))


def greedy(pairs: Pairs, threshold: float) -> Pairs:
    """The pairs that COCO's matching makes of these, which are `in_order`: each prediction of an image in turn, the
    highest score first, takes the free annotation that it wants most if their overlap reaches the threshold.

    All images are matched in rounds: a prediction's choice is final when no earlier one that is still to choose may
    want the same annotation. The first to choose of each group always is, so that there is an end. Pairs that must not
    match, for having different labels, are not among those given. Source: `evaluateImg` in pycocotools' cocoeval,
    without crowds.
    """
    left = pairs.where(pairs.overlap >= min(threshold, JUST_BELOW_ONE))
    made: list[Pairs] = []
    while len(left):
        first = np.append(True, left.prediction[1:] != left.prediction[:-1])  # each prediction's wish
        final = np.zeros(len(left), np.bool_)
        final[first] = _earliest(left)[left.annotation[first]] == left.prediction[first]
        chosen = left.where(final)
        made.append(chosen)
        gone = _is_in(left.prediction, chosen.prediction) | _is_in(left.annotation, chosen.annotation)
        left = left.where(~gone)
    return joined(made)


def _earliest(pairs: Pairs) -> Ints:
    """int64[annotations]: the earliest prediction that may want each."""
    earliest = np.full(int(pairs.annotation.max()) + 1, np.iinfo(np.int64).max)
    earliest[pairs.annotation[::-1]] = pairs.prediction[::-1]  # of equal places the last that is written stays
    return earliest


def _is_in(rows: Ints, chosen: Ints) -> Flags:
    marks = np.zeros(int(rows.max()) + 1, np.bool_)
    marks[chosen] = True
    found: Flags = marks[rows]
    return found


def matched(made: Pairs, predictions: int) -> tuple[Ints, Floats]:
    """int64[predictions]: each prediction's annotation, -1 for none; float64[predictions]: their overlap, 0 for
    none."""
    annotation, overlap = np.full(predictions, -1, np.int64), np.zeros(predictions)
    annotation[made.prediction], overlap[made.prediction] = made.annotation, made.overlap
    return annotation, overlap
