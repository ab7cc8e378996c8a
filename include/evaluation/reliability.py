"""Reliability: how often predictions of a score are right, and from which score on they are right often enough."""

from dataclasses import dataclass

import numpy as np

from include.evaluation.curves import Floats

_BINS = 10
_DRAWS = 1000  # of the bootstrap


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of scores in a tenth of 0..1: their number, the mean of their scores, and the share that is right;
    both weighted."""

    count: int
    score: float
    right: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """The bins that are not empty, by rising score, and the expected calibration error: the mean distance between
    score and share right, weighted (Naeini et al. 2015, AAAI; Guo et al. 2017, arXiv 1706.04599)."""

    bins: tuple[Bin, ...]
    error: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """From this score on, predictions are right with the wanted precision; with its 95 % interval (bootstrap by image)
    and the share of all predictions that it takes."""

    score: float
    precision: float
    low: float
    high: float
    share: float


def reliability(scores: Floats, right: Floats, weights: Floats) -> Reliability:
    """Ten bins of equal width: scores and weights float64[n], right 0 or 1 in float64[n]."""
    places = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    bins, error = [], 0.0
    for place in np.unique(places):
        here = places == place
        score = float(np.average(scores[here], weights=weights[here]))
        share = float(np.average(right[here], weights=weights[here]))
        bins.append(Bin(int(here.sum()), score, share))
        error += abs(score - share) * float(weights[here].sum() / weights.sum())
    return Reliability(tuple(bins), error)


def threshold(
    scores: Floats, right: Floats, weights: Floats, images: np.ndarray, precision: float, least: int = 1, seed: int = 0
) -> Threshold | None:
    """The lowest score from which on the weighted precision is the wanted one; None where no score reaches it with
    `least` predictions.

    `images` says of which image each of n predictions is: the bootstrap draws images (Efron and Tibshirani 1993).
    """
    order = np.argsort(-scores, kind="stable")
    taken, hits = np.cumsum(weights[order]), np.cumsum((weights * right)[order])
    last_of_score = np.append(np.diff(scores[order]) != 0, True)  # predictions of one score come together
    enough = np.arange(1, len(scores) + 1) >= least
    reached = np.flatnonzero(last_of_score & enough & (hits / taken >= precision))
    if not len(reached):
        return None
    score = float(scores[order][reached[-1]])
    chosen = scores >= score
    low, high = _interval(right[chosen], weights[chosen], images[chosen], seed)
    found = float(np.average(right[chosen], weights=weights[chosen]))
    return Threshold(score, found, low, high, float(weights[chosen].sum() / weights.sum()))


def _interval(right: Floats, weights: Floats, images: np.ndarray, seed: int) -> tuple[float, float]:
    _, owner = np.unique(images, return_inverse=True)
    hits = np.bincount(owner, weights * right)
    taken = np.bincount(owner, weights)
    random = np.random.default_rng(seed)
    draws = (random.integers(0, len(taken), len(taken)) for _ in range(_DRAWS))  # one at a time: images may be many
    low, high = np.percentile([hits[drawn].sum() / taken[drawn].sum() for drawn in draws], [2.5, 97.5])
    return float(low), float(high)
