"""Auto-annotate: the ledger's predictions into CVAT, with their scores. Intent before each write, outcome after.

Annotating twice leaves one set of shapes, and what people deleted stays deleted: what the ledger says was applied is
never written again, and a write whose outcome is unknown is completed only where nobody can have been since.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from include.clients.bulk import BulkStore
from include.clients.cvat import Attribute, CvatClient, CvatJob, CvatShape, LabelRow, NewShape, ProjectLabels
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Applied, Batch, Job
from include.lifecycle.batches import Stage
from include.lifecycle.predictions import Prediction
from include.lifecycle.shapes import Shape
from include.projects.model import Project
from include.steps.batches import BatchError, each_batch, log, seconds_left, words
from include.steps.predict import read_predictions

Planned = Sequence[tuple[Prediction, NewShape]]
_SAVED = timedelta(seconds=1)  # a job changed that long after it was made has been saved by somebody


def annotate(project: Project, batch_ids: Sequence[str], cvat: CvatClient, store: BulkStore, ledger: Ledger) -> int:
    """Bring the predictions of every checked batch into CVAT, job by job, and say for how many batches."""
    project_id = cvat.find_project(project.name)
    if project_id is None:
        raise BatchError(f"CVAT at {cvat.url} has no project {project.name!r} any more: somebody has deleted it")
    labels = cvat.labels(project_id)

    def work(batch: Batch) -> None:
        jobs = ledger.batches.jobs(batch.id)
        planned = _planned(project, batch, jobs, labels, store, ledger)
        for job in jobs:
            if job.applied in (None, Applied.INTENDED):
                _annotate_job(project, batch, job, planned[job.index], cvat, ledger)
        ledger.batches.advance(batch.id, Stage.ANNOTATED)

    return each_batch(batch_ids, Stage.CHECKED, ledger, work)


def _planned(
    project: Project, batch: Batch, jobs: Sequence[Job], labels: ProjectLabels, store: BulkStore, ledger: Ledger
) -> Mapping[int, Planned]:
    """What is to be drawn, by job index, in the order of frames."""
    images = ledger.images.of_batch(batch.id)
    answers: dict[str, list[Prediction]] = {image.id: [] for image in images}
    for annotator in (one.id for one in batch.asked if one.draws):
        found = read_predictions(project, annotator, list(answers), store, ledger)
        if lacking := [image.uri for image in images if image.id not in found]:
            raise BatchError(f"the ledger has no predictions of {annotator} for {lacking[0]}: it was changed by hand")
        for image_id, predictions in found.items():
            answers[image_id] += predictions.objects
    return {
        job.index: [
            (prediction, _new_shape(frame, prediction, labels))
            for frame in range(job.start, job.stop)
            for prediction in answers[images[frame].id]
        ]
        for job in jobs
    }


def _annotate_job(project: Project, batch: Batch, job: Job, planned: Planned, cvat: CvatClient, ledger: Ledger) -> None:
    found: Sequence[CvatShape] = ()
    if job.applied is Applied.INTENDED and planned:
        time.sleep(seconds_left(job.applied_at, project))  # the server may still be writing
        try:
            found = _already_there(cvat_job(job), planned, cvat)
        except PeopleWereThere as reason:
            log.error("%s: %s", words(batch, job), reason)
            ledger.batches.need_attention(batch.id, job.index, str(reason))
            ledger.audit.add(batch.project, "need attention", f"{batch.id}/{job.index}", f"job {job.cvat_id}: {reason}")
            return
    ledger.batches.intend(batch.id, job.index, datetime.now(UTC))
    shapes = found or _created(words(batch, job), cvat_job(job), planned, cvat)
    shape_ids = {prediction.id: shape.id for (prediction, _), shape in zip(planned, shapes, strict=True)}
    ledger.batches.apply(batch.id, job.index, shape_ids, datetime.now(UTC))
    log.info("%s: %d shapes applied, %d of them earlier", words(batch, job), len(shapes), len(found))


class PeopleWereThere(Exception):
    """Whether the predictions came into a job is unknown, and people may have been in it: one of them decides."""


def _already_there(cvat_id: int, planned: Planned, cvat: CvatClient) -> Sequence[CvatShape]:
    """The shapes of an earlier write in the order planned; none where it never came through.

    CVAT writes all of a call or nothing. So an untouched job holds the planned shapes once, or twice where a write was
    done twice (then the twins are removed), or nothing and was never saved. Raises PeopleWereThere for any other.
    """
    job, drawn = cvat.job(cvat_id), cvat.annotations.read(cvat_id)
    if (job.stage, job.state) != ("annotation", "new"):
        raise PeopleWereThere(f"were the predictions applied? The job is {job.stage} {job.state} by now")
    if not (drawn.shapes or drawn.tags or drawn.tracks):
        if _was_saved(job):
            raise PeopleWereThere("were the predictions applied? The job is empty, but was changed since it was made")
        return ()
    by_look: dict[object, list[CvatShape]] = defaultdict(list)
    for shape in sorted(drawn.shapes, key=lambda shape: shape.id):
        by_look[_look(shape)].append(shape)
    times = len(drawn.shapes) // len(planned)
    as_sent = {look: times * count for look, count in Counter(_look(shape) for _, shape in planned).items()}
    if drawn.tags or drawn.tracks or {look: len(shapes) for look, shapes in by_look.items()} != as_sent:
        raise PeopleWereThere("were the predictions applied? What is drawn in the job is not what was to be")
    found = [by_look[_look(shape)].pop(0) for _, shape in planned]
    if twins := [shape for left in by_look.values() for shape in left]:
        cvat.annotations.delete(cvat_id, twins)
    return found


def _was_saved(job: CvatJob) -> bool:
    return datetime.fromisoformat(job.updated_date) - datetime.fromisoformat(job.created_date) > _SAVED


def _look(shape: NewShape | CvatShape) -> object:
    """What makes a shape ours and untouched: place, label, attributes, source and score, as sent."""
    points = tuple(round(value, 2) for value in shape.points)
    attributes = tuple(sorted((attribute.spec_id, attribute.value) for attribute in shape.attributes))
    place = (shape.frame, shape.type, points, round(shape.rotation, 2), shape.occluded)
    return place, shape.label_id, attributes, shape.source, round(shape.score, 4)


def _created(where: str, cvat_id: int, planned: Planned, cvat: CvatClient) -> Sequence[CvatShape]:
    """Shapes made in CVAT, which answers with those of one job in the order sent."""
    if not planned:
        return ()
    created = cvat.annotations.create(cvat_id, [shape for _, shape in planned])
    if [_look(shape) for _, shape in planned] != [_look(shape) for shape in created]:
        raise BatchError(f"{where}: CVAT did not create what it was sent: {len(created)} of {len(planned)} shapes")
    return created


def _new_shape(frame: int, prediction: Prediction, labels: ProjectLabels) -> NewShape:
    shape = prediction.shape
    label = labels.named(shape.label)
    if label is None:
        known = ", ".join(labels.names)
        raise BatchError(
            f"{prediction.annotator} predicts {shape.label!r}, which is none of the labels in CVAT: {known}"
        )
    return NewShape(
        frame=frame,
        label_id=label.id,
        type=shape.type,
        points=shape.points,
        source="auto",
        score=prediction.score,
        rotation=shape.rotation,
        occluded=shape.occluded,
        attributes=_attributes(shape, label),
    )


def _attributes(shape: Shape, label: LabelRow) -> tuple[Attribute, ...]:
    """All of the label's attributes: CVAT fills in what is not sent, and the shape would look changed."""
    values = dict(shape.attributes)
    if unknown := values.keys() - {spec.name for spec in label.attributes}:
        raise BatchError(
            f"label {label.name!r} has no attribute {min(unknown)!r} in CVAT: add it there and in the YAML"
        )
    return tuple(Attribute(spec.id, values.get(spec.name, spec.default_value)) for spec in label.attributes)


def cvat_job(job: Job) -> int:
    """CVAT's id of a job that has come far enough to have one."""
    if job.cvat_id is None:
        raise RuntimeError(f"job {job.index} of {job.batch_id} has no id: the ledger was changed by hand")
    return job.cvat_id
