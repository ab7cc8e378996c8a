"""What to label: the model of a project's YAML file. Every field's description is the YAML's documentation."""

from collections.abc import Collection
from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from include.projects.alarms import Alarms
from include.projects.annotators import Annotator, check_versions
from include.projects.blind import GroundTruth, Replicas
from include.projects.fields import (
    ConnectionId,
    DataMode,
    Folder,
    Format,
    Name,
    Prefix,
    Schedule,
    Section,
    Share,
    SplitName,
)
from include.projects.gates import DEFAULT_GATES, FigureGate
from include.projects.labels import Attribute, Label, check_held, check_names
from include.projects.routing import Routing

__all__ = ["Attribute", "Label", "Project"]


class Images(Section):
    """Where the images land."""

    uri: Prefix = Field(description="Bucket and prefix, as in s3://bucket/incoming/.")
    connection: ConnectionId = Field(default="aws_default", description="Airflow connection to the bucket.")
    max_failed_share: Share = Field(
        default=0.25,
        description="A run fails where more than this share of its new images goes to quarantine as unreadable.",
    )


class Cvat(Section):
    """Where people label."""

    connection: ConnectionId = Field(default="cvat_default", description="Airflow connection to the CVAT server.")
    data: DataMode = Field(
        default="link",
        description="link: CVAT reads the bucket itself; copy: it is sent the images' bytes, where it cannot.",
    )
    storage_connection: ConnectionId | None = Field(
        default=None,
        description="Airflow connection whose keys CVAT itself reads a linked bucket with; the images' by default.",
    )
    assignees: tuple[str, ...] = Field(
        default=(), description="CVAT user names that jobs are given to in turn; nobody by default."
    )
    request_timeout: timedelta = Field(
        default=timedelta(hours=1), gt=timedelta(0), description="How long CVAT may take to attach a batch's data."
    )
    server_timeout: timedelta = Field(
        default=timedelta(seconds=60),
        ge=timedelta(0),
        description="After how long a call with an unknown outcome cannot take effect any more.",
    )


class Batches(Section):
    """How images become CVAT tasks."""

    size: int = Field(default=48, ge=1, le=5000, description="Images in a batch: one CVAT task.")
    job_size: int = Field(default=12, ge=1, description="Images in a job: one person's piece of work.")
    max_wait: timedelta = Field(
        default=timedelta(hours=24),
        ge=timedelta(0),
        description="A batch that is not full closes when its oldest image has waited this long.",
    )
    refresh: bool = Field(
        default=False, description="Jobs that nobody has begun get the shapes of the annotators' newer versions."
    )

    @model_validator(mode="after")
    def _whole_jobs(self) -> Self:
        if self.size % self.job_size:
            raise ValueError(f"size ({self.size}) must be a multiple of job_size ({self.job_size})")
        return self


class Done(Section):
    """The stage and state in which CVAT leaves a job that a person has finished."""

    stage: Literal["annotation", "validation", "acceptance"] = Field(
        default="annotation", description="The stage, or a later one."
    )
    state: Literal["completed"] = Field(default="completed", description="The state.")


class Evaluation(Section):
    """How predictions are compared with what people made of them."""

    iou: float = Field(
        default=0.5, gt=0, lt=1, description="Two boxes are the same object from this intersection over union on."
    )
    min_score: Share = Field(default=0.0, description="Predictions below this score count as not made.")
    newest_images: int = Field(
        default=100_000, ge=1, description="The figures are of the newest reviewed images, of so many at the most."
    )
    ground_truth: GroundTruth | None = Field(
        default=None, description="Images that people also draw from scratch, in a job of their own; null: none."
    )
    replicas: Replicas | None = Field(
        default=None, description="Copies of jobs that other people draw from scratch; null: none."
    )
    min_support: int = Field(
        default=30,
        ge=1,
        description="With fewer reviewed objects a class is grey and never alarms; for precision predictions count.",
    )
    gates: tuple[FigureGate, ...] = Field(
        default=DEFAULT_GATES, description="What the figures must reach; what surely does not is an alarm."
    )


class Gate(Section):
    """What a release must reach; empty: nothing."""

    min_images: int = Field(default=1, ge=1, description="The fewest images in a release.")
    min_f1_micro: Share | None = Field(default=None, description="The lowest micro F1 of the latest evaluation.")


class Release(Section):
    """What is released, and where to."""

    connection: ConnectionId = Field(
        default="labelcycle_datasets", description="Airflow connection to the git repository."
    )
    remote: Folder = Field(description="Where DVC keeps the data, as in s3://bucket/dvc.")
    splits: dict[SplitName, Share] = Field(
        default={"train": 0.8, "val": 0.1, "test": 0.1},
        description="The share of each part; together 1.",
        json_schema_extra={"additionalProperties": False},
    )
    split_seed: str = Field(default="0", description="Changes which image is in which part: a new major version.")
    formats: tuple[Format, ...] = Field(
        default=("coco",),
        description="The files' formats: coco, always, and yolo and voc (Pascal VOC) on request.",
        json_schema_extra={"uniqueItems": True, "contains": {"const": "coco"}},
    )
    gate: Gate = Field(default=Gate(), description="What a release must reach.")

    @field_validator("formats")
    @classmethod
    def _with_coco(cls, formats: tuple[Format, ...]) -> tuple[Format, ...]:
        if "coco" not in formats or len(set(formats)) < len(formats):
            raise ValueError("must have coco, which every release is in, and each format once")
        return formats

    @field_validator("splits")
    @classmethod
    def _whole(cls, splits: dict[str, float]) -> dict[str, float]:
        if abs(sum(splits.values()) - 1) > 1e-9:
            raise ValueError(f"the shares must add up to 1, not {sum(splits.values()):g}")
        return splits


