"""Collect: the annotations of finished jobs, read once, as immutable revisions."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from include.clients.bulk import BulkStore
from include.clients.cvat import CvatClient, CvatJob, CvatShape, ProjectLabels
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Job
from include.clients.tables import revision_table
from include.lifecycle.reviews import Acceptance, Annotation, Revision, revision_id
from include.lifecycle.routing import Route
from include.lifecycle.shapes import Shape, ShapeType
from include.projects.model import Project
from include.steps.batches import log

_OVERLAP = timedelta(minutes=5)  # CVAT's clock may run backwards, and rows may appear late
_STAGES = ("annotation", "validation", "acceptance")
_ACCEPTANCE = {
    Route.REVIEW: Acceptance.PERSON,
    Route.AUDIT: Acceptance.AUDIT,
    Route.ACCEPT: Acceptance.AUTOMATIC,
}


def collect_revisions(project: Project, cvat: CvatClient, store: BulkStore, ledger: Ledger) -> int:
    """Keep the annotations of every job that was finished, or changed after it, since the last look; say how many.

    Finished is what the project says (`done`), or later. A job that is not ours is passed over.
    """
    project_id = cvat.find_project(project.name)
    if project_id is None:
        return 0
    jobs = ledger.batches.jobs_by_cvat(project.name)
    labels = cvat.labels(project_id)
    since = _since(list(jobs.values()))
    count = 0
    for found in cvat.jobs_updated_since(project_id, project.done.state, since):
        job = jobs.get(found.id)
        if job and found.updated_date != job.seen_update and _is_done(project, found):
            _collect(project, job, found, labels, cvat, store, ledger)
            count += 1
    return count


def _since(jobs: Sequence[Job]) -> datetime | None:
    seen = [job.seen_update for job in jobs if job.seen_update]
    return datetime.fromisoformat(max(seen)) - _OVERLAP if seen else None


def _is_done(project: Project, found: CvatJob) -> bool:
    return _STAGES.index(found.stage) >= _STAGES.index(project.done.stage)


def _collect(
    project: Project,
    job: Job,
    found: CvatJob,
    labels: ProjectLabels,
    cvat: CvatClient,
    store: BulkStore,
    ledger: Ledger,
) -> None:
    image_ids = [image.id for image in ledger.images.of_batch(job.batch_id)]
    shapes = cvat.shapes(found.id)
    annotations = tuple(_annotation(image_ids, shape, labels) for shape in shapes)
    in_job = tuple(image_ids[job.start : job.stop])
    revision = Revision(
        id=revision_id(in_job, annotations),
        batch_id=job.batch_id,
        job_index=job.index,
        image_ids=in_job,
        annotations=annotations,
        accepted=_ACCEPTANCE[job.route],
        probability=job.probability,
        finished_by=found.assignee.username if found.assignee else "",
        finished_at=datetime.fromisoformat(found.updated_date).astimezone(UTC).isoformat(),
    )
    uri = store.write(f"revisions/{project.name}", revision_table(revision))
    ledger.reviews.add(project.name, revision, uri, found.updated_date)
    log.info(
        "project %s batch %s job %d: revision %s, %s, %d annotations",
        project.name, job.batch_id, found.id, revision.id[:12], revision.accepted, len(annotations),
    )  # fmt: skip


def _annotation(image_ids: Sequence[str], shape: CvatShape, labels: ProjectLabels) -> Annotation:
    attributes = sorted((labels.attribute_name(a.spec_id), a.value) for a in shape.attributes)
    return Annotation(
        image_id=image_ids[shape.frame],
        shape=Shape(
            label=labels.name(shape.label_id),
            type=ShapeType(shape.type),
            points=shape.points,
            rotation=shape.rotation,
            occluded=shape.occluded,
            attributes=tuple(attributes),
        ),
        source=shape.source,
        shape_id=shape.id,
    )
