"""An evaluation: one annotator's predictions against a set of revisions."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from include.evaluation.average_precision import AveragePrecision, average_precision
from include.evaluation.columns import sheet
from include.evaluation.confusion import Confusion, confusion
from include.evaluation.detection import Figures, detection_figures
from include.evaluation.errors import ErrorTypes, error_types
from include.evaluation.outcomes import OutcomeCounter, Outcomes
from include.evaluation.overlaps import pairs_of, scored_from
from include.evaluation.places import Places, SizeCounts, by_size, places
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
from include.evaluation.tally import right_pairs, tally
from include.evaluation.timeline import Period, timeline
from include.evaluation.won import won
from include.evaluation.worst import WorstImage, worst_images
from include.lifecycle.reviews import Acceptance


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what is finished people looked at. Finished is reviewed, audited or accepted
    automatically."""

    jobs_reviewed: int
    jobs_finished: int
    images_reviewed: int
    images_finished: int

    @property
    def share_measured(self) -> float | None:
        """Images reviewed per image finished, in 0..1; None where nothing is finished."""
        return self.images_reviewed / self.images_finished if self.images_finished else None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One annotator (`name@version`) against the revisions named.

    `figures` are for everything finished, `audit` for the audit sample alone (None without one), `timeline` by day or
    week. `precision` and `errors_won` (by how much mean average precision at the settings' IoU would be higher without
    a type of error) are None where all scores are equal: there is no order to average over. `outcomes` is what people
    did with the predictions they were shown (None for an annotator that people were shown nothing of).

    The id is the digest of the revisions, the annotator and the settings: the same question, the same id.
    """

    id: str
    annotator: str
    settings: EvaluationSettings
    revision_ids: tuple[str, ...]
    coverage: Coverage
    figures: Figures
    audit: Figures | None
    precision: AveragePrecision | None
    errors: ErrorTypes
    errors_won: ErrorTypes | None
    confusion: Confusion
    by_size: Mapping[str, SizeCounts]
    places: Places
    timeline: tuple[Period, ...]
    worst: tuple[WorstImage, ...]
    outcomes: Outcomes | None


_JSON: TypeAdapter[Evaluation] = TypeAdapter(Evaluation)


def evaluate(
    images: Iterable[ReviewedImage],
    settings: EvaluationSettings,
    *,
    annotator: str,
    revision_ids: Collection[str],
    jobs_finished: int,
    images_finished: int,
    shown: bool = True,
) -> Evaluation:
    """Evaluate the images of all reviewed jobs, whose revisions are named, against what the annotator
    predicted; `shown` says whether people saw that. The images are read once, one at a time.

    The order of images and objects does not matter. Raises ValueError where a job was accepted automatically
    (no person saw it: such a figure would measure the model against itself), where an image comes twice,
    where a prediction is another annotator's, or where more is reviewed than is finished.
    """
    counter = OutcomeCounter(settings.outcome_iou)
    seen = sheet(_checked(images, annotator, counter if shown else None))
    revisions = tuple(sorted(set(revision_ids)))
    coverage = Coverage(len(revisions), jobs_finished, seen.images, images_finished)
    if coverage.images_reviewed > coverage.images_finished or coverage.jobs_reviewed > coverage.jobs_finished:
        raise ValueError(f"more is reviewed than is finished: {coverage}")
    all_pairs = pairs_of(seen)
    scored, pairs = scored_from(seen, all_pairs, settings.min_score)
    right = right_pairs(scored, pairs, settings.iou)
    counts = tally(scored, right)
    return Evaluation(
        id=evaluation_id(revisions, annotator, settings),
        annotator=annotator,
        settings=settings,
        revision_ids=revisions,
        coverage=coverage,
        figures=detection_figures(counts),
        audit=detection_figures(counts.of(seen.audited)) if seen.audited.any() else None,
        precision=average_precision(seen, all_pairs),
        errors=error_types(scored, pairs, right, settings.iou),
        errors_won=won(scored, pairs, right, settings.iou),
        confusion=confusion(scored, pairs, right, settings.iou),
        by_size=by_size(scored, right),
        places=places(scored, right),
        timeline=timeline(counts, seen.finished_at),
        worst=worst_images(scored, pairs, right, settings.iou),
        outcomes=counter.outcomes if shown else None,
    )


def evaluation_id(revision_ids: Collection[str], annotator: str, settings: EvaluationSettings) -> str:
    """16 hexadecimal digits of SHA-256 over the set of revisions, the annotator and the settings."""
    question = [sorted(set(revision_ids)), annotator, asdict(settings)]
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:16]


def to_json(evaluation: Evaluation) -> str:
    """The evaluation as indented JSON, the same text for the same evaluation; `from_json` reads it."""
    return _JSON.dump_json(evaluation, indent=2).decode() + "\n"


def from_json(text: str) -> Evaluation:
    """The evaluation that `to_json` wrote. Raises ValueError (pydantic's, naming the field) where it is
    none."""
    return _JSON.validate_json(text)


def _checked(
    images: Iterable[ReviewedImage], annotator: str, counter: OutcomeCounter | None
) -> Iterator[ReviewedImage]:
    """The images, looked at and counted as they pass."""
    for image in images:
        if image.accepted is Acceptance.AUTOMATIC:
            raise ValueError(f"image {image.image_id} was accepted automatically: only what people saw is evaluated")
        for prediction in image.predictions:
            if prediction.annotator != annotator:
                raise ValueError(f"image {image.image_id}: {prediction.annotator} predicted it, not {annotator}")
        if counter:
            counter.add(image)
        yield image
