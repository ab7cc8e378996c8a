"""Masks: CVAT's run lengths are the pixels that cvat-sdk and pycocotools see."""

import numpy as np
import pytest
from cvat_sdk.masks import decode_mask, encode_mask
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco

from include.lifecycle.masks import column_runs, mask_of, pixels_of

Bitmap = NDArray[np.bool_]


@st.composite
def bitmaps(draw: st.DrawFn) -> Bitmap:
    """Small images with a pixel in the mask at the least; often all of it, or a corner."""
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    bits = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width) | st.just([True] * 49))
    bitmap = np.array(bits[: height * width]).reshape(height, width)
    bitmap[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    return bitmap


@settings(max_examples=300)
@given(bitmaps())
def test_pixels_become_the_points_that_cvat_sdk_makes_of_them_and_pixels_again(bitmap: Bitmap) -> None:
    height, width = bitmap.shape
    points = mask_of(bitmap, 0, 0)
    assert list(points) == encode_mask(bitmap)
    assert np.array_equal(decode_mask(points, image_width=width, image_height=height), bitmap)
    left, top, right, bottom = map(int, points[-4:])
    assert np.array_equal(pixels_of(points), bitmap[top : bottom + 1, left : right + 1])


@settings(max_examples=300)
@given(bitmaps())
def test_whatever_the_box_they_were_given_in_the_same_pixels_have_the_same_points(bitmap: Bitmap) -> None:
    height, width = bitmap.shape
    loose = encode_mask(bitmap, [0, 0, width, height])
    assert mask_of(pixels_of(loose), 0, 0) == mask_of(bitmap, 0, 0)


@settings(max_examples=300)
@given(bitmaps())
def test_cocos_runs_are_those_of_pycocotools(bitmap: Bitmap) -> None:
    height, width = bitmap.shape
    runs = column_runs(mask_of(bitmap, 0, 0), width, height)
    packed = coco.frPyObjects({"counts": runs, "size": [height, width]}, height, width)
    assert packed == coco.encode(np.asfortranarray(bitmap.astype(np.uint8)))


def test_a_mask_by_hand() -> None:
    """Two rows of three pixels from column 5 and row 7 on: .## and #.."""
    points = (1, 3, 2, 5, 7, 7, 8)
    assert pixels_of(points).tolist() == [[False, True, True], [True, False, False]]
    assert column_runs(points, 8, 9) == [5 * 9 + 8, 1, 7, 1, 8, 1, 1]


def test_a_mask_without_a_pixel_is_told() -> None:
    with pytest.raises(ValueError, match="without a pixel"):
        mask_of(np.zeros((2, 2), np.bool_), 0, 0)
