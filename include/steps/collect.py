"""Collect: the annotations of finished jobs, read once, as immutable revisions."""

from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta

from include.clients.bulk import BulkStore
from include.clients.cvat import (
    Annotations,
    BrokenError,
    Content,
    CvatClient,
    CvatError,
    CvatJob,
    CvatShape,
    InvalidError,
    NotFoundError,
    ProjectLabels,
)
from include.clients.cvat.shapes import shape_of
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Job
from include.clients.tables import revision_table
from include.lifecycle.geometry import is_mask
from include.lifecycle.reviews import Acceptance, Annotation, Revision, revision_id
from include.lifecycle.routing import Route
from include.lifecycle.shapes import Shape, ShapeType
from include.projects.model import Project
from include.steps.batches import log

OVERLAP = timedelta(minutes=5)  # CVAT's clock may run backwards, and rows may appear late
_STAGES = ("annotation", "validation", "acceptance")
_ACCEPTANCE = {
    Route.REVIEW: Acceptance.PERSON,
    Route.AUDIT: Acceptance.AUDIT,
    Route.ACCEPT: Acceptance.AUTOMATIC,
}


class JobError(Exception):
    """What is in a finished job cannot be kept as it is; the message says what a person is to mend in CVAT."""


def collect_revisions(project: Project, cvat: CvatClient, store: BulkStore, ledger: Ledger) -> int:
    """Keep the annotations of every job that was finished, or changed after it, since the last look; say how many.

    Finished is what the project says (`done`), or later. A job that is not ours is passed over. One that cannot be kept
    is set aside with its reason, and tried again by every run: the others go on.
    """
    project_id = cvat.find_project(project.name)
    if project_id is None:
        return 0
    jobs = ledger.batches.jobs_by_cvat(project.name)
    updated = cvat.jobs_updated_since(project_id, project.done.state, _since(list(jobs.values())))
    labels = cvat.labels(project_id)  # after the jobs: a label that is made now changes the jobs that use it
    due = [found for found in updated if _is_due(project, found, jobs.get(found.id))]
    count = 0
    for found, content in zip(due, cvat.annotations.each([found.id for found in due]), strict=True):
        job = jobs[found.id]
        where = f"project {project.name} batch {job.batch_id} task {found.task_id} job {found.id}"
        try:
            _collect(project, job, found, content, labels, store, ledger, where)
            count += 1
        except (JobError, InvalidError, NotFoundError, BrokenError) as error:
            log.error("%s: cannot be collected: %s", where, error)
            ledger.reviews.refuse(job.batch_id, job.index, str(error))
            if job.note != str(error):
                ledger.audit.add(project.name, "set aside", f"{job.batch_id}/{job.index}", f"job {found.id}: {error}")
    return count


def _since(jobs: Sequence[Job]) -> datetime | None:
    """From when on changes may not have been seen; None (from the beginning) while a job is set aside."""
    if any(job.note for job in jobs):
        return None
    seen = [datetime.fromisoformat(job.seen_update) for job in jobs if job.seen_update]
    return max(seen) - OVERLAP if seen else None


def _is_due(project: Project, found: CvatJob, job: Job | None) -> bool:
    """Whether a job is ours, done, and changed since it was last kept."""
    if job is None or found.updated_date == job.seen_update:
        return False
    return is_done(project, found)


def is_done(project: Project, found: CvatJob) -> bool:
    """Whether a completed job is in the stage that the project says, or a later one."""
    return _STAGES.index(found.stage) >= _STAGES.index(project.done.stage)


def _collect(
    project: Project,
    job: Job,
    found: CvatJob,
    content: Content | CvatError,
    labels: ProjectLabels,
    store: BulkStore,
    ledger: Ledger,
    where: str,
) -> None:
    if isinstance(content, CvatError):
        raise content
    images = _images(job, content.deleted_frames, ledger)
    annotations = annotations_of(range(job.start, job.stop), images, content.annotations, labels)
    revision = Revision(
        id=revision_id(images.values(), annotations),
        batch_id=job.batch_id,
        job_index=job.index,
        image_ids=tuple(images.values()),
        annotations=annotations,
        accepted=_ACCEPTANCE[job.route],
        probability=job.probability,
        finished_by=found.assignee.username if found.assignee else "",
        finished_at=datetime.fromisoformat(found.updated_date).astimezone(UTC).isoformat(),
    )
    uri = store.write(f"revisions/{project.name}", revision_table(revision))
    ledger.reviews.add(project.name, revision, uri, found.updated_date, assigned_at(found))
    log.info("%s: revision %s, %s, %d annotations", where, revision.id[:12], revision.accepted, len(annotations))


def assigned_at(found: CvatJob) -> datetime | None:
    """When the person who has a job was given it, by the server's clock, where CVAT tells."""
    if found.assignee is None or found.assignee_updated_date is None:
        return None
    return datetime.fromisoformat(found.assignee_updated_date)


def _images(job: Job, deleted: Set[int], ledger: Ledger) -> Mapping[int, str]:
    """Image ids by frame; without the frames that people took out."""
    image_ids = [image.id for image in ledger.images.of_batch(job.batch_id)]
    return {frame: image_ids[frame] for frame in range(job.start, job.stop) if frame not in deleted}


def annotations_of(
    frames: range, images: Mapping[int, str], drawn: Annotations, labels: ProjectLabels
) -> tuple[Annotation, ...]:
    """What is drawn on the images of a job of these frames. Raises JobError for what Labelcycle does not carry."""
    if drawn.tracks:
        raise JobError(
            f"it has {len(drawn.tracks)} tracks, and only shapes and tags are carried: draw each of their objects as a "
            "shape, and delete the tracks"
        )
    if strays := [shape for shape in drawn.objects if shape.frame not in frames]:
        raise JobError(f"{_name(strays[0])} is on frame {strays[0].frame}, and the job ends at {frames.stop - 1}")
    return tuple(
        Annotation(images[shape.frame], _shape(shape, labels), shape.source, shape.id)
        for shape in drawn.objects
        if shape.frame in images
    )


def _shape(shape: CvatShape, labels: ProjectLabels) -> Shape:
    label = labels.by_id(shape.label_id)
    if label is None:
        raise JobError(f"{_name(shape)} has the label {shape.label_id}, which the project does not have any more")
    if shape.type != label.type:
        raise JobError(f"{_name(shape)} is a {shape.type}, and {label.name!r} is a label for a {label.type}")
    if shape.type not in frozenset(ShapeType):
        raise JobError(f"{_name(shape)} is a {shape.type}, and such shapes are not carried: delete it")
    if shape.type == ShapeType.MASK and not is_mask(shape.points):
        raise JobError(f"{_name(shape)} is a mask without a pixel, or its run lengths do not fill its box: delete it")
    known = {spec.id for spec in label.attributes}
    if unknown := [a.spec_id for a in shape.attributes if a.spec_id not in known]:
        raise JobError(f"{_name(shape)} has the attribute {unknown[0]}, which {label.name!r} does not have any more")
    return shape_of(shape, label)


def _name(shape: CvatShape) -> str:
    """As CVAT's interface numbers it."""
    return f"tag {-shape.id}" if shape.type == ShapeType.TAG else f"shape {shape.id}"
