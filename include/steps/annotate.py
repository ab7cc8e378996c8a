"""Auto-annotate: the ledger's predictions into CVAT, with their scores.

Annotating twice leaves one set of shapes, and what people deleted stays deleted (`include/steps/draw.py`).
"""

from collections.abc import Mapping, Sequence

from include.clients.bulk import BulkStore
from include.clients.cvat import Attribute, Canvas, CvatClient, LabelRow, NewShape, ProjectLabels
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Applied, Batch, Job
from include.lifecycle.batches import Stage
from include.lifecycle.images import Image
from include.lifecycle.predictions import Prediction
from include.lifecycle.shapes import Shape
from include.projects.model import Project
from include.steps.batches import BatchError, each_batch, task_of
from include.steps.draw import JobPlan, cvat_job, draw
from include.steps.functions import Functions
from include.steps.predict import read_predictions


def annotate(project: Project, batch_ids: Sequence[str], cvat: CvatClient, store: BulkStore, ledger: Ledger) -> int:
    """Bring the predictions of every checked batch into CVAT, job by job, and say for how many batches.

    Annotators that live in CVAT are asked first, and their answers kept like those of others.

    A prediction that CVAT's rules do not allow is left out, with its reason in the log and the audit. A batch with more
    of them than the project's share is set aside before anything is drawn.
    """
    project_id = cvat.find_project(project.name)
    if project_id is None:
        raise BatchError(f"CVAT at {cvat.url} has no project {project.name!r} any more: somebody has deleted it")
    labels = cvat.labels(project_id)
    functions = Functions(project, labels, cvat, store, ledger)

    def work(batch: Batch) -> None:
        functions.ask(batch)
        jobs = ledger.batches.jobs(batch.id)
        plans = _plans(project, batch, jobs, labels, cvat, store, ledger)
        _check_refusals(project, batch, list(plans.values()))
        for job in jobs:
            if job.applied in (None, Applied.INTENDED):
                draw(project, batch, job, plans[job.index], cvat, ledger)
        ledger.batches.advance(batch.id, Stage.ANNOTATED)

    return each_batch(batch_ids, Stage.CHECKED, ledger, work)


def _plans(
    project: Project,
    batch: Batch,
    jobs: Sequence[Job],
    labels: ProjectLabels,
    cvat: CvatClient,
    store: BulkStore,
    ledger: Ledger,
) -> Mapping[int, JobPlan]:
    """What is to be drawn, by job index."""
    images = ledger.images.of_batch(batch.id)
    answers = _answers(project, batch, images, store, ledger)
    meta = cvat.meta(task_of(batch))
    plans = {job.index: JobPlan() for job in jobs}
    for job in jobs:
        canvas = Canvas(cvat_job(job), job.start, job.stop, meta, labels)
        for frame in range(job.start, job.stop):
            for prediction in answers[images[frame].id]:
                _add(plans[job.index], canvas, frame, prediction)
    return plans


def _answers(
    project: Project, batch: Batch, images: Sequence[Image], store: BulkStore, ledger: Ledger
) -> Mapping[str, Sequence[Prediction]]:
    """What is to be drawn on each image, of all annotators that draw."""
    answers: dict[str, list[Prediction]] = {image.id: [] for image in images}
    for annotator in (one.id for one in batch.asked if one.draws):
        found = read_predictions(project, annotator, list(answers), store, ledger)
        if lacking := [image.uri for image in images if image.id not in found]:
            raise BatchError(
                f"the ledger has no predictions of {annotator} for {lacking[0]}: it was changed by hand, "
                "or this is a function in CVAT that the project's file does not name so any more"
            )
        for image_id, predictions in found.items():
            answers[image_id] += predictions.objects
    return answers


def _add(plan: JobPlan, canvas: Canvas, frame: int, prediction: Prediction) -> None:
    shape = _new_shape(frame, prediction, canvas.labels)
    if refusal := canvas.refusal(shape):
        plan.refusals.append(f"{prediction.id}: {refusal}")
        return
    plan.predictions.append(prediction)
    plan.shapes.append(shape)


def _check_refusals(project: Project, batch: Batch, plans: Sequence[JobPlan]) -> None:
    refusals = [refusal for plan in plans for refusal in plan.refusals]
    total = len(refusals) + sum(len(plan.shapes) for plan in plans)
    if len(refusals) > total * project.images.max_failed_share:
        drawing = ", ".join(one.id for one in batch.asked if one.draws)
        raise BatchError(
            f"{len(refusals)} of {total} predictions of {drawing} cannot be drawn, and project {project.name} "
            f"tolerates {project.images.max_failed_share:.0%} (images.max_failed_share): {refusals[0]}"
        )


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
        rotation=shape.rotation % 360,  # CVAT takes 0 to 360
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
