"""A view: what of a snapshot a page shows, chosen and put in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from include.evaluation.confusion import Confusion
from include.evaluation.detection import Scores
from include.evaluation.drawing import Drawing
from include.evaluation.lint import Finding
from include.evaluation.snapshot import AnnotatorState, FunnelStage, Snapshot, StageCount
from include.evaluation.worst import Mark, WorstImage
from include.pages.charts import ALL, Chart, error_chart, outcome_chart, reliability_charts, timeline_charts

_CLASSES = 14  # of a confusion matrix that fits on a screen
_PAIRS = 12  # of classes that were confused
_PATH = tuple(stage for stage in FunnelStage if stage is not FunnelStage.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix of some classes: their names, and rows of (count, share of the row in tenths)."""

    labels: tuple[str, ...]
    rows: tuple[tuple[tuple[float, int], ...], ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class BlindRow:
    """A class's figures on ground truth; and of the images that were reviewed, too, those of the reviews and those of
    the ground truth."""

    label: str
    unbiased: Scores
    reviewed: Scores | None
    beside: Scores | None

    @property
    def difference(self) -> float | None:
        """By how much the review flatters, in F1, on the same images."""
        theirs, own = (one.rates.f1 if one else None for one in (self.reviewed, self.beside))
        return None if theirs is None or own is None else theirs - own


@dataclass(frozen=True)
class View:
    """A snapshot as one of its annotator versions has it; without any, what there is."""

    snapshot: Snapshot
    state: AnnotatorState | None

    @classmethod
    def of(cls, snapshot: Snapshot, annotator: str | None = None) -> "View":
        """The view of a version, or of the newest. Raises KeyError where the snapshot has none of that name."""
        if annotator is None:
            return cls(snapshot, next(iter(snapshot.annotators), None))
        return cls(snapshot, {one.evaluation.annotator: one for one in snapshot.annotators}[annotator])

    @property
    def annotator(self) -> str | None:
        """Which version it is."""
        return self.state.evaluation.annotator if self.state else None

    @cached_property
    def versions(self) -> tuple[AnnotatorState, ...]:
        """All versions of the same annotator, the newest first."""
        name = (self.annotator or "").partition("@")[0]
        return tuple(one for one in self.snapshot.annotators if one.evaluation.annotator.partition("@")[0] == name)

    @cached_property
    def funnel(self) -> tuple[StageCount, ...]:
        """Each stage on the way, whether anything is there or not."""
        found = {one.stage: one for one in self.snapshot.funnel}
        return tuple(found.get(stage, StageCount(stage, 0)) for stage in _PATH)

    @property
    def quarantined(self) -> StageCount | None:
        """What is set aside."""
        stages = (one for one in self.snapshot.funnel if one.stage is FunnelStage.QUARANTINED and one.images)
        return next(stages, None)

    @cached_property
    def classes(self) -> tuple[tuple[str, Scores], ...]:
        """The classes with the lowest F1 first; those with too few annotations at the end."""
        rows = self.state.evaluation.figures.by_class.items() if self.state else ()
        return tuple(sorted(rows, key=self._rank))

    def _rank(self, row: tuple[str, Scores]) -> tuple[bool, float, str]:
        label, scores = row
        return self.is_few(scores), 1.0 if scores.rates.f1 is None else scores.rates.f1, label

    def is_few(self, scores: Scores) -> bool:
        """Whether too few annotations stand behind figures to be sure of them."""
        return scores.support < self.snapshot.min_support

    @cached_property
    def timeline(self) -> tuple[Chart, ...]:
        """F1 over time, of all versions of the annotator."""
        first = [one for one in self.versions if one is self.state]
        others = [one for one in self.versions if one is not self.state]
        return timeline_charts(first + others, self.snapshot.min_support)

    @cached_property
    def errors(self) -> Chart | None:
        """Errors by type; None where there is none."""
        chart = error_chart(self.state.evaluation.errors) if self.state else None
        return chart if chart and any(point.y for one in chart.series for point in one.points) else None

    @cached_property
    def outcomes(self) -> tuple[Chart, ...]:
        """What people did, by class and by person."""
        found = self.state.evaluation.outcomes if self.state else None
        if found is None or not found.by_class:
            return ()
        by_class = outcome_chart("outcomes-class", "By class", "class", found.by_class)
        return by_class, outcome_chart("outcomes-person", "By person", "person", found.by_person)

    @cached_property
    def reliability(self) -> tuple[Chart, ...]:
        """What scores are worth."""
        return reliability_charts(self.state.calibration) if self.state and self.state.calibration else ()

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All charts."""
        return (*self.timeline, *((self.errors,) if self.errors else ()), *self.outcomes, *self.reliability)

    @cached_property
    def matrix(self) -> Matrix | None:
        """The confusion matrix, of the classes with most errors where there are many."""
        return _matrix(self.state.evaluation.confusion) if self.state else None

    @cached_property
    def confused(self) -> tuple[tuple[float, str, str], ...]:
        """Which class was most often taken for which: (how often, what it is, what it was taken for)."""
        found = self.state.evaluation.confusion if self.state else Confusion((), ())
        labels = range(len(found.labels))
        pairs = [
            (found.counts[row][column], found.labels[row], found.labels[column])
            for row in labels
            for column in labels
            if row != column and found.counts[row][column]
        ]
        return tuple(sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:_PAIRS])

    @cached_property
    def blind(self) -> tuple[BlindRow, ...]:
        """On ground truth: all classes together, then each."""
        blind = self.state.blind if self.state else None
        if blind is None:
            return ()
        pair = blind.reviewed, blind.beside
        rows = [BlindRow(ALL, blind.unbiased.micro, *(one.micro if one else None for one in pair))]
        for label, scores in blind.unbiased.by_class.items():
            rows.append(BlindRow(label, scores, *(one.by_class.get(label) if one else None for one in pair)))
        return tuple(rows)

    @property
    def worst(self) -> tuple[WorstImage, ...]:
        """The images to look at first."""
        return self.state.evaluation.worst if self.state else ()

    def worst_image(self, image_id: str) -> WorstImage | None:
        """One of these, or of those that an alarm about the version names."""
        alarms = (alarm for alarm in self.snapshot.alarms if alarm.annotator == self.annotator)
        images = (*self.worst, *(image for alarm in alarms for image in alarm.worst))
        return next((one for one in images if one.image_id == image_id), None)

    def neighbours(self, image_id: str) -> tuple[str | None, str | None, int | None]:
        """The next worse and the next better image, and the image's rank from 1; None where it is none of them."""
        ids = [one.image_id for one in self.worst]
        if image_id not in ids:
            return None, None, None
        place = ids.index(image_id)
        return (ids[place - 1] if place else None), (ids[place + 1] if place + 1 < len(ids) else None), place + 1

    def findings(self, image_id: str) -> tuple[Finding, ...]:
        """What lint says of an image."""
        return tuple(one for one in self.snapshot.lint.findings if one.image_id == image_id)


def drawn(marks: Sequence[Mark]) -> list[Mark]:
    """Those that are somewhere; right ones first, so that wrong ones lie over them."""
    return sorted((mark for mark in marks if mark.box), key=lambda mark: mark.wrong is not None)


def path(drawing: Drawing) -> str:
    """The data of an SVG path: closed rings, and dots where points are."""
    rings = [f"M{' '.join(map(_short, ring))}Z" for ring in drawing.rings]
    xs, ys = drawing.points[::2], drawing.points[1::2]
    return "".join([*rings, *(f"M{_short(x)} {_short(y)}h0" for x, y in zip(xs, ys, strict=True))])


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def greatest(grids: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, float]:
    """The greatest value of each grid, 1 where all are 0: what a cell's shade is a share of."""
    return {name: max(max(row) for row in grid) or 1.0 for name, grid in grids.items()}


def _matrix(found: Confusion) -> Matrix | None:
    size = len(found.labels)
    if not size:
        return None
    wrong = [sum(row) + _column(found, place) - 2 * row[place] for place, row in enumerate(found.counts[:size])]
    chosen = sorted(sorted(range(size), key=lambda place: (-wrong[place], place))[:_CLASSES])
    places = [*chosen, size]
    rows = tuple(_shaded([found.counts[row][column] for column in places], sum(found.counts[row])) for row in places)
    return Matrix(tuple(found.labels[place] for place in chosen), rows, len(chosen) == size)


def _column(found: Confusion, place: int) -> float:
    return sum(row[place] for row in found.counts)


def _shaded(row: list[float], total: float) -> tuple[tuple[float, int], ...]:
    return tuple((value, round(10 * value / total) if total else 0) for value in row)
