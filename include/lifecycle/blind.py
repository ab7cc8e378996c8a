"""Which batches and images people draw blind: by seeded digests, so that every run draws the same, and the probability
of each image is known."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from include.projects.blind import GroundTruth, Replicas


@dataclass(frozen=True, slots=True)
class Sample:
    """Frames of a batch, and the probability with which each of its images came to be among them, in 0..1."""

    frames: tuple[int, ...]
    probability: float


def ground_truth_sample(batch_id: str, image_ids: Sequence[str], rules: GroundTruth) -> Sample | None:
    """The frames of a batch's ground truth, in order; None for a batch that gets none.

    A batch is drawn with the probability `rules.batches`; in it, so many images, each set of them equally likely.
    """
    if _fraction(rules.seed, "ground truth", batch_id) >= rules.batches:
        return None
    count = min(rules.images, len(image_ids))
    drawn = sorted(range(len(image_ids)), key=lambda frame: _fraction(rules.seed, "image", image_ids[frame]))
    return Sample(tuple(sorted(drawn[:count])), rules.batches * count / len(image_ids))


def copies_of(batch_id: str, rules: Replicas | None) -> int:
    """How many replicas each job of a batch gets. A batch is drawn with the probability `rules.batches`."""
    if rules is None or _fraction(rules.seed, "replicas", batch_id) >= rules.batches:
        return 0
    return rules.copies


def _fraction(seed: str, what: str, name: str) -> float:
    """The first 8 bytes of SHA-256 as a fraction of 2**64; what is drawn is part of it, or one draw were the other."""
    digest = hashlib.sha256(f"{seed}\n{what}\n{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
