"""The borders of what is drawn in pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray


def borders(inside: NDArray[np.bool_], *, holes: bool = True) -> list[NDArray[np.float32]]:
    """The borders of a bitmap's parts (pixels also hang together over corners), and of their holes where they are
    wanted: closed rings [n, 2] of x and y in pixels.

    They go along the pixels' edges. Corners that go in are cut, by 0.36 pixels, so that two pixels with a corner in
    common hang together there; nothing of the inside is cut off.
    """
    height, width = inside.shape
    # Two points an edge, so that a pixel is 3 x 3 of them: two sides of a gap of one pixel do not touch
    grid = np.zeros((2 * height + 1, 2 * width + 1), np.uint8)
    for down, right in np.ndindex(3, 3):
        grid[down : down + 2 * height : 2, right : right + 2 * width : 2] |= inside
    found, _ = cv2.findContours(grid, cv2.RETR_CCOMP if holes else cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [(ring.reshape(-1, 2) / 2).astype(np.float32) for ring in found]
