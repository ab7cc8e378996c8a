"""Doubled images: those that two people or more worked on, each without the other."""

from dataclasses import dataclass

from include.lifecycle.reviews import Annotation


@dataclass(frozen=True, slots=True)
class DrawnBy:
    """What a person left on an image."""

    person: str
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class DoubledImage:
    """An image, and what each of at least two people left on it."""

    image_id: str
    drawn: tuple[DrawnBy, ...]
