"""An evaluation: one annotator's predictions against a set of revisions."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from include.evaluation.detection import Figures, detection_figures
from include.evaluation.outcomes import Outcomes, count_outcomes
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
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
    """One annotator (`name@version`) against the revisions named: the figures for everything finished, the
    same for the audit sample alone (None without one), and what people did with the predictions they were
    shown (None for an annotator that people were shown nothing of).

    The id is the digest of the revisions, the annotator and the settings: the same question, the same id.
    """

    id: str
    annotator: str
    settings: EvaluationSettings
    revision_ids: tuple[str, ...]
    coverage: Coverage
    figures: Figures
    audit: Figures | None
    outcomes: Outcomes | None


_JSON: TypeAdapter[Evaluation] = TypeAdapter(Evaluation)


def evaluate(
    images: Sequence[ReviewedImage],
    settings: EvaluationSettings,
    *,
    annotator: str,
    revision_ids: Collection[str],
    jobs_finished: int,
    images_finished: int,
    shown: bool = True,
) -> Evaluation:
    """Evaluate the images of all reviewed jobs, whose revisions are named, against what the annotator
    predicted; `shown` says whether people saw that.

    The order of images and objects does not matter. Raises ValueError where a job was accepted automatically
    (no person saw it: such a figure would measure the model against itself), where an image comes twice,
    where a prediction is another annotator's, where more is reviewed than is finished, or where a shape is
    no rectangle.
    """
    revisions = tuple(sorted(set(revision_ids)))
    coverage = Coverage(len(revisions), jobs_finished, len(images), images_finished)
    _check(images, annotator, coverage)
    audited = [image for image in images if image.accepted is Acceptance.AUDIT]
    return Evaluation(
        id=evaluation_id(revisions, annotator, settings),
        annotator=annotator,
        settings=settings,
        revision_ids=revisions,
        coverage=coverage,
        figures=detection_figures(images, settings),
        audit=detection_figures(audited, settings) if audited else None,
        outcomes=count_outcomes(images, settings.outcome_iou) if shown else None,
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


def _check(images: Sequence[ReviewedImage], annotator: str, coverage: Coverage) -> None:
    seen: set[str] = set()
    for image in images:
        if image.accepted is Acceptance.AUTOMATIC:
            raise ValueError(f"image {image.image_id} was accepted automatically: only what people saw is evaluated")
        if image.image_id in seen:
            raise ValueError(f"image {image.image_id} comes twice: take one revision an image")
        seen.add(image.image_id)
        for prediction in image.predictions:
            if prediction.annotator != annotator:
                raise ValueError(f"image {image.image_id}: {prediction.annotator} predicted it, not {annotator}")
    if coverage.images_reviewed > coverage.images_finished or coverage.jobs_reviewed > coverage.jobs_finished:
        raise ValueError(f"more is reviewed than is finished: {coverage}")
