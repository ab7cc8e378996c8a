"""the first tables"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_project_at"), ["project", "at"], unique=False)

    op.create_table(
        "batches",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("digest", sa.String(length=12), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("job_size", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.String(length=300), nullable=True),
        sa.Column("deadline", sa.DateTime(), nullable=True),
        sa.Column("asked_at", sa.DateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("planned_at", sa.DateTime(), nullable=False),
        sa.Column("review_by", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("project", "digest", name=op.f("uq_batches_project_digest")),
    )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batches_project_stage"), ["project", "stage"], unique=False)

    op.create_table(
        "calibrations",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("annotator", sa.String(length=200), nullable=False),
        sa.Column("uri", sa.String(length=1100), nullable=False),
        sa.Column("mlflow_run_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "id", name=op.f("pk_calibrations")),
    )
    op.create_table(
        "evaluations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("annotator", sa.String(length=200), nullable=False),
        sa.Column("uri", sa.String(length=1100), nullable=False),
        sa.Column("mlflow_run_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
    )
    with op.batch_alter_table("evaluations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evaluations_project_created_at"), ["project", "created_at"], unique=False)

    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("holder", sa.String(length=1000), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "predictions",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("image_id", sa.String(length=16), nullable=False),
        sa.Column("annotator", sa.String(length=200), nullable=False),
        sa.Column("uri", sa.String(length=1100), nullable=False),
        sa.PrimaryKeyConstraint("project", "image_id", "annotator", name=op.f("pk_predictions")),
    )
    op.create_table(
        "releases",
        sa.Column("tag", sa.String(length=100), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("pin", sa.String(length=1100), nullable=False),
        sa.Column("commit", sa.String(length=64), nullable=True),
        sa.Column("dvc_md5", sa.String(length=64), nullable=True),
        sa.Column("mlflow_run_id", sa.String(length=64), nullable=True),
        sa.Column("pinned_at", sa.DateTime(), nullable=False),
        sa.Column("released_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("tag", name=op.f("pk_releases")),
    )
    with op.batch_alter_table("releases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_releases_project_pinned_at"), ["project", "pinned_at"], unique=False)

    op.create_table(
        "applied_shapes",
        sa.Column("batch_id", sa.String(length=100), nullable=False),
        sa.Column("prediction_id", sa.String(length=16), nullable=False),
        sa.Column("job_index", sa.Integer(), nullable=False),
        sa.Column("shape_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_applied_shapes_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "prediction_id", name=op.f("pk_applied_shapes")),
        sa.UniqueConstraint("batch_id", "shape_id", name=op.f("uq_applied_shapes_batch_id_shape_id")),
    )
    op.create_table(
        "images",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column(
            "uri",
            sa.String(length=1100).with_variant(sa.String(length=1100, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("etag", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("orientation", sa.Integer(), nullable=True),
        sa.Column("mode", sa.String(length=20), nullable=True),
        sa.Column("version_id", sa.String(length=1024), nullable=True),
        sa.Column("phash", sa.String(length=16), nullable=True),
        sa.Column("features", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("batch_id", sa.String(length=100), nullable=True),
        sa.Column("frame", sa.Integer(), nullable=True),
        sa.Column("discovered_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "(state = 'batched') = (batch_id is not null) and (batch_id is null) = (frame is null)",
            name=op.f("ck_images_batched"),
        ),
        sa.CheckConstraint("(phash is null) = (features is null)", name=op.f("ck_images_look")),
        sa.CheckConstraint("state <> 'quarantined' or reason is not null", name=op.f("ck_images_quarantined")),
        sa.CheckConstraint("state <> 'waiting' or (current and width is not null)", name=op.f("ck_images_waiting")),
        sa.CheckConstraint("state in ('waiting', 'batched', 'quarantined')", name=op.f("ck_images_state")),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_images_batch_id")),
        sa.PrimaryKeyConstraint("project", "id", name=op.f("pk_images")),
        sa.UniqueConstraint("batch_id", "frame", name=op.f("uq_images_batch_id_frame")),
        sa.UniqueConstraint("project", "uri", "etag", name=op.f("uq_images_project_uri_etag")),
    )
    with op.batch_alter_table("images", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_images_project_etag_size"), ["project", "etag", "size"], unique=False)
        batch_op.create_index(batch_op.f("ix_images_project_state_uri"), ["project", "state", "uri"], unique=False)
        batch_op.create_index(
            "uq_images_current_uri",
            ["project", "uri"],
            unique=True,
            sqlite_where=sa.text("current"),
            postgresql_where=sa.text("current"),
        )

    op.create_table(
        "batch_annotators",
        sa.Column("batch_id", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("annotator", sa.String(length=200), nullable=False),
        sa.Column("draws", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_batch_annotators_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "position", name=op.f("pk_batch_annotators")),
        sa.UniqueConstraint("batch_id", "annotator", name=op.f("uq_batch_annotators_batch_id_annotator")),
    )
    op.create_table(
        "jobs",
        sa.Column("batch_id", sa.String(length=100), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("stop", sa.Integer(), nullable=False),
        sa.Column("route", sa.String(length=10), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Float(), nullable=False),
        sa.Column("cvat_id", sa.Integer(), nullable=True),
        sa.Column("applied", sa.String(length=20), nullable=True),
        sa.Column("applied_at", sa.DateTime(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("seen_update", sa.String(length=40), nullable=True),
        sa.Column("revision_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_jobs_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "index", name=op.f("pk_jobs")),
        sa.UniqueConstraint("batch_id", "start", name=op.f("uq_jobs_batch_id_start")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_cvat_id"), ["cvat_id"], unique=False)

    op.create_table(
        "revisions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.String(length=100), nullable=False),
        sa.Column("job_index", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("uri", sa.String(length=1100), nullable=False),
        sa.Column("accepted", sa.String(length=20), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("finished_by", sa.String(length=200), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.Column("assigned_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_revisions_batch_id")),
        sa.PrimaryKeyConstraint("id", "batch_id", "job_index", name=op.f("pk_revisions")),
    )
    with op.batch_alter_table("revisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_revisions_project"), ["project"], unique=False)
    op.create_table(
        "blind_jobs",
        sa.Column("batch_id", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("job_index", sa.Integer(), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("cvat_id", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("seen_update", sa.String(length=40), nullable=True),
        sa.Column("uri", sa.String(length=1100), nullable=True),
        sa.Column("finished_by", sa.String(length=200), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("assigned_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("kind in ('ground_truth', 'replica')", name=op.f("ck_blind_jobs_kind")),
        sa.CheckConstraint(
            "kind <> 'ground_truth' or (job_index = 0 and copy = 0)", name=op.f("ck_blind_jobs_one_ground_truth")
        ),
        sa.CheckConstraint("probability > 0 and probability <= 1", name=op.f("ck_blind_jobs_probability")),
        sa.CheckConstraint(
            "uri is null or (cvat_id is not null and seen_update is not null"
            " and finished_by is not null and finished_at is not null)",
            name=op.f("ck_blind_jobs_kept"),
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_blind_jobs_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "kind", "job_index", "copy", name=op.f("pk_blind_jobs")),
        sa.UniqueConstraint("batch_id", "cvat_id", name=op.f("uq_blind_jobs_batch_id_cvat_id")),
    )
    op.create_table(
        "job_annotators",
        sa.Column("batch_id", sa.String(length=100), nullable=False),
        sa.Column("job_index", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("annotator", sa.String(length=200), nullable=False),
        sa.Column("draws", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id", "job_index"],
            ["jobs.batch_id", "jobs.index"],
            name=op.f("fk_job_annotators_batch_id_job_index"),
        ),
        sa.PrimaryKeyConstraint("batch_id", "job_index", "position", name=op.f("pk_job_annotators")),
        sa.UniqueConstraint(
            "batch_id", "job_index", "annotator", name=op.f("uq_job_annotators_batch_id_job_index_annotator")
        ),
    )
    op.create_table(
        "refreshes",
        sa.Column("batch_id", sa.String(length=100), nullable=False),
        sa.Column("job_index", sa.Integer(), nullable=False),
        sa.Column("plan", sa.String(length=1100), nullable=False),
        sa.Column("known_update", sa.String(length=40), nullable=False),
        sa.Column("called_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id", "job_index"], ["jobs.batch_id", "jobs.index"], name=op.f("fk_refreshes_batch_id_job_index")
        ),
        sa.PrimaryKeyConstraint("batch_id", "job_index", name=op.f("pk_refreshes")),
    )


def downgrade() -> None:
    tables = (
        *("refreshes", "job_annotators", "blind_jobs", "revisions", "jobs"),
        *("batch_annotators", "images", "applied_shapes", "releases", "predictions"),
        *("leases", "evaluations", "calibrations", "batches", "audit"),
    )
    for table in tables:  # those that refer to others first; indexes go with their tables
        op.drop_table(table)
