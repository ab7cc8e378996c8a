"""Planned: what annotators answered, as shapes to be drawn in jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from include.clients.bulk import BulkStore
from include.clients.cvat import Attribute, Canvas, CvatClient, LabelRow, NewShape, ProjectLabels
from include.clients.ledger import Ledger
from include.lifecycle.assignment import Asked
from include.lifecycle.images import Image
from include.lifecycle.predictions import Prediction
from include.lifecycle.shapes import Shape
from include.projects.model import Project
from include.steps.batches import BatchError
from include.steps.predict import read_predictions


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What is to be drawn in a job, in the order of frames, each shape with its prediction; and why others are not."""

    predictions: list[Prediction] = field(default_factory=list)
    shapes: list[NewShape] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


def labels_in(cvat: CvatClient, project: Project) -> ProjectLabels:
    """The project's labels as CVAT has them. Raises BatchError where CVAT has no such project."""
    project_id = cvat.find_project(project.name)
    if project_id is None:
        raise BatchError(f"CVAT at {cvat.url} has no project {project.name!r} any more: somebody has deleted it")
    return cvat.labels(project_id)


def answers_of(
    project: Project, asked: Sequence[Asked], images: Sequence[Image], store: BulkStore, ledger: Ledger
) -> Mapping[str, Sequence[Prediction]]:
    """What is to be drawn on each image, of all annotators that draw. Raises BatchError where the ledger has no answer
    of one of them."""
    answers: dict[str, list[Prediction]] = {image.id: [] for image in images}
    for annotator in (one.id for one in asked if one.draws):
        found = read_predictions(project, annotator, list(answers), store, ledger)
        if lacking := [image.uri for image in images if image.id not in found]:
            raise BatchError(
                f"the ledger has no predictions of {annotator} for {lacking[0]}: it was changed by hand, "
                "or this is a function in CVAT that the project's file does not name so any more"
            )
        for image_id, predictions in found.items():
            answers[image_id] += predictions.objects
    return answers


def plan_job(canvas: Canvas, images: Sequence[Image], answers: Mapping[str, Sequence[Prediction]]) -> JobPlan:
    """What is to be drawn in a job of a batch with these images."""
    plan = JobPlan()
    for frame in range(canvas.start, canvas.stop):
        for prediction in answers[images[frame].id]:
            shape = new_shape(frame, prediction, canvas.labels)
            if refusal := canvas.refusal(shape):
                plan.refusals.append(f"{prediction.id}: {refusal}")
            else:
                plan.predictions.append(prediction)
                plan.shapes.append(shape)
    return plan


def check_refusals(project: Project, asked: Sequence[Asked], plans: Sequence[JobPlan]) -> None:
    """Raises BatchError where more predictions cannot be drawn than the project tolerates."""
    refusals = [refusal for plan in plans for refusal in plan.refusals]
    total = len(refusals) + sum(len(plan.shapes) for plan in plans)
    if len(refusals) > total * project.images.max_failed_share:
        drawing = ", ".join(one.id for one in asked if one.draws)
        raise BatchError(
            f"{len(refusals)} of {total} predictions of {drawing} cannot be drawn, and project {project.name} "
            f"tolerates {project.images.max_failed_share:.0%} (images.max_failed_share): {refusals[0]}"
        )


def new_shape(frame: int, prediction: Prediction, labels: ProjectLabels) -> NewShape:
    """A prediction as a shape in CVAT. Raises BatchError where CVAT has no such label or attribute."""
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
