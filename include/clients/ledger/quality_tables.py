"""The ledger's tables of figures, of what gates said of them, of alarms, and of who was told."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, text

from include.clients.ledger.tables import Utc, metadata

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(63), nullable=False),
    Column("annotator", String(200), nullable=False),
    Column("uri", String(1100), nullable=False),
    Column("mlflow_run_id", String(64)),
    Column("created_at", Utc, nullable=False),
    Index(None, "project", "created_at"),
)


calibrations = Table(
    "calibrations",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("annotator", String(200), nullable=False),
    Column("uri", String(1100), nullable=False),
    Column("mlflow_run_id", String(64)),
    Column("created_at", Utc, nullable=False),
)


snapshots = Table(
    "snapshots",  # what the quality page shows: the newest of each project
    metadata,
    Column("project", String(63), primary_key=True),
    Column("uri", String(1100), nullable=False),
    Column("digest", String(64), nullable=False),  # of what it was made from
    Column("made_at", Utc, nullable=False),
)

judgements = Table(
    "judgements",
    metadata,
    Column("project", String(63), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("annotator", String(200), nullable=False),
    Column("uri", String(1100), nullable=False),
    Column("created_at", Utc, nullable=False),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("project", String(63), nullable=False),
    Column("cause", String(300), nullable=False),
    Column("what", Text, nullable=False),
    Column("severity", String(10), nullable=False),
    Column("detail", Text, nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("seen_at", Utc, nullable=False),
    Column("resolved_at", Utc),
    Index(None, "project", "opened_at"),
    Index(
        "uq_alarms_open",
        "project",
        "cause",
        unique=True,
        sqlite_where=text("resolved_at is null"),
        postgresql_where=text("resolved_at is null"),
    ),
)

notices = Table(
    "notices",  # who was told of an alarm's beginning and of its end
    metadata,
    Column("alarm_id", Integer, ForeignKey("alarms.id"), primary_key=True),
    Column("event", String(10), primary_key=True),
    Column("channel", String(1000), primary_key=True),
    Column("sent_at", Utc, nullable=False),
)
