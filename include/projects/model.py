"""What to label: the model of a project's YAML file. Every field's description is the YAML's documentation."""

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from include.lifecycle.images import split_uri

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of a project file: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Attribute(Section):
    """An attribute of a label, as CVAT knows it."""

    name: str = Field(min_length=1, max_length=64)
    input_type: Literal["text", "select", "radio", "checkbox", "number"] = "text"
    values: tuple[str, ...] = Field(default=(), description="Allowed values; for text, none.")
    default_value: str = ""


class Label(Section):
    """A class of objects."""

    name: str = Field(min_length=1, max_length=64)
    type: Literal["rectangle"] = "rectangle"
    attributes: tuple[Attribute, ...] = ()


class Images(Section):
    """Where the images land."""

    uri: str = Field(description="Bucket and prefix, as in s3://bucket/incoming/.")
    connection: str = Field(default="aws_default", description="Airflow connection to the bucket.")
    max_failed_share: Share = Field(
        default=0.25,
        description="A run fails where more than this share of its new images goes to quarantine as unreadable.",
    )

    @field_validator("uri")
    @classmethod
    def _is_a_prefix(cls, uri: str) -> str:
        split_uri(uri)
        if not uri.endswith("/"):
            raise ValueError(f"{uri!r} must end with a slash: it is a prefix, not an object")
        return uri


class Cvat(Section):
    """Where people label."""

    connection: str = Field(default="cvat_default", description="Airflow connection to the CVAT server.")
    storage_connection: str | None = Field(
        default=None,
        description="Airflow connection whose keys CVAT itself reads the bucket with; the images' by default.",
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


class Annotator(Section):
    """The model that pre-annotates."""

    name: str = Field(description="A bundled annotator's name, or module:attribute of your own.")
    settings: dict[str, Any] = Field(default_factory=dict)


class Batches(Section):
    """How images become CVAT tasks."""

    size: int = Field(default=48, ge=1, le=5000, description="Images in a batch: one CVAT task.")
    job_size: int = Field(default=12, ge=1, description="Images in a job: one person's piece of work.")
    max_wait: timedelta = Field(
        default=timedelta(hours=24),
        ge=timedelta(0),
        description="A batch that is not full closes when its oldest image has waited this long.",
    )

    @model_validator(mode="after")
    def _whole_jobs(self) -> Self:
        if self.size % self.job_size:
            raise ValueError(f"size ({self.size}) must be a multiple of job_size ({self.job_size})")
        return self


class Routing(Section):
    """Who looks at what: sure jobs are accepted unseen, save a seeded audit; all others wait for people."""

    accept_above: Share | None = Field(
        default=None, description="An image is sure where every score is at least this; empty: people see all."
    )
    audit_share: Share = Field(default=0.1, description="The share of sure jobs that people see all the same.")
    seed: int = Field(default=0, description="Changes which jobs are audited.")

    @model_validator(mode="after")
    def _audited(self) -> Self:
        if self.accept_above is not None and self.audit_share == 0:
            raise ValueError("audit_share must be above 0 where accept_above is set: nobody would see the sure jobs")
        return self


class Done(Section):
    """The stage and state in which CVAT leaves a job that a person has finished."""

    stage: Literal["annotation", "validation", "acceptance"] = "annotation"
    state: Literal["completed"] = "completed"


class Evaluation(Section):
    """How predictions are compared with what people made of them."""

    iou: float = Field(default=0.5, gt=0, lt=1)
    min_score: Share = 0.0


class Gate(Section):
    """What a release must reach; empty: nothing."""

    min_images: int = Field(default=1, ge=1)
    min_f1_micro: Share | None = None


class Release(Section):
    """What is released, and where to."""

    connection: str = Field(default="labelcycle_datasets", description="Airflow connection to the git repository.")
    remote: str = Field(description="Where DVC keeps the data, as in s3://bucket/dvc.")
    splits: dict[str, Share] = Field(default={"train": 0.8, "val": 0.1, "test": 0.1})
    split_seed: str = "0"
    gate: Gate = Gate()

    @field_validator("splits")
    @classmethod
    def _whole(cls, splits: dict[str, float]) -> dict[str, float]:
        if abs(sum(splits.values()) - 1) > 1e-9:
            raise ValueError(f"the shares must add up to 1, not {sum(splits.values()):g}")
        return splits


class Ledger(Section):
    """Where Labelcycle keeps its own records."""

    connection: str = Field(default="labelcycle_ledger", description="Airflow connection to the ledger's database.")
    store: str = Field(description="Where predictions and revisions are kept, as in s3://bucket/ledger.")


class Mlflow(Section):
    """Where evaluations and releases are logged."""

    connection: str = Field(default="mlflow_default", description="Airflow connection to the tracking server.")


class Schedules(Section):
    """When the DAGs run: presets or cron expressions; empty: only when asked."""

    ingest: str | None = "@daily"
    evaluate: str | None = "@hourly"
    release: str | None = "@daily"


class Project(Section):
    """One labeling project."""

    name: Name = Field(description="Lower-case identifier; the file is called <name>.yaml.")
    description: str = ""
    owner: str = Field(default="labelcycle", min_length=1, description="Who is asked; the DAGs' owner.")
    active: bool = Field(default=True, description="Whether DAGs are made of it.")
    images: Images
    labels: tuple[Label, ...] = Field(min_length=1)
    cvat: Cvat = Cvat()
    annotator: Annotator
    batches: Batches = Batches()
    routing: Routing = Routing()
    done: Done = Done()
    evaluation: Evaluation = Evaluation()
    release: Release
    ledger: Ledger
    mlflow: Mlflow = Mlflow()
    schedules: Schedules = Schedules()

    @field_validator("labels")
    @classmethod
    def _unique(cls, labels: tuple[Label, ...]) -> tuple[Label, ...]:
        names = [label.name for label in labels]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"labels must have different names; twice: {', '.join(sorted(twice))}")
        return labels
