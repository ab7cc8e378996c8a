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
    not one group. Linear in time. Raises ValueError for more than 7 bits, where it would no longer be so.
    """
    firsts = _Index(bits)
    for name, look in looks:
        if near := firsts.near(look):
            yield name, near[0]
        else:
            firsts.add(name, look)


def known_before(
    looks: Iterable[tuple[str, Look]], before: Iterable[tuple[str, Look]], bits: int = 4
) -> dict[str, str]:
    """Those pictures that resemble one of `before`, each with the first of these. Linear in time; of `before`, which
    may be very many, none is kept in memory. Raises ValueError as near_duplicates does."""
    index, found = _Index(bits), dict[str, str]()
    for name, look in looks:
        index.add(name, look)
    for known, look in before:
        for name in index.near(look):
            found[name] = known
            index.remove(name)
    return found


class _Index:
    """Pictures, to be found by how they look: hashes that differ in d bits are the same in one of d + 1 bands of bits,
    and only pictures with such a band are compared (of 100,000 that differ, each with about 100)."""

    def __init__(self, bits: int) -> None:
        if not 0 <= bits <= _MOST_BITS:
            raise ValueError(f"near-duplicates may differ in 0 to {_MOST_BITS} bits, not in {bits}")
        self._bits, self._bands = bits, _bands(bits + 1)
        self._pictures: dict[str, tuple[int, Look]] = {}
        self._names: defaultdict[tuple[int, int], set[str]] = defaultdict(set)

    def add(self, name: str, look: Look) -> None:
        self._pictures[name] = len(self._pictures), look
        for key in self._keys(look):
            self._names[key].add(name)

    def remove(self, name: str) -> None:
        for key in self._keys(self._pictures[name][1]):
            self._names[key].remove(name)
            if not self._names[key]:  # to look through an emptied set takes as long as through what it held
                del self._names[key]

    def near(self, look: Look) -> list[str]:
        """The pictures that resemble it, in the order in which they were added."""
        names = {name for key in self._keys(look) for name in self._names.get(key, ())}
        return sorted(
            (name for name in names if self._alike(self._pictures[name][1], look)),
            key=lambda name: self._pictures[name][0],
        )

    def _keys(self, look: Look) -> list[tuple[int, int]]:
        value = int(look.phash, 16)
        return [(shift, value >> shift & mask) for shift, mask in self._bands]

    def _alike(self, one: Look, other: Look) -> bool:
        """Colours count, too: hashes of plain pictures say nothing."""
        if distance(one, other) > self._bits:
            return False
        return all(abs(mine - its) <= _SHADE for mine, its in zip(one.features, other.features, strict=True))


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
