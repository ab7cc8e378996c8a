"""Auto-annotate: the ledger's predictions into CVAT, with their scores. Intent before each write, outcome after.

Annotating twice leaves one set of shapes, and what people deleted stays deleted: what the ledger says was applied is
never written again, and a write whose outcome is unknown is completed only where nobody can have been since.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from include.clients.bulk import BulkStore
from include.clients.cvat import Attribute, CvatClient, CvatShape, NewShape, ProjectLabels
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Applied, Batch, Job
from include.lifecycle.batches import Stage
from include.lifecycle.predictions import Prediction
from include.lifecycle.shapes import Shape
from include.projects.model import Project
from include.steps.batches import BatchError, each_batch, log, look_until_known, words
from include.steps.predict import read_predictions

Planned = list[tuple[Prediction, NewShape]]


def annotate(project: Project, batch_ids: Sequence[str], cvat: CvatClient, store: BulkStore, ledger: Ledger) -> int:
    """Bring the predictions of every checked batch into CVAT, job by job, and say for how many batches."""
    project_id = cvat.find_project(project.name)
    if project_id is None:
        raise BatchError(f"CVAT at {cvat.url} has no project {project.name!r} any more: somebody has deleted it")
    labels = cvat.labels(project_id)

    def work(batch: Batch) -> None:
        planned = _planned(project, batch, labels, store, ledger)
        for job in ledger.batches.jobs(batch.id):
            _annotate_job(project, batch, job, planned[job.index], cvat, ledger)
        ledger.batches.advance(batch.id, Stage.ANNOTATED)

    return each_batch(batch_ids, Stage.CHECKED, ledger, work)


def _planned(
    project: Project, batch: Batch, labels: ProjectLabels, store: BulkStore, ledger: Ledger
) -> Mapping[int, Planned]:
    """What is to be drawn, by job index, in the order of frames."""
    images = ledger.images.of_batch(batch.id)
    answers = read_predictions(project.name, batch.annotator, [image.id for image in images], store, ledger)
    planned: dict[int, Planned] = {}
    for job in ledger.batches.jobs(batch.id):
        planned[job.index] = [
            (prediction, _new_shape(frame, prediction, labels))
            for frame in range(job.start, job.stop)
            for prediction in answers[images[frame].id].objects
        ]
    return planned


def _annotate_job(project: Project, batch: Batch, job: Job, planned: Planned, cvat: CvatClient, ledger: Ledger) -> None:
    if job.applied in (Applied.APPLIED, Applied.ATTENTION):
        return
    cvat_id = cvat_job(job)
    where = f"{words(batch)} job {cvat_id}"
    found: Mapping[str, CvatShape] = {}
    if job.applied is Applied.INTENDED:
        look_until_known(lambda: None, job.applied_at, project)  # the server may still be writing
        if note := _visited(cvat_id, planned, cvat):
            log.error("%s: %s", where, note)
            ledger.batches.need_attention(batch.id, job.index, note)
            return
        found = _already_there(cvat_id, planned, cvat)
    missing = [(prediction, shape) for prediction, shape in planned if prediction.id not in found]
    ledger.batches.intend(batch.id, job.index, datetime.now(UTC))
    created = cvat.create_shapes(cvat_id, [shape for _, shape in missing]) if missing else []
    shape_ids = {id_: shape.id for id_, shape in found.items()} | _paired(where, missing, created)
    ledger.batches.apply(batch.id, job.index, shape_ids, datetime.now(UTC))
    log.info("%s: %d shapes applied, %d were there", where, len(created), len(found))


def _visited(cvat_id: int, planned: Planned, cvat: CvatClient) -> str | None:
    """Why people may have been in a job whose write has an unknown outcome: then it is asked about, not repaired."""
    job = cvat.job(cvat_id)
    if (job.stage, job.state) != ("annotation", "new"):
        return f"the outcome of a write is unknown, and the job is {job.stage} {job.state} by now: compare and decide"
    ours = {_look(shape) for _, shape in planned}
    strange = [shape for shape in cvat.shapes(cvat_id) if _look(shape) not in ours]
    if strange:
        return (
            f"the outcome of a write is unknown, and {len(strange)} shapes are not as they were sent: people were here"
        )
    return None


def _already_there(cvat_id: int, planned: Planned, cvat: CvatClient) -> Mapping[str, CvatShape]:
    """The shapes of an earlier write by prediction; exact twins, which a write done twice leaves, are removed."""
    by_look: dict[object, list[CvatShape]] = {}
    for shape in sorted(cvat.shapes(cvat_id), key=lambda shape: shape.id):
        by_look.setdefault(_look(shape), []).append(shape)
    found: dict[str, CvatShape] = {}
    for prediction, sent in planned:
        if same := by_look.get(_look(sent)):
            found[prediction.id] = same.pop(0)
    if twins := [shape for left in by_look.values() for shape in left]:
        cvat.delete_shapes(cvat_id, twins)
    return found


def _look(shape: NewShape | CvatShape) -> object:
    """What makes a shape ours and untouched: place, label, attributes, source and score, as sent."""
    points = tuple(round(value, 2) for value in shape.points)
    attributes = tuple(sorted((attribute.spec_id, attribute.value) for attribute in shape.attributes))
    return shape.frame, shape.label_id, points, attributes, shape.source, round(shape.score, 4)


def _paired(where: str, sent: Planned, created: Sequence[CvatShape]) -> dict[str, int]:
    """CVAT's ids by prediction: within a job, shapes come back in the order sent."""
    if [_look(shape) for _, shape in sent] != [_look(shape) for shape in created]:
        raise BatchError(f"{where}: CVAT did not create what it was sent: {len(created)} of {len(sent)} shapes")
    return {prediction.id: shape.id for (prediction, _), shape in zip(sent, created, strict=True)}


def _new_shape(frame: int, prediction: Prediction, labels: ProjectLabels) -> NewShape:
    shape = prediction.shape
    if shape.label not in labels.ids:
        known = ", ".join(sorted(labels.ids))
        raise BatchError(
            f"{prediction.annotator} predicts {shape.label!r}, which is none of the labels in CVAT: {known}"
        )
    return NewShape(
        frame=frame,
        label_id=labels.ids[shape.label],
        type=shape.type,
        points=shape.points,
        source="auto",
        score=prediction.score,
        rotation=shape.rotation,
        occluded=shape.occluded,
        attributes=_attributes(shape, labels),
    )


def _attributes(shape: Shape, labels: ProjectLabels) -> tuple[Attribute, ...]:
    for name, _ in shape.attributes:
        if (shape.label, name) not in labels.attribute_ids:
            raise BatchError(f"label {shape.label!r} has no attribute {name!r} in CVAT: add it to the project's YAML")
    return tuple(Attribute(labels.attribute_ids[shape.label, name], value) for name, value in shape.attributes)


def cvat_job(job: Job) -> int:
    """CVAT's id of a job that has come far enough to have one."""
    if job.cvat_id is None:
        raise RuntimeError(f"job {job.index} of {job.batch_id} has no id: the ledger was changed by hand")
    return job.cvat_id
