"""Gates: what an annotator's figures must reach, by class, absolutely or against the baseline."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean

from include.evaluation.bootstrap import Interval, mean_interval
from include.evaluation.detection import Figures, Scores
from include.projects.gates import EACH, MACRO, MICRO, FigureGate

_SIDES = 1.96  # standard errors to each side of a figure: 95 % of a normal distribution
FEW_IMAGES = 5  # objects of one image are alike: of fewer images, an interval says too much
_EVEN = 1e-9  # 0.82 - 0.77 is not 0.05 in binary


class Standing(StrEnum):
    """What a gate says."""

    PASSED = "passed"
    UNSURE = "unsure"  # the figure is on the wrong side, the interval is on both
    FAILED = "failed"  # the whole interval is on the wrong side
    TOO_FEW = "too few"  # of less than the minimum support nothing is told


@dataclass(frozen=True, slots=True)
class Baseline:
    """The annotator version (`name@version`) that others are held against, and its figures."""

    annotator: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate says of one class (or micro, or macro): the figure with its interval, and where the gate is relative
    the baseline's figure and the 95 % interval of the difference, all in 0..1 and -1..1. The sentence says it all."""

    gate: FigureGate
    label: str
    standing: Standing
    value: float | None
    interval: Interval | None
    support: int
    baseline: float | None = None
    difference: tuple[float, float] | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A figure of a class, with what it comes from: so many annotations (precision: predictions), on so many images."""

    value: float
    interval: Interval
    support: int
    images: int

    def is_enough(self, min_support: int) -> bool:
        """Whether something can be told by it."""
        return self.support >= min_support and self.images >= FEW_IMAGES


def difference(value: float, own: Interval, other: float, others: Interval) -> tuple[float, float]:
    """The 95 % interval of value - other, of figures from different images: their errors add up as squares."""
    spread = _SIDES * math.hypot(own.error, others.error)
    return value - other - spread, value - other + spread


def judge(
    figures: Figures, baseline: Baseline | None, gates: Sequence[FigureGate], min_support: int
) -> tuple[Verdict, ...]:
    """What the gates say of figures, a verdict a class; the baseline's come from other images.

    A gate fails only where the whole interval is beyond the limit. Of less than `min_support` annotations (precision:
    predictions) or of five images, here or in the baseline, nothing is told. A macro gate is about the mean over the
    classes of which there is enough, here and in the baseline. A relative gate says nothing where there is no baseline.
    """
    return tuple(_verdicts(figures, baseline, gates, min_support))


def _verdicts(
    figures: Figures, baseline: Baseline | None, gates: Sequence[FigureGate], min_support: int
) -> Iterator[Verdict]:
    for gate in gates:
        if gate.drop_at_most is not None and baseline is None:
            continue
        for label in sorted(figures.by_class) if gate.label == EACH else [gate.label]:
            verdict = _verdict(gate, label, figures, baseline, min_support)
            yield replace(verdict, sentence=_sentence(verdict, baseline, min_support))


def _verdict(gate: FigureGate, label: str, figures: Figures, baseline: Baseline | None, min_support: int) -> Verdict:
    against = figures if baseline is None or gate.drop_at_most is None else baseline.figures
    if gate.label == MACRO:
        own, other = _means(figures, against, gate.figure, min_support)
    else:
        own, other = (_measured(_scores(one, gate, label), gate.figure) for one in (figures, against))
    if own is None:
        return Verdict(gate, label, Standing.TOO_FEW, None, None, 0)
    told = Verdict(gate, label, Standing.TOO_FEW, own.value, own.interval, own.support)
    if other is None or not own.is_enough(min_support) or not other.is_enough(min_support):
        return told
    if gate.at_least is not None:
        return replace(told, standing=_standing(own.value - gate.at_least, own.interval.high - gate.at_least))
    low, high = difference(own.value, own.interval, other.value, other.interval)
    allowed = gate.drop_at_most or 0.0
    standing = _standing(own.value - other.value + allowed, high + allowed)
    return replace(told, standing=standing, baseline=other.value, difference=(low, high))


def _standing(beyond: float, at_best: float) -> Standing:
    """By how far the figure, and the upper end of its interval, are above the limit."""
    if beyond >= -_EVEN:
        return Standing.PASSED
    return Standing.FAILED if at_best < -_EVEN else Standing.UNSURE


def _scores(figures: Figures, gate: FigureGate, label: str) -> Scores | None:
    return figures.micro if gate.label == MICRO else figures.by_class.get(label)


def _measured(scores: Scores | None, figure: str) -> _Measured | None:
    """None where there is no such figure."""
    if scores is None:
        return None
    value, interval = getattr(scores.rates, figure), getattr(scores.intervals, figure)
    if value is None or interval is None:
        return None
    if figure == "precision":
        return _Measured(value, interval, scores.predictions, scores.images_predicted)
    return _Measured(value, interval, scores.support, scores.images)


def _means(
    figures: Figures, against: Figures, figure: str, min_support: int
) -> tuple[_Measured, _Measured] | tuple[None, None]:
    """The means over the classes of which both have enough; None where there is no such class."""
    own, other = [], []
    for label, scores in figures.by_class.items():
        one, two = _measured(scores, figure), _measured(against.by_class.get(label), figure)
        if one and two and one.is_enough(min_support) and two.is_enough(min_support):
            own.append(one)
            other.append(two)
    return (_mean(own), _mean(other)) if own else (None, None)


def _mean(found: Sequence[_Measured]) -> _Measured:
    return _Measured(
        value=fmean(one.value for one in found),
        interval=mean_interval([one.interval for one in found]),
        support=sum(one.support for one in found),
        images=min(one.images for one in found),
    )


def _sentence(verdict: Verdict, baseline: Baseline | None, min_support: int) -> str:
    name = f"{_FIGURES[verdict.gate.figure]} of {_CLASSES.get(verdict.gate.label, repr(verdict.label))}"
    if verdict.standing is Standing.TOO_FEW:
        return f"{name} is not judged: {_too_few(verdict, baseline, min_support)}"
    value, interval = verdict.value or 0.0, verdict.interval or Interval(0, 0, 0)
    measured = f"{value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
    if verdict.gate.at_least is not None:
        return f"{name} is {measured}; at least {verdict.gate.at_least:.2f} is wanted"
    against, (low, high) = verdict.baseline or 0.0, verdict.difference or (0.0, 0.0)
    side = f"{abs(value - against):.2f} {'below' if value < against else 'above'}"
    other = f"the baseline {baseline.annotator if baseline else ''}'s {against:.2f} ({_range(low, high)})"
    return f"{name} on new images is {measured}, {side} {other}; at most {verdict.gate.drop_at_most:.2f} is allowed"


_FIGURES = {"precision": "precision", "recall": "recall", "f1": "F1"}
_CLASSES = {MICRO: "all objects", MACRO: "the mean of classes with enough support"}


def _too_few(verdict: Verdict, baseline: Baseline | None, min_support: int) -> str:
    objects = "predictions" if verdict.gate.figure == "precision" else "objects"
    needed = f"{min_support} on {FEW_IMAGES} images are needed"
    against = f"the baseline {baseline.annotator}" if baseline and verdict.gate.drop_at_most is not None else ""
    if verdict.gate.label == MACRO:
        return f"of no class people reviewed enough {objects}{against and f', here and of {against}'}: {needed}"
    if verdict.support < min_support or not against:
        where = f"on images that {against} was not measured on, " if against else ""
        return f"{where}people reviewed {verdict.support} {objects}, and {needed}"
    return f"of it, or of {against}, people reviewed too few {objects}: {needed}"


def _range(low: float, high: float) -> str:
    if high < 0:
        return f"{-high:.2f} to {-low:.2f} lower"
    if low > 0:
        return f"{low:.2f} to {high:.2f} higher"
    return f"from {-low:.2f} lower to {high:.2f} higher"
