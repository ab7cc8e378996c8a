"""Charts: what is to be drawn, as numbers. A browser draws them, or `plots.py`; a table says the same in words."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum

from include.evaluation.calibration import Calibration
from include.evaluation.detection import Figures, Scores
from include.evaluation.errors import ErrorTypes
from include.evaluation.outcomes import Outcome, OutcomeCounts
from include.evaluation.reliability import Reliability
from include.evaluation.snapshot import AnnotatorState
from include.evaluation.timeline import Period
from include.pages.formats import UNKNOWN, count, figure

PANELS = 8  # of small charts side by side: all classes, and those with most annotations
_VERSIONS = 6  # that can be told apart in one chart
_ROWS = 20  # of bars in one chart
ALL = "all classes"


class Kind(StrEnum):
    """How a chart is drawn."""

    LINES = "lines"  # figures in 0..1 with their intervals, by day
    BARS = "bars"  # numbers by name, the series one after another in a bar
    CURVE = "curve"  # of score and share right, both in 0..1


@dataclass(frozen=True, slots=True)
class Point:
    """A value, where it is on the other axis, its interval, and whether too few annotations stand behind it."""

    x: str | float
    y: float | None
    low: float | None = None
    high: float | None = None
    few: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one name."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its id is unique on a page."""

    id: str
    kind: Kind
    title: str
    x: str
    y: str
    series: tuple[Series, ...]

    @property
    def names(self) -> tuple[str | float, ...]:
        """What is on the x axis, in order."""
        found = dict.fromkeys(point.x for one in self.series for point in one.points)
        return tuple(sorted(found)) if self.kind is Kind.LINES else tuple(found)

    @property
    def table(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """A heading and rows that say the same."""
        rows: list[tuple[str, ...]]
        if self.kind is Kind.CURVE:
            rows = [(one.name, figure(float(p.x)), figure(p.y)) for one in self.series for p in one.points]
            return ("", self.x, self.y), rows
        by_series = [{point.x: point for point in one.points} for one in self.series]
        form = figure if self.kind is Kind.LINES else count
        rows = [(str(name), *(_cell(found.get(name), form) for found in by_series)) for name in self.names]
        return (self.x, *(one.name for one in self.series)), rows


def timeline_charts(versions: Iterable[AnnotatorState], min_support: int) -> tuple[Chart, ...]:
    """F1 by day or week: a chart for all classes and one for each of those with most annotations; in each a line a
    version, the oldest first."""
    newest = [one.evaluation for one in versions if one.evaluation.timeline][:_VERSIONS]
    if not newest:
        return ()
    labels: list[str | None] = [None, *_most(newest[0].figures)[: PANELS - 1]]
    return tuple(
        Chart(
            id=f"timeline-{place}",
            kind=Kind.LINES,
            title=ALL if label is None else label,
            x="since",
            y="F1",
            series=tuple(
                Series(one.annotator, tuple(_in(period, label, min_support) for period in one.timeline))
                for one in reversed(newest)
            ),
        )
        for place, label in enumerate(labels)
    )


def error_chart(errors: ErrorTypes) -> Chart:
    """How many errors of each type there are."""
    points = tuple(Point(one.name, getattr(errors, one.name)) for one in fields(errors))
    return Chart("errors", Kind.BARS, "Errors by type", "type", "errors", (Series("errors", points),))


def outcome_chart(id_: str, title: str, x: str, counts: Mapping[str, OutcomeCounts]) -> Chart:
    """What people did with predictions, by class or person: those with most of them."""
    by_name = {name: asdict(one) for name, one in counts.items()}
    names = sorted(by_name, key=lambda name: -sum(by_name[name].values()))[:_ROWS]
    series = tuple(
        Series(outcome.value, tuple(Point(name, by_name[name][outcome.value]) for name in names)) for outcome in Outcome
    )
    return Chart(id_, Kind.BARS, title, x, "objects", series)


def reliability_charts(calibration: Calibration) -> tuple[Chart, ...]:
    """How often predictions of a score are right, before and after calibration: for all classes and for those that have
    a curve of their own, the ones with most predictions."""
    found = sorted(calibration.by_class.items(), key=lambda one: (-one[1].support, one[0]))[: PANELS - 1]
    rows = ([(ALL, calibration.pooled)] if calibration.pooled else []) + found
    return tuple(
        Chart(
            id=f"reliability-{place}",
            kind=Kind.CURVE,
            title=label,
            x="score",
            y="share right",
            series=(_bins("before", one.before), _bins("after", one.after)),
        )
        for place, (label, one) in enumerate(rows)
    )


def _most(figures: Figures) -> list[str]:
    """Classes by falling support."""
    return sorted(figures.by_class, key=lambda label: (-figures.by_class[label].support, label))


def _in(period: Period, label: str | None, min_support: int) -> Point:
    scores: Scores | None = period.figures.micro if label is None else period.figures.by_class.get(label)
    day = period.first.isoformat()
    if scores is None:
        return Point(day, None)
    found = scores.intervals.f1
    interval = found if found and found.low < found.high else None  # all images alike: nothing says how sure it is
    return Point(
        day,
        scores.rates.f1,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        few=scores.support < min_support,
    )


def _bins(name: str, reliability: Reliability) -> Series:
    return Series(name, tuple(Point(one.score, one.right) for one in reliability.bins))


def _cell(point: Point | None, form: Callable[[float], str]) -> str:
    if point is None or point.y is None:
        return UNKNOWN
    between = "" if point.low is None else f" ({figure(point.low)}–{figure(point.high)})"
    return f"{form(point.y)}{between}{', few' if point.few else ''}"
