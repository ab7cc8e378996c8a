"""Images that several people drew on, and images that people drew blind: what agreement and the unbiased figures are
computed from."""

from dataclasses import dataclass

from include.lifecycle.reviews import Annotation


@dataclass(frozen=True, slots=True)
class DrawnBy:
    """What one person drew on an image. Without a name in CVAT it is told by the job: one such job, one person."""

    person: str
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class DoubledImage:
    """An image, with its size (width, height in pixels), that two or more people drew on, each once: first who had the
    ordinary job, and saw what the models had found, then those who drew from scratch."""

    image_id: str
    size: tuple[int, int]
    drawn: tuple[DrawnBy, ...]


@dataclass(frozen=True, slots=True)
class BlindImage:
    """An image of a finished ground truth: what was drawn on it from scratch, and the probability, in 0..1, with which
    it came to be in a ground truth."""

    image_id: str
    annotations: tuple[Annotation, ...]
    probability: float
