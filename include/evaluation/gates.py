"""Gates: what an annotator's figures must reach, by class, absolutely or against the baseline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from include.evaluation.bootstrap import Interval
from include.evaluation.detection import Figures


class Standing(StrEnum):
    """What a gate says."""

    PASSED = "passed"
    UNSURE = "unsure"  # the figure is on the wrong side, the interval is on both
    FAILED = "failed"  # the whole interval is on the wrong side
    TOO_FEW = "too few"  # of less than the minimum support nothing is told


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure (precision, recall or f1) of a class (or micro, macro, or each) that must be at least so high, or must
    not be lower than the baseline's by more than so much."""

    figure: str
    label: str
    at_least: float | None = None
    drop_at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says of one class: the figure with its interval, the limit it is held against, and where the gate is
    relative the baseline's figure and the interval of the difference."""

    gate: Gate
    label: str
    standing: Standing
    value: float | None
    interval: Interval | None
    support: int
    baseline: float | None = None
    difference: tuple[float, float] | None = None
    sentence: str = ""


def difference(value: float, own: Interval, other: float, others: Interval) -> tuple[float, float]:
    """The 95 % interval of value - other, of figures from different images: their errors add up as squares."""
    spread = 1.96 * math.hypot(own.error, others.error)
    return value - other - spread, value - other + spread


def judge(figures: Figures, baseline: Figures | None, gates: Sequence[Gate], min_support: int) -> tuple[Verdict, ...]:
    """What the gates say; a relative one says nothing where there is no baseline."""
    raise NotImplementedError
