import cv2
import numpy as np
import pytest
from cvat_sdk.masks import decode_mask
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from shapely import Polygon, box, union_all

from include.annotators.networks import ModelError
from include.annotators.pictures import Fit, frame
from include.annotators.regions import Meaning, Region, label_map, layers, outline, recognise, regions, run_lengths

BITMAPS = npst.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def drawing(*rows: str) -> np.ndarray:
    return np.array([[character == "#" for character in row] for row in rows])


def only(bitmap: np.ndarray, least_area: int = 1) -> Region:
    (region,) = regions(bitmap, None, least_area)
    return region


def corners(region: Region, tolerance: float = 0.0) -> set[tuple[float, float]]:
    points = outline(region, tolerance)
    return set(zip(points[::2], points[1::2], strict=True))


def test_a_rectangles_outline_is_its_pixels_edges() -> None:
    bitmap = np.zeros((10, 20), bool)
    bitmap[2:5, 3:9] = True
    assert corners(only(bitmap)) == {(3, 2), (9, 2), (9, 5), (3, 5)}


def test_one_pixel_has_an_outline() -> None:
    assert corners(only(drawing("...", ".#.", "..."))) == {(1, 1), (2, 1), (2, 2), (1, 2)}


@given(BITMAPS)
def test_regions_are_the_connected_parts(bitmap: np.ndarray) -> None:
    """Shapely's way: squares of pixels, a little enlarged so that corners touch, united."""
    enlarged = [box(x - 0.1, y - 0.1, x + 1.1, y + 1.1) for y, x in np.argwhere(bitmap)]
    united = union_all(enlarged)
    parts = len(getattr(united, "geoms", [united])) if enlarged else 0
    found = list(regions(bitmap, None, 1))
    assert len(found) == parts
    again = np.zeros_like(bitmap)
    for region in found:
        height, width = region.bitmap.shape
        again[region.top : region.top + height, region.left : region.left + width] |= region.bitmap
    assert (again == bitmap).all()


@given(BITMAPS)
def test_a_mask_is_read_by_cvat_as_it_was(bitmap: np.ndarray) -> None:
    for region in regions(bitmap, None, 1):
        height, width = region.bitmap.shape
        whole = np.zeros_like(bitmap)
        whole[region.top : region.top + height, region.left : region.left + width] = region.bitmap
        decoded = decode_mask(run_lengths(region), image_width=bitmap.shape[1], image_height=bitmap.shape[0])
        assert (decoded == whole).all()


@given(BITMAPS)
def test_an_outline_holds_all_pixels_and_stays_in_their_box(bitmap: np.ndarray) -> None:
    """It is nowhere off by more than half a diagonal of half a pixel; and what it cuts off is never of the inside."""
    for region in regions(bitmap, None, 1):
        shape = Polygon(np.array(outline(region, 0)).reshape(-1, 2)).buffer(0)
        height, width = region.bitmap.shape
        assert shape.within(box(region.left, region.top, region.left + width, region.top + height).buffer(1e-9))
        pixels = union_all(
            [
                box(region.left + x, region.top + y, region.left + x + 1, region.top + y + 1)
                for y, x in np.argwhere(region.bitmap)
            ]
        )
        assert pixels.difference(shape).area < 1e-9
        filled = Polygon(pixels.buffer(1e-3, join_style="mitre").exterior)  # Shapely's way: pixels touch over corners
        assert shape.within(filled.buffer(0.5 * 0.5**0.5))


def test_a_gap_of_one_pixel_leads_into_a_bay() -> None:
    """A C, 5 pixels thick, around a bay of 70 x 70: of 80 x 80 pixels 1,500, without the 5 of the gap."""
    bitmap = np.zeros((100, 100), bool)
    bitmap[10:90, 10:90] = True
    bitmap[15:85, 15:85] = False
    bitmap[50, 85:90] = False
    assert bitmap.sum() == 1495
    for tolerance, off in ((0.0, 1), (1.0, 300)):  # half a pixel along all of its 610 pixels of edge
        polygon = Polygon(np.array(outline(only(bitmap), tolerance)).reshape(-1, 2))
        assert polygon.is_valid
        assert polygon.area == pytest.approx(1495, abs=off)


def test_mask_by_hand() -> None:
    """CVAT's encoding: runs from the first pixel of the box, beginning with those outside; then the box, inclusive."""
    region = only(drawing("......", "..#...", ".###..", "..#..."))
    assert run_lengths(region) == [1, 1, 1, 3, 1, 1, 1, 1, 1, 3, 3]
    assert run_lengths(only(drawing("##", ".#"))) == [0, 2, 1, 1, 0, 0, 1, 1]


def test_specks_go_and_small_holes_are_filled() -> None:
    bitmap = drawing("#####...", "#.###...", "#####...", "#####..#", "........")
    region = only(bitmap, least_area=2)
    assert region.bitmap.all()
    first, speck = regions(bitmap, None, 1)
    assert first.bitmap.sum() == 19
    assert (speck.left, speck.top) == (7, 3)


def test_a_bay_is_no_hole() -> None:
    assert only(drawing("###", "#.#", "#.#"), least_area=3).bitmap.sum() == 7
    assert only(drawing("###", "#.#", "###"), least_area=3).bitmap.sum() == 9
    assert only(drawing("####", "#..#", "##.#", "####"), least_area=3).bitmap.sum() == 13
    assert only(drawing("####", "#..#", "##.#", "####"), least_area=4).bitmap.sum() == 16


