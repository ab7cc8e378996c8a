"""Reviews: the final annotations of finished jobs, as immutable revisions."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from include.lifecycle.shapes import Shape


class Acceptance(StrEnum):
    """How a job's annotations came to count."""

    PERSON = "person"
    AUDIT = "audit"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One final annotation of an image. The shape id is CVAT's, a tag's is its negative (CVAT numbers them apart): it
    links an annotation to what was applied, and is not part of any digest. The source is CVAT's word (`manual`,
    `auto`, `semi-auto`, …)."""

    image_id: str
    shape: Shape
    source: str
    shape_id: int


@dataclass(frozen=True, slots=True)
class Revision:
    """The annotations of one job at one moment. The id is the digest of its canonical rows; the probability is that
    of the job's having been given to people (1 for a review, the audit share for an audit, 0 for an automatic one);
    times are ISO 8601 in UTC."""

    id: str
    batch_id: str
    job_index: int
    image_ids: tuple[str, ...]
    annotations: tuple[Annotation, ...]
    accepted: Acceptance
    probability: float
    finished_by: str
    finished_at: str


def revision_id(image_ids: Iterable[str], annotations: Iterable[Annotation]) -> str:
    """The digest of a job's canonical rows: SHA-256 over its images and, sorted, what is drawn on them.

    Points count to 0.01 px, as CVAT keeps them, and rotations to 0.01 degrees of one turn. Shape ids and sources do
    not count: they say how an annotation came to be, not what it is.
    """
    rows = sorted(_row(annotation) for annotation in annotations)
    text = json.dumps([list(image_ids), rows], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _row(annotation: Annotation) -> list[object]:
    shape = annotation.shape
    points = [_rounded(value) for value in shape.points]
    rotation = _rounded(_rounded(shape.rotation % 360) % 360)  # a whole turn, however it was rounded up, is none
    attributes = [list(pair) for pair in sorted(shape.attributes)]
    return [annotation.image_id, shape.label, shape.type, points, rotation, shape.occluded, attributes]


def _rounded(value: float) -> float:
    return round(value, 2) + 0.0  # + 0.0 makes -0.0 the same as 0.0, and 3 the same as 3.0
