"""Borders: along the edges of the pixels, around parts and holes."""

import numpy as np
from shapely import Polygon

from include.lifecycle.contours import borders


def rings(*rows: str, holes: bool = True) -> list[Polygon]:
    inside = np.array([[one == "#" for one in row] for row in rows])
    return sorted((Polygon(ring) for ring in borders(inside, holes=holes)), key=lambda ring: ring.area)


def test_parts_that_a_pixel_lies_between_stay_apart() -> None:
    assert [ring.bounds for ring in rings("#.##", "#.##")] == [(0, 0, 1, 2), (2, 0, 4, 2)]
    (bay,) = rings("###", "#.#", "#.#")
    assert bay.area == 7 + 2 * 1 / 8  # corners that go in are cut: half a square of half a pixel each


def test_a_hole_has_a_border_of_its_own() -> None:
    rows = ["###", "#.#", "###"]
    assert [ring.bounds for ring in rings(*rows)] == [(1, 1, 2, 2), (0, 0, 3, 3)]
    assert [ring.area for ring in rings(*rows, holes=False)] == [9]


def test_pixels_with_a_corner_in_common_hang_together() -> None:
    (both,) = rings("#.", ".#")
    assert both.is_valid
    assert both.area == 2 + 2 * 1 / 8