def test_a_region_scores_its_pixels_mean() -> None:
    scores = np.array([[0.5, 0.7, 0.1], [0.9, 0.1, 0.1]])
    (region,) = regions(drawing("##.", "#.."), scores, 1)
    assert region.score == pytest.approx(0.7)


def test_the_tolerance_simplifies() -> None:
    disk = np.zeros((100, 100), np.uint8)
    cv2.circle(disk, (50, 50), 40, 1, -1)
    region = only(disk > 0)
    lengths = [len(outline(region, tolerance)) for tolerance in (0.0, 1.0, 5.0)]
    assert lengths[0] > lengths[1] > lengths[2] >= 6
    area = Polygon(np.array(outline(region, 1.0)).reshape(-1, 2)).area
    assert area == pytest.approx(disk.sum(), rel=0.03)
    assert len(outline(only(np.ones((3, 3), bool)), 50.0)) >= 6  # never fewer points than make a polygon


@pytest.mark.parametrize(
    ("output", "classes", "meaning"),
    [
        (np.full((3, 4, 5), 1 / 3), 3, Meaning.PROBABILITIES),
        (np.full((4, 5, 3), 1 / 3), 3, Meaning.PROBABILITIES),  # the channels last
        (np.full((3, 4, 5), 0.5), 3, Meaning.LOGITS),
        (np.full((3, 4, 5), -2.0), 3, Meaning.LOGITS),
        (np.full((1, 4, 5), -2.0), 1, Meaning.LOGITS),
    ],
)
def test_meanings_are_recognised(output: np.ndarray, classes: int, meaning: Meaning) -> None:
    assert recognise(output, classes) is meaning


def test_what_cannot_be_told_apart_is_told() -> None:
    with pytest.raises(ModelError, match="logits or probabilities cannot be told apart: state answers"):
        recognise(np.full((1, 4, 5), 0.3), 1)
    for ids in (np.zeros((4, 5)), np.zeros((1, 4, 5), np.int64), np.zeros((4, 5, 1), np.int32)):
        with pytest.raises(ModelError, match="no score: state answers: ids"):
            recognise(ids, 3)
    with pytest.raises(ModelError, match=r"answers \[3, 4, 5\] for a picture, and 2 classes are named"):
        layers(np.zeros((3, 4, 5)), 2)


def mapped(output: np.ndarray, meaning: Meaning, labels: list[int], picture: tuple[int, int], fit: Fit) -> np.ndarray:
    found, _ = label_map(output, meaning, labels, frame(picture, (8, 8), fit), (8, 8), 0.5)
    assert found.shape == picture[::-1]
    return found


def test_classes_lie_where_the_picture_lies() -> None:
    """8 x 4 letterboxed in 8 x 8: rows 2 to 6. Twice as large: each pixel doubled; at half the resolution: the same."""
    ids = np.zeros((8, 8), np.int64)
    ids[2:4, 0:2] = 1
    for picture, scale in (((8, 4), 1), ((16, 8), 2)):
        expected = np.full(picture[::-1], -1)
        expected[: 2 * scale, : 2 * scale] = 0
        assert (mapped(ids, Meaning.IDS, [-1, 0], picture, Fit.LETTERBOX) == expected).all()
        assert (mapped(ids[::2, ::2], Meaning.IDS, [-1, 0], picture, Fit.LETTERBOX) == expected).all()
        shares = np.stack([ids == 0, ids == 1]).astype(float)
        assert (mapped(shares, Meaning.PROBABILITIES, [-1, 0], picture, Fit.LETTERBOX) == expected).all()


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (8, 8, 1)])
def test_ids_are_read_with_the_channel_first_last_or_none(shape: tuple[int, ...]) -> None:
    """As TensorFlow's argmax with keepdims answers."""
    ids = np.arange(64).reshape(8, 8) % 3
    found = mapped(ids.reshape(shape), Meaning.IDS, [5, 6, 7], (8, 8), Fit.STRETCH)
    assert (found == ids + 5).all()


def test_the_greatest_probability_wins() -> None:
    logits = np.random.default_rng(1).normal(size=(5, 8, 8))
    for meaning, output in (
        (Meaning.LOGITS, logits),
        (Meaning.PROBABILITIES, np.exp(logits) / np.exp(logits).sum(axis=0)),
    ):
        found, best = label_map(output, meaning, [0, 1, 2, 3, 4], frame((8, 8), (8, 8), Fit.STRETCH), (8, 8), 0.5)
        assert (found == logits.argmax(axis=0)).all()
        assert best is not None
        np.testing.assert_allclose(best, (np.exp(logits) / np.exp(logits).sum(axis=0)).max(axis=0), atol=1e-5)


@pytest.mark.parametrize(
    ("output", "meaning", "what"),
    [
        (np.full((8, 8), 2), Meaning.IDS, "answers classes 2 to 2, and 2 are named"),
        (np.zeros((2, 8, 8), int), Meaning.IDS, r"answers \[2, 8, 8\]; ids are \[h, w\], "),
        (np.full((2, 8, 8), 1.5), Meaning.PROBABILITIES, r"a probability is not in 0\.\.1"),
        (np.full((2, 8, 8), np.nan), Meaning.LOGITS, r"a probability is not in 0\.\.1"),
    ],
)
def test_impossible_answers_are_told(output: np.ndarray, meaning: Meaning, what: str) -> None:
    with pytest.raises(ModelError, match=what):
        mapped(output, meaning, [-1, 0], (8, 8), Fit.STRETCH)
