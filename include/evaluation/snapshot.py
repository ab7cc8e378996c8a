"""A snapshot: all that the quality page, the report and the metrics show of a project at one moment.

It is made by `evaluate_<project>` and kept whole; whoever shows it computes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError

from include.evaluation.agreement import Agreement
from include.evaluation.calibration import Calibration
from include.evaluation.detection import Figures
from include.evaluation.evaluation import Evaluation
from include.evaluation.gates import Verdict
from include.evaluation.lint import LintReport
from include.evaluation.worst import WorstImage


class FunnelStage(StrEnum):
    """Where an image is on its way, in order; an image is in one of them."""

    WAITING = "waiting"  # found, in no batch yet
    QUARANTINED = "quarantined"  # found, and set aside with a reason
    BATCHED = "batched"  # in a batch that has no task with data yet
    IN_CVAT = "in CVAT"  # its task has data
    ANNOTATED = "annotated"  # predictions are drawn
    IN_REVIEW = "in review"  # its job is given to people
    ACCEPTED = "accepted"  # its job is finished, or was accepted unseen
    RELEASED = "released"  # in the newest version


@dataclass(frozen=True, slots=True)
class StageCount:
    """Images in a stage, and since when the one that waits longest is there (None where nothing waits)."""

    stage: FunnelStage
    images: int
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImageLink:
    """Where an image is that the snapshot names: its URI in the bucket, its size (width, height in pixels), and its
    frame in CVAT."""

    uri: str
    task: int | None = None
    job: int | None = None
    frame: int | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Blind:
    """An annotator's figures on ground truth that people drew without seeing its predictions, on so many images. On
    those of them that were reviewed, too: what the reviews, which began with its predictions, say, and what the ground
    truth says of just these; None where none was."""

    images: int
    unbiased: Figures
    images_reviewed: int
    reviewed: Figures | None
    beside: Figures | None


@dataclass(frozen=True, slots=True)
class Work:
    """What a person finished, or what was finished with an annotator's predictions: jobs and images, the median and
    90th percentile of minutes between assignment and completion of a job (None where CVAT does not tell), over so many
    timed jobs."""

    name: str
    jobs: int
    images: int
    timed: int
    minutes_median: float | None
    minutes_p90: float | None


@dataclass(frozen=True, slots=True)
class AnnotatorState:
    """What is known of one annotator version: its evaluation and MLflow run, whether it is the baseline, what people
    finished who saw its predictions (None where nobody did), what its scores are worth, the figures on ground truth,
    what its gates say, and why some say nothing (None where all do, or none has looked at it)."""

    evaluation: Evaluation
    made_at: datetime
    mlflow_run_id: str | None
    is_baseline: bool
    work: Work | None = None
    calibration: Calibration | None = None
    blind: Blind | None = None
    verdicts: tuple[Verdict, ...] = ()
    unjudged: str | None = None


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An alarm that is not over; where it is about an annotator version (`name@version`), the images that show best
    what is wrong with it, the worst first. `worst` has what to draw on them: those that a gate looked at may be none of
    the evaluation's own worst."""

    id: int
    cause: str
    what: str
    severity: str
    since: datetime
    annotator: str | None = None
    images: tuple[str, ...] = ()
    worst: tuple[WorstImage, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerQuality:
    """What CVAT's own newest quality report says of a task, and what this project's own figures say of the same
    ground truth."""

    task: int
    report: int
    made_at: datetime
    accuracy: float
    precision: float
    recall: float
    ours_precision: float | None
    ours_recall: float | None
    explanation: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A project at a moment, from which on nothing has changed until there is another one. Annotators are sorted with
    the newest version first. `links` leads from an image's id to where it is, for all images that the snapshot
    names."""

    project: str
    made_at: datetime
    min_support: int
    funnel: tuple[StageCount, ...]
    annotators: tuple[AnnotatorState, ...]
    people: tuple[Work, ...]
    lint: LintReport
    agreement: Agreement | None
    alarms: tuple[OpenAlarm, ...]
    comparisons: tuple[str, ...]
    server_quality: tuple[ServerQuality, ...]
    links: Mapping[str, ImageLink]
    latest_release: str | None


class UnreadableSnapshot(ValueError):
    """It is no snapshot as this version of Labelcycle writes them, as after an upgrade; the words are pydantic's, which
    name the fields."""


_JSON: TypeAdapter[Snapshot] = TypeAdapter(Snapshot)


def to_json(snapshot: Snapshot) -> str:
    """The snapshot as JSON, the same text for the same snapshot; `from_json` reads it."""
    return _JSON.dump_json(snapshot).decode()


def from_json(text: str | bytes) -> Snapshot:
    """The snapshot that `to_json` wrote. Raises UnreadableSnapshot where it is none."""
    try:
        return _JSON.validate_json(text)
    except ValidationError as error:
        raise UnreadableSnapshot(str(error)) from error
