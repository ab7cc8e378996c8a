"""Drawings: the rings of masks go along the edges of their pixels, around parts and holes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.draw import polygon2mask

from include.evaluation.drawing import Drawing, drawing_of
from include.lifecycle.masks import mask_of
from include.lifecycle.shapes import Shape, ShapeType


def mask(rows: list[str], left: int = 0, top: int = 0) -> Shape:
    pixels = np.array([[one == "#" for one in row] for row in rows])
    return Shape("word", ShapeType.MASK, mask_of(pixels, left, top))


def corners(ring: tuple[float, ...]) -> set[tuple[float, float]]:
    return set(zip(ring[::2], ring[1::2], strict=True))


def test_a_mask_is_drawn_along_the_edges_of_its_pixels() -> None:
    (ring,) = drawing_of(mask(["###", "###"], left=10, top=20)).rings
    assert corners(ring) == {(10, 20), (13, 20), (13, 22), (10, 22)}


def test_parts_that_a_pixel_lies_between_and_holes_have_rings_of_their_own() -> None:
    rows = ["#####.##", "#...#.##", "#...#.##", "#...#.##", "#####.##"]
    rings = drawing_of(mask(rows)).rings
    outer, other = {(0, 0), (5, 0), (5, 5), (0, 5)}, {(6, 0), (8, 0), (8, 5), (6, 5)}
    assert outer in map(corners, rings)
    assert other in map(corners, rings)
    (hole,) = [np.reshape(ring, (-1, 2)) for ring in rings if corners(ring) not in (outer, other)]
    assert [*hole.min(axis=0), *hole.max(axis=0)] == [1, 1, 4, 4]


@given(st.integers(1, 60), st.integers(1, 60))
def test_what_a_ring_goes_around_is_the_mask(width: int, height: int) -> None:
    """A filled ellipse, drawn again from its ring: of its pixels few differ, and only at its edge."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    pixels = ((columns - width / 2) / (width / 2)) ** 2 + ((rows - height / 2) / (height / 2)) ** 2 <= 1
    if not pixels.any():
        return
    (ring,) = drawing_of(Shape("word", ShapeType.MASK, mask_of(pixels, 0, 0))).rings
    again = polygon2mask(pixels.shape, np.reshape(ring, (-1, 2))[:, ::-1] - 0.5)
    off = 0.02 * np.hypot(width, height) + 1.5  # the ring's tolerance, and half a pixel to each side
    assert np.count_nonzero(again != pixels) <= off * 2 * (width + height)


@pytest.mark.parametrize(
    ("shape", "drawing"),
    [
        (Shape("word", ShapeType.POINTS, (1, 2, 3, 4)), Drawing(points=(1, 2, 3, 4))),
        (Shape("word", ShapeType.TAG, ()), Drawing()),
        (Shape("word", ShapeType.POLYGON, (0, 0, 9, 0, 9, 9)), Drawing(rings=((0, 0, 9, 0, 9, 9),))),
    ],
)
def test_other_types(shape: Shape, drawing: Drawing) -> None:
    assert drawing_of(shape) == drawing


def test_a_turned_rectangle_is_drawn_turned() -> None:
    (ring,) = drawing_of(Shape("word", ShapeType.RECTANGLE, (0, 0, 20, 10), rotation=90)).rings
    assert corners(ring) == {(5, -5), (15, -5), (15, 15), (5, 15)}  # about its centre, (10, 5)
