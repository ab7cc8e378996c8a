"""Outcomes: what people did with the predictions that they were shown."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from include.evaluation.matching import match_same_then_any_label, overlap_matrix, same_label
from include.evaluation.reviewed import ReviewedImage
from include.lifecycle.predictions import Prediction
from include.lifecycle.reviews import Annotation
from include.lifecycle.shapes import Shape

TOLERANCE = 0.05  # pixels, and degrees: CVAT's interface rounds to two decimals


class Outcome(StrEnum):
    """The fate of an applied prediction, or `added`: an annotation that no applied prediction led to."""

    KEPT = "kept"
    EDITED = "edited"
    RELABELLED = "relabelled"
    DELETED = "deleted"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """How many objects came to each outcome. Nothing is weighted: this is what people did."""

    kept: int = 0
    edited: int = 0
    relabelled: int = 0
    deleted: int = 0
    added: int = 0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The counts in total, by class and by the person who finished the job, sorted by name: an added object counts for
    its own label, all others for the predicted one."""

    total: OutcomeCounts
    by_class: Mapping[str, OutcomeCounts]
    by_person: Mapping[str, OutcomeCounts]


def outcome_of(applied: Shape, final: Shape) -> Outcome:
    """What people did to a shape that is still there: kept means label, geometry (within 0.05 pixels and
    degrees) and all attributes, occlusion among them, as applied."""
    if applied.label != final.label:
        return Outcome.RELABELLED
    marks = (applied.type, applied.occluded, applied.attributes)
    if marks == (final.type, final.occluded, final.attributes) and _same_geometry(applied, final):
        return Outcome.KEPT
    return Outcome.EDITED


def outcomes_of(image: ReviewedImage, iou: float) -> list[tuple[str, Outcome]]:
    """The class and outcome of every applied prediction, then those of every added annotation.

    A prediction is linked to the annotation that has its shape id. As CVAT does not promise that ids are
    stable, those left over are linked by overlap (`matching.paired_overlap`) from `iou` up, one to one, the same label
    first.
    """
    shown = sorted((p for p in image.predictions if p.id in image.applied), key=lambda p: p.id)
    by_shape_id = {annotation.shape_id: annotation for annotation in image.annotations}
    links = {p.id: by_shape_id[image.applied[p.id]] for p in shown if image.applied[p.id] in by_shape_id}
    linked = {annotation.shape_id for annotation in links.values()}
    lost = [prediction for prediction in shown if prediction.id not in links]
    new = [annotation for annotation in image.annotations if annotation.shape_id not in linked]
    if lost and new:
        links |= _by_overlap(lost, new, image.size, iou)
    linked = {annotation.shape_id for annotation in links.values()}
    fates = [
        (p.shape.label, outcome_of(p.shape, links[p.id].shape) if p.id in links else Outcome.DELETED) for p in shown
    ]
    return fates + [(a.shape.label, Outcome.ADDED) for a in image.annotations if a.shape_id not in linked]


class OutcomeCounter:
    """Counts the outcomes of images, one after another."""

    def __init__(self, iou: float) -> None:
        self._iou = iou
        self._counts = Counter[tuple[str, str, Outcome]]()

    def add(self, image: ReviewedImage) -> None:
        """Count what became of an image's predictions."""
        self._counts.update((image.finished_by, *fate) for fate in outcomes_of(image, self._iou))

    @property
    def outcomes(self) -> Outcomes:
        """The counts so far."""
        by_class, by_person = defaultdict[str, Counter[str]](Counter), defaultdict[str, Counter[str]](Counter)
        for (person, label, outcome), count in self._counts.items():
            by_class[label][outcome] += count
            by_person[person][outcome] += count
        total = sum(by_class.values(), Counter[str]())
        return Outcomes(OutcomeCounts(**total), _sorted(by_class), _sorted(by_person))


def count_outcomes(images: Iterable[ReviewedImage], iou: float) -> Outcomes:
    """The outcomes of all images, counted; see `outcomes_of`."""
    counter = OutcomeCounter(iou)
    for image in images:
        counter.add(image)
    return counter.outcomes


def _sorted(counts: Mapping[str, Mapping[str, int]]) -> dict[str, OutcomeCounts]:
    return {name: OutcomeCounts(**counts[name]) for name in sorted(counts)}


def _by_overlap(
    lost: list[Prediction], new: list[Annotation], size: tuple[int, int], iou: float
) -> dict[str, Annotation]:
    new = sorted(new, key=lambda annotation: (annotation.shape.points, annotation.shape_id))
    shapes, others = [p.shape for p in lost], [a.shape for a in new]
    overlaps = overlap_matrix(shapes, others, size)
    pairs = match_same_then_any_label(overlaps, same_label(shapes, others), iou)
    return {lost[row].id: new[column] for row, column in pairs}


def _same_geometry(a: Shape, b: Shape) -> bool:
    turned = abs(a.rotation - b.rotation) % 360
    near = all(abs(p - q) <= TOLERANCE for p, q in zip(a.points, b.points, strict=False))
    return len(a.points) == len(b.points) and near and min(turned, 360 - turned) <= TOLERANCE
