"""What would be won without each type of error, after TIDE (Bolya et al. 2020, arXiv 2008.08115, section 2.2).

For each type the predictions are mended, that type alone, and the mean average precision at the evaluation's IoU is
computed again; how much more it is than before says how much the type matters:
- classification: the prediction gets the right class; localization: it gets the right place. Where the annotation is
  found already, or by another mended one of higher score, the prediction is taken away instead
- both, duplicate, background: the prediction is taken away
- missed: the annotation is taken away
"""

from dataclasses import dataclass

import numpy as np

from include.evaluation.average_precision import precision_at_recalls
from include.evaluation.columns import Flags, Floats, Ints, Sheet
from include.evaluation.errors import NAMES, ErrorTypes, kinds_of_errors
from include.evaluation.greedy import matched
from include.evaluation.overlaps import Pairs

_CLASSIFICATION, _LOCALIZATION = 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Of predictions: whether they count, whether they are right, and as which class; and which annotations count."""

    is_in: Flags
    right: Flags
    label: Ints
    wanted: Flags


def won(sheet: Sheet, pairs: Pairs, right: Pairs, iou: float) -> ErrorTypes | None:
    """By how much mean average precision would be higher without each type of error, in 0..1; None where all scores are
    equal, or nothing is annotated: there is no average precision then."""
    found, true = sheet.predictions, sheet.annotations
    if not len(true) or not len(found) or found.score.min() == found.score.max():
        return None
    kinds, missed = kinds_of_errors(sheet, pairs, right, iou)
    is_right = matched(right, len(found))[0] >= 0
    taken = np.zeros(len(true), np.bool_)
    taken[right.annotation] = True
    base = _State(np.ones(len(found), np.bool_), is_right, found.label, np.ones(len(true), np.bool_))
    before = _mean_precision(sheet, base)
    gains = []
    for kind, name in enumerate(NAMES, start=1):
        if name == "missed":
            state = _State(base.is_in, base.right, base.label, ~missed)
        elif kind in (_CLASSIFICATION, _LOCALIZATION):
            state = _mended(sheet, pairs, base, kinds == kind, taken, same=kind == _LOCALIZATION)
        else:
            state = _State(kinds != kind, base.right, base.label, base.wanted)
        gains.append(max(_mean_precision(sheet, state) - before, 0.0))
    return ErrorTypes(**dict(zip(NAMES, gains, strict=True)))


def _mended(sheet: Sheet, pairs: Pairs, base: _State, chosen: Flags, taken: Flags, *, same: bool) -> _State:
    """With the chosen predictions right, each as the annotation that it overlaps most (of its class, or of others)."""
    found, true = sheet.predictions, sheet.annotations
    of_class = found.label[pairs.prediction] == true.label[pairs.annotation]
    mine = pairs.where(chosen[pairs.prediction] & (of_class == same))
    mine = mine.where(np.lexsort((-mine.overlap, mine.prediction)))
    rows, first = np.unique(mine.prediction, return_index=True)
    targets = mine.annotation[first]
    by_score = np.argsort(-found.score[rows], kind="stable")
    _, earliest = np.unique(targets[by_score], return_index=True)
    mended = by_score[earliest]
    mended = mended[~taken[targets[mended]]]
    is_in, right, label = base.is_in & ~chosen, base.right.copy(), base.label.copy()
    is_in[rows[mended]], right[rows[mended]] = True, True
    label[rows[mended]] = true.label[targets[mended]]
    return _State(is_in, right, label, base.wanted)


def _mean_precision(sheet: Sheet, state: _State) -> float:
    """Over the classes that have annotations; 0 without any."""
    found, true = sheet.predictions, sheet.annotations
    count = len(sheet.labels)
    truth = np.bincount(true.label[state.wanted], sheet.weights[true.image[state.wanted]], minlength=count)
    rows = np.flatnonzero(state.is_in)
    rows = rows[np.lexsort((-found.score[rows], state.label[rows]))]
    ends = np.searchsorted(state.label[rows], np.arange(count + 1))
    weights: Floats = sheet.weights[found.image]
    values = []
    for label in np.flatnonzero(truth > 0):
        mine = rows[ends[label] : ends[label + 1]]
        hits = np.where(state.right[mine], weights[mine], 0.0)
        values.append(float(precision_at_recalls(hits, weights[mine], float(truth[label])).mean()))
    return float(np.mean(values)) if values else 0.0
