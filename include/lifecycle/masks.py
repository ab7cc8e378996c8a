"""Masks: CVAT's run lengths as pixels, and back.

The points of a mask are run lengths, then four numbers: the first column and row of the box around it, and the last
ones. The runs go row by row through the box, in turn of pixels that are not in the mask and of pixels that are.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.bool_]


def pixels_of(points: Sequence[float]) -> Pixels:
    """The mask inside its box: bool[rows, columns]. The points are those of a mask without a fault."""
    *runs, left, top, right, bottom = map(int, points)
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(bottom - top + 1, right - left + 1)


def mask_of(pixels: Pixels, left: int, top: int) -> tuple[float, ...]:
    """The points of a mask of these pixels, of which the first has that column and row: the only ones with the
    smallest box. Raises ValueError where there is no pixel in it."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not len(rows):
        raise ValueError("a mask without a pixel")
    box = (columns[0] + left, rows[0] + top, columns[-1] + left, rows[-1] + top)
    runs = run_lengths(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].ravel())
    return tuple(map(float, (*runs, *box)))


def run_lengths(flat: Pixels) -> list[int]:
    """The lengths of runs, in turn of False and of True; the first may be 0."""
    starts = np.flatnonzero(np.diff(flat, prepend=False))
    lengths: list[int] = np.diff(starts, prepend=0, append=len(flat)).tolist()
    return lengths


def column_runs(points: Sequence[float], width: int, height: int) -> list[int]:
    """COCO's run lengths of a mask on an image of width x height pixels: through the whole image, column by column;
    what is outside is cut off.

    Only the columns of the mask's box are looked at.
    """
    left, top = map(int, points[-4:-2])
    x, y = max(left, 0), max(top, 0)
    visible = pixels_of(points)[y - top : max(height - top, 0), x - left : max(width - left, 0)].T
    columns = np.zeros((len(visible), height), np.bool_)
    columns[:, y : y + visible.shape[1]] = visible
    starts = np.flatnonzero(np.diff(columns.ravel(), prepend=False, append=False)) + x * height
    inside = starts[starts < width * height]
    lengths: list[int] = np.diff(inside, prepend=0, append=width * height).tolist()
    return lengths
