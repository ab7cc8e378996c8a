"""Curves from a score to a probability."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EDGE = 1e-6  # scores of exactly 0 or 1 have no logit, and no probability is that sure


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
        probabilities: Floats = sigmoid(self.slope * logit(scores) + self.intercept)
        return probabilities


def log_loss(probabilities: Floats, right: Floats, weights: Floats) -> float:
    """The weighted mean of the log loss, in nats."""
    sure = np.clip(probabilities, EDGE, 1 - EDGE)
    losses = -(right * np.log(sure) + (1 - right) * np.log1p(-sure))
    return float(np.average(losses, weights=weights))


def logit(probabilities: Floats) -> Floats:
    """log(p / (1 - p)) of n probabilities, float64[n], of which none counts as surer than 1e-6 from certain."""
    sure = np.clip(probabilities, EDGE, 1 - EDGE)
    logits: Floats = np.log(sure) - np.log1p(-sure)
    return logits


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), float64[n], which does not overflow."""
    probabilities: Floats = np.exp(-np.logaddexp(0, -logits))
    return probabilities