class Ledger(Section):
    """Where Labelcycle keeps its own records."""

    connection: ConnectionId = Field(
        default="labelcycle_ledger", description="Airflow connection to the ledger's database."
    )
    store: Folder = Field(description="Where predictions and revisions are kept, as in s3://bucket/ledger.")


class Mlflow(Section):
    """Where evaluations and releases are logged."""

    connection: ConnectionId = Field(default="mlflow_default", description="Airflow connection to the tracking server.")


class Schedules(Section):
    """When the DAGs run: @daily and the like, or cron expressions; null: only when asked."""

    ingest: Schedule | None = Field(default="@daily", description="When images are taken in.")
    evaluate: Schedule | None = Field(default="@hourly", description="When finished jobs are read and measured.")
    release: Schedule | None = Field(default="@daily", description="When a new version is made, if anything changed.")


class Project(Section):
    """One labeling project."""

    name: Name = Field(description="Lower-case identifier; the file is called <name>.yaml.")
    description: str = Field(default="", description="A few words for the DAGs' list.")
    owner: str = Field(default="labelcycle", min_length=1, description="Who is asked; the DAGs' owner.")
    active: bool = Field(default=True, description="Whether DAGs are made of it.")
    images: Images = Field(description="Where the images land.")
    labels: tuple[Label, ...] = Field(
        description="The classes of objects; their order is COCO's.", json_schema_extra={"minItems": 1}
    )
    cvat: Cvat = Field(default=Cvat(), description="Where people label.")
    annotators: tuple[Annotator, ...] = Field(
        description="The models that pre-annotate.", json_schema_extra={"minItems": 1}
    )
    batches: Batches = Field(default=Batches(), description="How images become CVAT tasks.")
    routing: Routing = Field(default=Routing(), description="Who looks at what.")
    done: Done = Field(default=Done(), description="When a job counts as finished.")
    evaluation: Evaluation = Field(default=Evaluation(), description="How predictions are measured.")
    alarms: Alarms = Field(default=Alarms(), description="Who is told when something is wrong.")
    release: Release = Field(description="What is released, and where to.")
    ledger: Ledger = Field(description="Where Labelcycle keeps its own records.")
    mlflow: Mlflow = Field(default=Mlflow(), description="Where figures are logged.")
    schedules: Schedules = Field(default=Schedules(), description="When the DAGs run.")

    @field_validator("labels")
    @classmethod
    def _unlike(cls, labels: tuple[Label, ...]) -> tuple[Label, ...]:
        if not labels:  # not by min_length: pydantic counts the broken ones as none
            raise ValueError("a project needs a label")
        check_names("labels, with their former names,", [name for label in labels for name in label.all_names])
        return labels

    @field_validator("routing")
    @classmethod
    def _routable(cls, routing: Routing, info: ValidationInfo) -> Routing:
        _check_known("routing", {*routing.by_label, *routing.always_review.labels}, info)
        annotators: tuple[Annotator, ...] = info.data.get("annotators", ())
        if routing.order == "disagreement" and len({annotator.called for annotator in annotators}) == 1:
            raise ValueError("order: disagreement needs two annotators of different names; draws: false hides one")
        if batches := info.data.get("batches"):
            _check_room("review_a_day", routing.review_a_day, "size", batches.size)
            _check_room("accept_a_day", routing.accept_a_day, "job_size", batches.job_size)
        return routing

    @field_validator("evaluation")
    @classmethod
    def _measurable(cls, evaluation: Evaluation, info: ValidationInfo) -> Evaluation:
        _check_known("evaluation.gates", {gate.names_label for gate in evaluation.gates if gate.names_label}, info)
        return evaluation

    @model_validator(mode="after")
    def _releasable(self) -> Self:
        check_held(self.labels, self.release.formats)
        return self

    @field_validator("annotators")
    @classmethod
    def _whole(cls, annotators: tuple[Annotator, ...]) -> tuple[Annotator, ...]:
        check_versions(annotators)
        return annotators

    @field_validator("release", "ledger")
    @classmethod
    def _elsewhere(cls, section: Release | Ledger, info: ValidationInfo) -> Release | Ledger:
        images: Images | None = info.data.get("images")
        name, folder = ("remote", section.remote) if isinstance(section, Release) else ("store", section.store)
        if images and f"{folder}/".startswith(images.uri):
            raise ValueError(f"{name} must not be under images.uri: its files would be taken for images")
        return section


def _check_room(cap: str, most: int | None, name: str, least: int) -> None:
    """See that a day has room for what is given or accepted as a whole; a cap of 0 is meant."""
    if most and most < least:
        raise ValueError(
            f"{cap} ({most}) must be at least batches.{name} ({least}): a day would never have room for a full one; "
            f"raise it, lower batches.{name}, or set it to 0 for none at all"
        )


def _check_known(what: str, named: Collection[str], info: ValidationInfo) -> None:
    """See that names are those of labels; where the labels themselves are wrong, nothing more is said."""
    labels: tuple[Label, ...] | None = info.data.get("labels")
    known = {label.name for label in labels or ()}
    if labels and (unknown := sorted(set(named) - known)):
        raise ValueError(f"{what} names what is none of the labels: {', '.join(unknown)}")
