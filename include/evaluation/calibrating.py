"""Calibrating: learning what scores are worth from what people made of the predictions."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from include.evaluation.calibration import Calibration, ClassCalibration
from include.evaluation.curves import Floats, Kind, log_loss
from include.evaluation.fits import fit
from include.evaluation.judged import Judged
from include.evaluation.reliability import reliability, threshold
from include.projects.routing import CalibrationSettings

_FOLDS = 5
_KINDS = (Kind.IDENTITY, Kind.TEMPERATURE, Kind.PLATT, Kind.ISOTONIC)  # the simpler wins a tie


def calibrate(judged: Sequence[Judged], id_: str, annotator: str, settings: CalibrationSettings) -> Calibration:
    """Learn an annotator version's curves; the order of what was judged does not matter. The id names what it was
    learnt from.

    For each class, and for all together, the kind of curve is chosen by the held-out log loss.
    """
    rows = sorted(judged, key=lambda row: (row.image_id, row.label, row.score, row.right))
    by_class: dict[str, list[Judged]] = defaultdict(list)
    for row in rows:
        by_class[row.label].append(row)
    own = {label: _learnt(found, settings) for label, found in sorted(by_class.items()) if _is_enough(found, settings)}
    pooled = _learnt(rows, settings) if _is_enough(rows, settings) else None
    return Calibration(id_, annotator, pooled, own)


def _is_enough(rows: Sequence[Judged], settings: CalibrationSettings) -> bool:
    right = sum(row.right for row in rows)
    return len(rows) >= settings.min_support and min(right, len(rows) - right) >= settings.min_each


def _learnt(rows: Sequence[Judged], settings: CalibrationSettings) -> ClassCalibration:
    scores, right, weights = _columns(rows)
    folds = np.array([_fold(row.image_id) for row in rows])
    held_out = {kind: _held_out(kind, scores, right, weights, folds) for kind in _KINDS}
    losses = {kind: log_loss(answers, right, weights) for kind, answers in held_out.items()}
    best = min(_KINDS, key=lambda kind: losses[kind])
    curve, images = fit(best, scores, right, weights), np.array([row.image_id for row in rows])
    return ClassCalibration(
        curve=curve,
        support=len(rows),
        loss_before=losses[Kind.IDENTITY],
        loss_after=losses[best],
        before=reliability(scores, right, weights),
        after=reliability(held_out[best], right, weights),
        suggested=threshold(curve.apply(scores), right, weights, images, settings.precision, settings.min_each),
    )


def _held_out(kind: Kind, scores: Floats, right: Floats, weights: Floats, folds: np.ndarray) -> Floats:
    answers = np.empty_like(scores)
    for fold in range(_FOLDS):
        out = folds == fold
        curve = fit(kind, scores[~out], right[~out], weights[~out])
        answers[out] = curve.apply(scores[out])
    return answers


def _fold(image_id: str) -> int:
    return int(hashlib.sha256(image_id.encode()).hexdigest(), 16) % _FOLDS


def _columns(rows: Sequence[Judged]) -> tuple[Floats, Floats, Floats]:
    return (
        np.array([row.score for row in rows], dtype=np.float64),
        np.array([row.right for row in rows], dtype=np.float64),
        np.array([row.weight for row in rows], dtype=np.float64),
    )
