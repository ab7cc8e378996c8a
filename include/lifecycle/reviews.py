"""Reviews: the final annotations of finished jobs, as immutable revisions."""

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
    """One final annotation of an image. The shape id is CVAT's: it links an annotation to what was applied, and is
    not part of any digest. The source is CVAT's word (`manual`, `auto`, `semi-auto`, …)."""

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
