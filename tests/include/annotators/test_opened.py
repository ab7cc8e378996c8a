import io

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.annotators.opened import Undecodable, open_picture
from include.lifecycle.headers import read_header

# A picture of four quarters, each of its own colour, and where Pillow's name for each quarter's colour is found
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(mode: str = "RGB") -> PIL.Image.Image:
    """32 x 16 pixels: red, green above blue, white."""
    image = PIL.Image.new("RGB", (32, 16))
    for index, colour in enumerate((RED, GREEN, BLUE, WHITE)):
        image.paste(colour, (16 * (index % 2), 8 * (index // 2), 16 * (index % 2) + 16, 8 * (index // 2) + 8))
    return image.convert(mode)


def encoded(image: PIL.Image.Image, format_: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def opened(data: bytes) -> PIL.Image.Image:
    return open_picture(data, read_header(data, complete=True))


# EXIF 2.3, tag 0x0112: where the stored first row and first column are seen, so what is seen in the upper left corner
# (and the upper right one) is the stored picture's red, green, blue or white quarter
@pytest.mark.parametrize(
    ("orientation", "upper_left", "upper_right"),
    [
        (1, RED, GREEN),
        (2, GREEN, RED),
        (3, WHITE, BLUE),
        (4, BLUE, WHITE),
        (5, RED, BLUE),
        (6, BLUE, RED),
        (7, WHITE, GREEN),
        (8, GREEN, WHITE),
    ],
)
@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_pictures_are_turned_upright(
    format_: str, orientation: int, upper_left: tuple[int, ...], upper_right: tuple[int, ...]
) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    picture = opened(encoded(quarters(), format_, exif=exif))
    assert picture.size == ((16, 32) if orientation >= 5 else (32, 16))
    assert picture.getpixel((1, 1)) == upper_left
    assert picture.getpixel((picture.width - 2, 1)) == upper_right


@pytest.mark.parametrize("mode", ["P", "RGBA", "RGB"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    picture = opened(encoded(quarters(mode), "PNG"))
    assert picture.mode == "RGB"
    assert [picture.getpixel(place) for place in ((1, 1), (30, 1), (1, 14), (30, 14))] == [RED, GREEN, BLUE, WHITE]


def test_transparency_is_dropped() -> None:
    image = quarters("RGBA")
    image.putalpha(0)
    assert opened(encoded(image, "PNG")).getpixel((1, 1)) == RED
    palette = quarters("P")
    assert opened(encoded(palette, "PNG", transparency=bytes(256))).getpixel((1, 1)) == RED


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_sixteen_bits_are_stretched_to_eight(format_: str) -> None:
    levels = np.array([[1000, 1000 + 51 * 10, 1000 + 2550]], np.uint16)
    picture = opened(encoded(PIL.Image.fromarray(levels), format_))
    assert [picture.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (51, 51, 51), WHITE]


def test_sixteen_bits_of_one_level_are_black() -> None:
    picture = opened(encoded(PIL.Image.fromarray(np.full((2, 2), 40_000, np.uint16)), "PNG"))
    assert picture.getextrema() == ((0, 0), (0, 0), (0, 0))


@pytest.mark.parametrize("other", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_is_black(other: float) -> None:
    levels = np.array([[10.0, other, 20.0, 60.0]], np.float32)
    picture = opened(encoded(PIL.Image.fromarray(levels), "TIFF"))
    assert [picture.getpixel((x, 0))[0] for x in range(4)] == [0, 0, 51, 255]


def test_a_picture_without_a_finite_number_cannot_be_decoded() -> None:
    nothing = PIL.Image.fromarray(np.full((2, 2), np.nan, np.float32))
    with pytest.raises(Undecodable, match="its pixels cannot be decoded: none of them is a finite number"):
        opened(encoded(nothing, "TIFF"))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF"]), st.floats(0.4, 0.95))
def test_a_cut_file_cannot_be_decoded(format_: str, share: float) -> None:
    data = encoded(PIL.Image.effect_noise((120, 80), 80).convert("RGB"), format_)
    header = read_header(data, complete=True)
    with pytest.raises(Undecodable, match="its pixels cannot be decoded: "):
        open_picture(data[: int(len(data) * share)], header)


def test_a_truncated_jpeg_keeps_a_valid_header() -> None:
    data = encoded(PIL.Image.effect_noise((120, 80), 80), "JPEG")
    cut = data[: len(data) // 2]
    assert read_header(cut, complete=True).width == 120
    with pytest.raises(Undecodable, match="truncated"):
        opened(cut)


def test_another_size_than_the_headers_is_refused() -> None:
    header = read_header(encoded(quarters(), "PNG"), complete=True)
    with pytest.raises(Undecodable, match="decodes to 16 x 16 pixels, but its header says 32 x 16"):
        open_picture(encoded(quarters().crop((0, 0, 16, 16)), "PNG"), header)
