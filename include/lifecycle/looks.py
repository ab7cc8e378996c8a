"""What pictures look like: those that resemble each other, and an order in which unlike ones come first."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_BITS = 64
_MOST_BITS = 7  # beyond, a band has under 8 bits, and nearly every hash shares one with nearly every other
_SHADE = 16  # of 255; saving and scaling a picture again change a mean by about 3


@dataclass(frozen=True, slots=True)
class Look:
    """A perceptual hash of 64 bits as 16 hexadecimal digits, and a vector of features, a number in 0..255 a byte.

    The hash tells structure, not colour, and says little of pictures without any; the features tell colours and where
    they are. Looks can be compared that were made in the same way.
    """

    phash: str
    features: bytes


def distance(one: Look, other: Look) -> int:
    """In how many bits two hashes differ (Hamming), 0 to 64."""
    return (int(one.phash, 16) ^ int(other.phash, 16)).bit_count()


def near_duplicates(looks: Iterable[tuple[str, Look]], bits: int = 4) -> Iterator[tuple[str, str]]:
    """Each picture (a name and its look) that resembles an earlier one, with the first that it resembles.

    Pictures resemble each other whose hashes differ in `bits` bits at the most, and none of whose features differ by
    more than 16. Only pictures that resemble no earlier one stand for others: a slow drift through many pictures is
    not one group. Linear in time: hashes that differ in d bits are the same in one of d + 1 bands of bits, and only
    pictures with such a band are compared (of 100,000 that differ, each with about 100). Raises ValueError for more
    than 7 bits, where that would no longer help.
    """
    if not 0 <= bits <= _MOST_BITS:
        raise ValueError(f"near-duplicates may differ in 0 to {_MOST_BITS} bits, not in {bits}")
    bands = _bands(bits + 1)
    firsts: list[tuple[str, Look]] = []
    index: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for name, look in looks:
        value = int(look.phash, 16)
        keys = [(shift, value >> shift & mask) for shift, mask in bands]
        near = (place for key in keys for place in index[key] if _resemble(firsts[place][1], look, bits))
        if (first := min(near, default=None)) is not None:
            yield name, firsts[first][0]
            continue
        for key in keys:
            index[key].append(len(firsts))
        firsts.append((name, look))


def farthest_first(features: Sequence[bytes], count: int, first: int = 0) -> list[int]:
    """The places of `count` vectors, each the farthest from all before it (Gonzalez 1985), beginning at one.

    However many are taken, no vector is farther from the nearest taken one than twice what the best choice of so many
    would leave. O(n * count) in time. Of equally far ones the earlier comes first. Raises ValueError where the vectors
    are not of one length.
    """
    if len({len(vector) for vector in features}) > 1:
        raise ValueError("the vectors are of different lengths: they were not made in the same way")
    length = len(features[0]) if features else 0
    points = np.frombuffer(b"".join(features), np.uint8).reshape(len(features), length).astype(np.float32)
    nearest = np.full(len(points), np.inf)
    order = [first][: min(count, len(points))]
    while len(order) < min(count, len(points)):
        nearest = np.minimum(nearest, ((points - points[order[-1]]) ** 2).sum(axis=1))
        nearest[order[-1]] = -1  # even where others are the same
        order.append(int(nearest.argmax()))
    return order


def _bands(count: int) -> list[tuple[int, int]]:
    """Shift and mask of so many bands that together are all bits."""
    ends = [_BITS * band // count for band in range(count + 1)]
    return [(low, (1 << high - low) - 1) for low, high in pairwise(ends)]


def _resemble(one: Look, other: Look, bits: int) -> bool:
    """Colours count, too: hashes of plain pictures say nothing."""
    if distance(one, other) > bits:
        return False
    return all(abs(mine - its) <= _SHADE for mine, its in zip(one.features, other.features, strict=True))
