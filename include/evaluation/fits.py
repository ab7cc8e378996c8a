"""How curves are fitted to what people judged."""

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from include.evaluation.curves import EDGE, Curve, Floats, Kind, log_loss, logit, sigmoid


def fit(kind: Kind, scores: Floats, right: Floats, weights: Floats) -> Curve:
    """The curve of a kind that fits best: scores and weights float64[n], right 0 or 1 in float64[n].

    With nothing to fit to, or nothing but right or wrong ones, it is the identity.
    """
    if kind is Kind.IDENTITY or not 0 < right.sum() < len(right):
        return Curve(Kind.IDENTITY)
    if kind is Kind.TEMPERATURE:
        return _temperature(scores, right, weights)
    return _platt(scores, right, weights) if kind is Kind.PLATT else _isotonic(scores, right, weights)


def _temperature(scores: Floats, right: Floats, weights: Floats) -> Curve:
    logits = logit(scores)

    def loss(log_slope: float) -> float:
        return log_loss(sigmoid(np.exp(log_slope) * logits), right, weights)

    found = minimize_scalar(loss, bounds=(-4, 4), method="bounded")
    return Curve(Kind.TEMPERATURE, slope=float(np.exp(found.x)))


def _platt(scores: Floats, right: Floats, weights: Floats) -> Curve:
    """With Platt's softened targets, (n + 1) / (n + 2) for right and 1 / (n + 2) for wrong ones, against overfitting:
    each row counts as right and as wrong, in these shares."""
    rights, wrongs = right.sum(), len(right) - right.sum()
    target = np.where(right == 1, (rights + 1) / (rights + 2), 1 / (wrongs + 2))
    logits = np.tile(logit(scores), 2)[:, None]
    model = LogisticRegression(C=np.inf, max_iter=1000)
    shares = np.concatenate([weights * target, weights * (1 - target)])
    model.fit(logits, np.repeat([1, 0], len(scores)), sample_weight=shares)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:  # the scores say nothing: what is left is how often the model is right
        slope, intercept = 0.0, float(logit(np.average(target, weights=weights)))
    return Curve(Kind.PLATT, slope, intercept)


def _isotonic(scores: Floats, right: Floats, weights: Floats) -> Curve:
    model = IsotonicRegression(y_min=EDGE, y_max=1 - EDGE, out_of_bounds="clip")
    model.fit(scores, right, sample_weight=weights)
    knots = zip(model.X_thresholds_.tolist(), model.y_thresholds_.tolist(), strict=True)
    return Curve(Kind.ISOTONIC, knots=tuple(knots))
