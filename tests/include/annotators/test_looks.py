"""What a picture looks like stays when it is saved or scaled again, and tells unlike pictures apart."""

import io
from collections.abc import Callable

import imagehash
import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from include.annotators.looks import look_of
from include.lifecycle.looks import Look, distance, near_duplicates


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> PIL.Image.Image:
    """Blurred spots, as a photograph has them."""
    spots = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return PIL.Image.fromarray(spots).resize(size, PIL.Image.Resampling.BICUBIC)


def saved(picture: PIL.Image.Image) -> PIL.Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=60)
    return PIL.Image.open(file).convert("RGB")


@pytest.mark.parametrize(
    "again",
    [saved, lambda picture: picture.resize((320, 240)), lambda picture: picture.crop((2, 2, 638, 478))],
    ids=["saved", "scaled", "cut"],
)
def test_a_picture_made_again_resembles_itself(again: Callable[[PIL.Image.Image], PIL.Image.Image]) -> None:
    for seed in range(5):
        looks = [("first", look_of(scene(seed))), ("again", look_of(again(scene(seed))))]
        assert list(near_duplicates(looks)) == [("again", "first")]


def test_unlike_pictures_do_not_resemble_each_other() -> None:
    looks = [(str(seed), look_of(scene(seed))) for seed in range(40)]
    mirrored = ("mirrored", look_of(PIL.ImageOps.mirror(scene(0))))
    assert list(near_duplicates([*looks, mirrored])) == []


def test_the_hash_is_that_of_imagehash() -> None:
    for seed in range(5):
        whole = str(imagehash.phash(scene(seed)))
        assert distance(look_of(scene(seed)), Look(whole, b"")) <= 2
    small = scene(0, (128, 128))
    assert look_of(small).phash == str(imagehash.phash(small))


def test_a_plain_picture_has_the_hash_that_imagehash_gives_it() -> None:
    plain = PIL.Image.new("RGB", (64, 48), (3, 9, 200))
    assert look_of(plain).phash == str(imagehash.phash(plain))


def test_the_features_are_the_means_of_sixteen_parts_row_by_row() -> None:
    pixels = np.zeros((256, 384, 3), np.uint8)
    pixels[:64, :96] = (200, 100, 50)  # the first part
    pixels[192:, 288:336] = (80, 80, 80)  # half of the last
    features = look_of(PIL.Image.fromarray(pixels)).features
    assert features == bytes([200, 100, 50]) + bytes(14 * 3) + bytes([40, 40, 40])


def test_a_picture_of_one_pixel_has_a_look() -> None:
    assert look_of(PIL.Image.new("RGB", (1, 1), (9, 8, 7))).features == bytes([9, 8, 7]) * 16
