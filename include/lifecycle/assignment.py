"""Assignment: which of a project's annotators are asked about an image."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from include.projects.annotators import Annotator


@dataclass(frozen=True, slots=True)
class Version:
    """An annotator as it is loaded: `name@version`, whether its scores say anything, and whether it is asked only once
    the images are in CVAT."""

    id: str
    scored: bool = True
    deferred: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """An annotator version (`name@version`) that was asked about an image, and whether its answer is drawn in CVAT."""

    id: str
    draws: bool = True


def assigned(image_id: str, annotators: Sequence[Annotator], seed: int) -> tuple[int, ...]:
    """The indices of those annotators that are asked about an image: of each name one, in the file's order.

    Annotators of one name are versions that split the images by their shares (A/B): each image falls to one of them,
    the same in every run. The draw is the first 8 bytes of SHA-256 as a fraction of 2**64.
    """
    names = dict.fromkeys(annotator.called for annotator in annotators)
    return tuple(sorted(_drawn(name, image_id, annotators, seed) for name in names))


def _drawn(name: str, image_id: str, annotators: Sequence[Annotator], seed: int) -> int:
    versions = [index for index, annotator in enumerate(annotators) if annotator.called == name]
    digest = hashlib.sha256(f"{seed}\n{name}\n{image_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    ends = accumulate(annotators[index].share for index in versions)
    return next((index for index, end in zip(versions, ends, strict=True) if place < end), versions[-1])
