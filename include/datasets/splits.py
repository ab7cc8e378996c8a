"""Splits: which part of a dataset an image belongs to, for ever."""

import hashlib
import math
from collections.abc import Mapping


def split_of(image_key: str, splits: Mapping[str, float], seed: str) -> str:
    """The split of an image, drawn by a hash of its content, so that the same content is always in one split
    and new images move no old ones.

    The image key stands for the content: the etag. Splits are shares that add up to 1, by name; their order
    does not matter. Another seed is another draw. Raises ValueError where the shares are no shares of a
    whole.
    """
    check_shares(splits)
    digest = hashlib.sha256(f"{seed}\n{image_key}".encode()).digest()
    draw = int.from_bytes(digest[:4]) / 2**32  # uniform in [0, 1), exact in a double
    ordered = sorted(name for name in splits if splits[name] > 0)
    reached = 0.0
    for name in ordered[:-1]:
        reached += splits[name]
        if draw < reached:
            return name
    return ordered[-1]


def check_shares(splits: Mapping[str, float]) -> None:
    """Raise ValueError unless the shares are in 0..1 and add up to 1, within 1e-9."""
    for name, share in splits.items():
        if not 0 <= share <= 1:
            raise ValueError(f"split {name!r}: its share must be in 0..1, not {share}")
    total = math.fsum(splits.values())
    if abs(total - 1) > 1e-9:
        raise ValueError(f"the shares of the splits must add up to 1, not {total:g}: {dict(splits)}")
