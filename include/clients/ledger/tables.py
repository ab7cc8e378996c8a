"""The ledger's tables. The constraints are the invariants: what must not happen twice cannot be written twice.

Names of projects, images and batches are the words of the design.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator


class Utc(TypeDecorator[datetime]):
    """A moment: aware in Python, UTC without a zone in the database (SQLite keeps no zones)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} is a moment without a time zone: say which, as in +00:00")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# PostgreSQL sorts text by the database's locale and S3 lists by bytes: the merge-join needs S3's order.
URI = String(1100).with_variant(String(1100, collation="C"), "postgresql")

leases = Table(
    "leases",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("holder", String(1000), nullable=False),  # Airflow's names of DAG, run and task have up to 250 each
    Column("expires_at", Utc, nullable=False),
)

images = Table(
    "images",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("id", String(16), primary_key=True),
    Column("uri", URI, nullable=False),
    Column("etag", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("current", Boolean, nullable=False),  # whether this is the newest content at its URI
    Column("format", String(20)),
    Column("width", Integer),
    Column("height", Integer),
    Column("orientation", Integer),
    Column("mode", String(20)),
    Column("version_id", String(1024)),
    Column("phash", String(16)),  # with the features its look, once it was first decoded
    Column("features", LargeBinary),
    Column("state", String(20), nullable=False),
    Column("reason", String(40)),
    Column("detail", Text),
    Column("batch_id", String(100), ForeignKey("batches.id")),
    Column("frame", Integer),
    Column("discovered_at", Utc, nullable=False),
    UniqueConstraint("project", "uri", "etag"),
    UniqueConstraint("batch_id", "frame"),
    CheckConstraint("state in ('waiting', 'batched', 'quarantined')", "state"),
    CheckConstraint("(state = 'batched') = (batch_id is not null) and (batch_id is null) = (frame is null)", "batched"),
    CheckConstraint("state <> 'waiting' or (current and width is not null)", "waiting"),
    CheckConstraint("state <> 'quarantined' or reason is not null", "quarantined"),
    CheckConstraint("(phash is null) = (features is null)", "look"),
    Index(
        "uq_images_current_uri",
        "project",
        "uri",
        unique=True,
        sqlite_where=text("current"),
        postgresql_where=text("current"),
    ),
    Index(None, "project", "state", "uri"),
    Index(None, "project", "etag", "size"),
)

predictions = Table(
    "predictions",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("image_id", String(16), primary_key=True),
    Column("annotator", String(200), primary_key=True),
    Column("uri", String(1100), nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String(100), primary_key=True),  # also the CVAT task's name
    Column("project", String(63), nullable=False),
    Column("digest", String(12), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("job_size", Integer, nullable=False),
    Column("stage", String(20), nullable=False),
    Column("reason", Text),
    Column("task_id", Integer),
    Column("request_id", String(300)),
    Column("deadline", Utc),  # of the request
    Column("asked_at", Utc),  # when CVAT was asked for what the next stage will record
    Column("attempts", Integer, nullable=False),  # at attaching the data
    Column("planned_at", Utc, nullable=False),
    Column("review_by", Utc),  # until when people are asked to finish its jobs; CVAT has no place for it
    UniqueConstraint("project", "digest"),
    Index(None, "project", "stage"),
)

batch_annotators = Table(
    "batch_annotators",
    metadata,
    Column("batch_id", String(100), ForeignKey("batches.id"), primary_key=True),
    Column("position", Integer, primary_key=True),  # in the project's file when the batch was planned
    Column("annotator", String(200), nullable=False),
    Column("draws", Boolean, nullable=False),  # whether its predictions are brought into CVAT
    UniqueConstraint("batch_id", "annotator"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("batch_id", String(100), ForeignKey("batches.id"), primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("start", Integer, nullable=False),
    Column("stop", Integer, nullable=False),
    Column("route", String(10), nullable=False),
    Column("probability", Float, nullable=False),
    Column("reason", Text, nullable=False),  # of the route, for people
    Column("urgency", Float, nullable=False),  # people take the most urgent first
    Column("cvat_id", Integer),
    Column("applied", String(20)),  # null, intended, applied or attention
    Column("applied_at", Utc),
    Column("note", Text),
    Column("seen_update", String(40)),  # CVAT's updated_date of the revision
    Column("revision_id", String(64)),
    UniqueConstraint("batch_id", "start"),
    Index(None, "cvat_id"),
)

applied_shapes = Table(
    "applied_shapes",
    metadata,
    Column("batch_id", String(100), ForeignKey("batches.id"), primary_key=True),
    Column("prediction_id", String(16), primary_key=True),
    Column("job_index", Integer, nullable=False),
    Column("shape_id", BigInteger, nullable=False),
    UniqueConstraint("batch_id", "shape_id"),
)

job_annotators = Table(
    "job_annotators",  # of a job that was brought up to date since its batch was planned: whose predictions it shows
    metadata,
    Column("batch_id", String(100), primary_key=True),
    Column("job_index", Integer, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("annotator", String(200), nullable=False),
    Column("draws", Boolean, nullable=False),
    ForeignKeyConstraint(["batch_id", "job_index"], ["jobs.batch_id", "jobs.index"]),
    UniqueConstraint("batch_id", "job_index", "annotator"),
)

refreshes = Table(
    "refreshes",  # jobs that are being brought up to date
    metadata,
    Column("batch_id", String(100), primary_key=True),
    Column("job_index", Integer, primary_key=True),
    Column("plan", String(1100), nullable=False),  # where it is kept what is to be done
    Column("known_update", String(40), nullable=False),  # CVAT's updated_date when all was as the ledger says
    Column("called_at", Utc),  # when a call was made since, whose outcome is unknown
    ForeignKeyConstraint(["batch_id", "job_index"], ["jobs.batch_id", "jobs.index"]),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("batch_id", String(100), ForeignKey("batches.id"), primary_key=True),
    Column("job_index", Integer, primary_key=True),
    Column("project", String(63), nullable=False),
    Column("uri", String(1100), nullable=False),
    Column("accepted", String(20), nullable=False),
    Column("images", Integer, nullable=False),
    Column("finished_by", String(200), nullable=False),
    Column("finished_at", Utc, nullable=False),
    Column("assigned_at", Utc),  # when who finished it was given the job, where CVAT tells
    Index(None, "project"),
)

blind_jobs = Table(
    "blind_jobs",  # jobs in which people draw from scratch on images of a batch; a task has one ground truth
    metadata,
    Column("batch_id", String(100), ForeignKey("batches.id"), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("job_index", Integer, primary_key=True),  # of the job that a replica is a copy of
    Column("copy", Integer, primary_key=True),
    Column("frames", Text, nullable=False),  # of the batch, as JSON
    Column("probability", Float, nullable=False),  # of an image's being in it
    Column("asked_at", Utc, nullable=False),
    Column("cvat_id", Integer),
    Column("note", Text),  # why it is not there, or cannot be kept
    Column("seen_update", String(40)),  # CVAT's updated_date of what is kept
    Column("uri", String(1100)),
    Column("finished_by", String(200)),
    Column("finished_at", Utc),
    Column("assigned_at", Utc),
    UniqueConstraint("batch_id", "cvat_id"),
    CheckConstraint("kind in ('ground_truth', 'replica')", "kind"),
    CheckConstraint("kind <> 'ground_truth' or (job_index = 0 and copy = 0)", "one_ground_truth"),
    CheckConstraint("probability > 0 and probability <= 1", "probability"),
    CheckConstraint(
        "uri is null or (cvat_id is not null and seen_update is not null"
        " and finished_by is not null and finished_at is not null)",
        "kept",
    ),
)

releases = Table(
    "releases",
    metadata,
    Column("tag", String(100), primary_key=True),
    Column("project", String(63), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("pin", String(1100), nullable=False),  # where the pinned revisions are listed
    Column("commit", String(64)),
    Column("dvc_md5", String(64)),
    Column("mlflow_run_id", String(64)),
    Column("pinned_at", Utc, nullable=False),
    Column("released_at", Utc),  # the release record: written last
    Index(None, "project", "pinned_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Utc, nullable=False),
    Column("project", String(63), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "project", "at"),
)
