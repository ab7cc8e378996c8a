"""Curves from a score to a probability, and how they are fitted."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
_EDGE = 1e-6  # scores of exactly 0 or 1 have no logit, and no probability is that sure


class Kind(StrEnum):
    """A kind of curve: one parameter, two, or a staircase."""

    IDENTITY = "identity"
    TEMPERATURE = "temperature"
    PLATT = "platt"
    ISOTONIC = "isotonic"


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising curve from a score in 0..1 to a probability in 0..1.

    Identity: the score. Temperature and Platt: sigmoid(slope * logit(score) + intercept), after Guo et al. (2017,
    arXiv 1706.04599; slope = 1 / T, no intercept) and Platt (1999). Isotonic: straight lines between knots (score,
    probability), after Zadrozny and Elkan (2002).
    """

    kind: Kind
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()

    def apply(self, scores: Floats) -> Floats:
        """The probabilities of n scores: float64[n]."""
        if self.kind is Kind.IDENTITY:
            return scores
        if self.kind is Kind.ISOTONIC:
            x, y = zip(*self.knots, strict=True)
            between: Floats = np.interp(scores, x, y)
            return between
        probabilities: Floats = expit(self.slope * _logits(scores) + self.intercept)
        return probabilities


def fit(kind: Kind, scores: Floats, right: Floats, weights: Floats) -> Curve:
    """The curve of a kind that fits best: scores and weights float64[n], right 0 or 1 in float64[n].

    With nothing to fit to, or nothing but right or wrong ones, it is the identity.
    """
    if kind is Kind.IDENTITY or not 0 < right.sum() < len(right):
        return Curve(Kind.IDENTITY)
    if kind is Kind.TEMPERATURE:
        return _temperature(scores, right, weights)
    return _platt(scores, right, weights) if kind is Kind.PLATT else _isotonic(scores, right, weights)


def log_loss(probabilities: Floats, right: Floats, weights: Floats) -> float:
    """The weighted mean of the log loss, in nats."""
    sure = np.clip(probabilities, _EDGE, 1 - _EDGE)
    losses = -(right * np.log(sure) + (1 - right) * np.log1p(-sure))
    return float(np.average(losses, weights=weights))


def _temperature(scores: Floats, right: Floats, weights: Floats) -> Curve:
    logits = _logits(scores)
    found = minimize_scalar(
        lambda log_slope: log_loss(expit(np.exp(log_slope) * logits), right, weights), bounds=(-4, 4), method="bounded"
    )
    return Curve(Kind.TEMPERATURE, slope=float(np.exp(found.x)))


def _platt(scores: Floats, right: Floats, weights: Floats) -> Curve:
    """With Platt's softened targets, (n + 1) / (n + 2) for right and 1 / (n + 2) for wrong ones, against overfitting:
    each row counts as right and as wrong, in these shares."""
    rights, wrongs = right.sum(), len(right) - right.sum()
    target = np.where(right == 1, (rights + 1) / (rights + 2), 1 / (wrongs + 2))
    logits = np.tile(_logits(scores), 2)[:, None]
    model = LogisticRegression(C=np.inf, max_iter=1000)
    shares = np.concatenate([weights * target, weights * (1 - target)])
    model.fit(logits, np.repeat([1, 0], len(scores)), sample_weight=shares)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:  # the scores say nothing: what is left is how often the model is right
        slope, intercept = 0.0, float(logit(np.average(target, weights=weights)))
    return Curve(Kind.PLATT, slope, intercept)


def _isotonic(scores: Floats, right: Floats, weights: Floats) -> Curve:
    model = IsotonicRegression(y_min=_EDGE, y_max=1 - _EDGE, out_of_bounds="clip")
    model.fit(scores, right, sample_weight=weights)
    knots = zip(model.X_thresholds_.tolist(), model.y_thresholds_.tolist(), strict=True)
    return Curve(Kind.ISOTONIC, knots=tuple(knots))


def _logits(scores: Floats) -> Floats:
    logits: Floats = logit(np.clip(scores, _EDGE, 1 - _EDGE))
    return logits
