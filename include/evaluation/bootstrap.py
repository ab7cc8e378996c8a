"""Bootstrap: how sure a figure is, by drawing the images again and again.

Each image comes into a draw a number of times that is Poisson distributed with mean 1, independently of the others: for
many images that is drawing with replacement (Chamandy et al. 2012, Estimating Uncertainty for Massive Data Streams),
and images can be taken block by block. Objects of one image are not independent, so images are drawn and not objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean

import numpy as np
from scipy.sparse import csr_array

from include.evaluation.columns import Floats

DRAWS = 1000
_BLOCK = 20_000  # images drawn together: some 60 MB
_STEPS = 1 << 16
_SIDES = 1.96  # standard errors to each side: 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Interval:
    """The 95 % interval (percentiles of the draws; Efron and Tibshirani 1993), and the standard error."""

    low: float
    high: float
    error: float


def draws(counts: csr_array, weights: Floats, seed: int = 0) -> Floats:
    """Sums over images of counts[images, columns], each weighted by float64[images], in every draw: float64[draws,
    columns]. The same seed draws the same."""
    random = np.random.default_rng(seed)
    totals = np.zeros((DRAWS, counts.shape[1]))
    for start in range(0, counts.shape[0], _BLOCK):
        block = counts[start : start + _BLOCK]
        steps = random.integers(0, _STEPS, (block.shape[0], DRAWS), dtype=np.uint16)
        times = _times()[steps] * weights[start : start + _BLOCK, None].astype(np.float32)
        totals += (block.T @ times).T
    return totals


def interval(drawn: Floats) -> Interval | None:
    """The interval of a figure from its value in each draw, float64[draws]; draws in which it has none (NaN) do not
    count. None where hardly any has one."""
    known = drawn[~np.isnan(drawn)]
    if len(known) < DRAWS / 2:
        return None
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(float(low), float(high), float(known.std()))


def at_the_end(value: float, images: float) -> Interval:
    """The interval of a share that is 0 or 1 on every one of so many images: drawing them again says nothing, and
    Clopper and Pearson's exact bound (1934) does. Its other side is 0.025^(1/n) away from nothing. Of images of unequal
    weight n is Kish's effective number (1965, Survey Sampling): (sum of weights)² / sum of squared weights."""
    reach = 1 - 0.025 ** (1 / images)
    low, high = (value - reach, value) if value > 0.5 else (value, value + reach)
    return Interval(low, high, reach / _SIDES)


def harmonic(precision: Interval, recall: Interval) -> Interval:
    """The interval of F1, their harmonic mean, where both are at the same end, 0 or 1."""
    low, high = (
        2 * p * r / (p + r) if p + r else 0.0 for p, r in ((precision.low, recall.low), (precision.high, recall.high))
    )
    return Interval(low, high, (high - low) / _SIDES)


def mean_interval(found: Sequence[Interval]) -> Interval:
    """The interval of the mean of some figures, as if their errors went together: where they do not, it is wider than
    need be."""
    return Interval(*(fmean(getattr(one, name) for one in found) for name in ("low", "high", "error")))


@cache
def _times() -> np.ndarray:
    """float32[steps]: how often an image comes, by 65,536 equal steps of probability."""
    from scipy.stats import poisson  # takes a second, and who loads this file for its records does not draw

    return poisson.ppf((np.arange(_STEPS) + 0.5) / _STEPS, 1.0).astype(np.float32)
