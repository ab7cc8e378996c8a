"""Gauges: a snapshot as Prometheus takes it (text exposition format 0.0.4)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from include.evaluation.detection import Intervals, Rates
from include.evaluation.figures import metric_label
from include.evaluation.snapshot import AnnotatorState, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GAUGES = {
    "labelcycle_up": "Whether what is known of the project can be read.",
    "labelcycle_snapshot_timestamp_seconds": "When the newest snapshot was made: all below is as of then.",
    "labelcycle_images": "Images by how far they have come.",
    "labelcycle_oldest_timestamp_seconds": "Since when the image that waits longest there does.",
    "labelcycle_figure": "Precision, recall and F1 (0 to 1) by annotator version and label; micro: of all objects.",
    "labelcycle_figure_low": "The lower end of its 95 % interval.",
    "labelcycle_figure_high": "The upper end of its 95 % interval.",
    "labelcycle_support": "Reviewed objects that the figures come from.",
    "labelcycle_share_measured": "Images that people reviewed, of those that are finished (0 to 1).",
    "labelcycle_baseline": "1 for the version that the others are held against.",
    "labelcycle_open_alarms": "Alarms that are not over, by severity.",
}
SEVERITIES = ("critical", "warning")


@dataclass(frozen=True, slots=True)
class Sample:
    """A gauge's value now; its name is one of GAUGES."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


def samples(snapshot: Snapshot) -> Iterator[Sample]:
    """All gauges of a project."""
    project = ("project", snapshot.project)
    yield Sample("labelcycle_snapshot_timestamp_seconds", (project,), snapshot.made_at.timestamp())
    for count in snapshot.funnel:
        stage = ("stage", count.stage.value)
        yield Sample("labelcycle_images", (project, stage), count.images)
        if count.oldest:
            yield Sample("labelcycle_oldest_timestamp_seconds", (project, stage), count.oldest.timestamp())
    for state in snapshot.annotators:
        yield from _of_annotator(project, state)
    for severity in SEVERITIES:
        count_open = sum(alarm.severity == severity for alarm in snapshot.alarms)
        yield Sample("labelcycle_open_alarms", (project, ("severity", severity)), count_open)


def exposition(found: Iterable[Sample]) -> str:
    """The text that Prometheus reads: each gauge once, with its help and all its samples."""
    by_name: dict[str, list[Sample]] = {name: [] for name in GAUGES}
    for sample in found:
        by_name[sample.name].append(sample)
    blocks = (
        [f"# HELP {name} {GAUGES[name]}", f"# TYPE {name} gauge", *map(_line, rows)]
        for name, rows in by_name.items()
        if rows
    )
    return "".join(f"{line}\n" for block in blocks for line in block)


def _of_annotator(project: tuple[str, str], state: AnnotatorState) -> Iterator[Sample]:
    evaluation = state.evaluation
    version = (project, ("annotator", evaluation.annotator))
    yield Sample("labelcycle_baseline", version, state.is_baseline)
    if evaluation.coverage.share_measured is not None:
        yield Sample("labelcycle_share_measured", version, evaluation.coverage.share_measured)
    figures = evaluation.figures
    by_class = [(metric_label(name), scores) for name, scores in figures.by_class.items()]
    for label, scores in [*by_class, ("micro", figures.micro)]:
        named = (*version, ("label", label))
        yield from _of_label(named, scores.rates, scores.intervals)
        yield Sample("labelcycle_support", named, scores.support)


def _of_label(labels: tuple[tuple[str, str], ...], rates: Rates, intervals: Intervals) -> Iterator[Sample]:
    for figure, value, interval in (
        ("precision", rates.precision, intervals.precision),
        ("recall", rates.recall, intervals.recall),
        ("f1", rates.f1, intervals.f1),
    ):
        named = (*labels, ("figure", figure))
        if value is not None:
            yield Sample("labelcycle_figure", named, value)
        if interval is not None:
            yield Sample("labelcycle_figure_low", named, interval.low)
            yield Sample("labelcycle_figure_high", named, interval.high)


def _line(sample: Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels)
    return f"{sample.name}{{{labels}}} {float(sample.value)!r}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
