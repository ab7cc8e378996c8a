"""What would be won without each type of error, after TIDE (Bolya et al. 2020, arXiv 2008.08115, section 2.2).

For each type the predictions are mended, that type alone, and the mean average precision at the evaluation's IoU is
computed again; how much more it is than before says how much the type matters:
- classification: the prediction gets the right class; localization: it gets the right place. Where the annotation that
  it overlaps most is found already, or by another mended one of higher score, the prediction is taken away instead
- both, duplicate, background: the prediction is taken away
- missed: the annotation is taken away
"""

from dataclasses import dataclass

import numpy as np

from include.evaluation.average_precision import precision_at_recalls
from include.evaluation.columns import Flags, Floats, Ints, Sheet
from include.evaluation.errors import NAMES, Errors, ErrorTypes, errors_of
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
    errors = errors_of(sheet, pairs, right, iou)
    base = _State(np.ones(len(found), np.bool_), errors.kind == 0, found.label, np.ones(len(true), np.bool_))
    before = _mean_precision(sheet, base)
    gains = []
    for kind, name in enumerate(NAMES, start=1):
        if name == "missed":
            state = _State(base.is_in, base.right, base.label, ~errors.missed)
        elif kind in (_CLASSIFICATION, _LOCALIZATION):
            state = _mended(sheet, base, errors, kind)
        else:
            state = _State(errors.kind != kind, base.right, base.label, base.wanted)
        gains.append(max(_mean_precision(sheet, state) - before, 0.0))
    return ErrorTypes(**dict(zip(NAMES, gains, strict=True)))


def _mended(sheet: Sheet, base: _State, errors: Errors, kind: int) -> _State:
    """With the predictions of that error right, each as the annotation that it would find; of several the first, which
    in an image has the highest score."""
    chosen = errors.kind == kind
    rows = np.flatnonzero(chosen & (errors.target >= 0))
    targets, first = np.unique(errors.target[rows], return_index=True)
    mended = rows[first]
    is_in, right, label = base.is_in & ~chosen, base.right.copy(), base.label.copy()
    is_in[mended], right[mended], label[mended] = True, True, sheet.annotations.label[targets]
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
