"""Images as the emulator reads and hands them out."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from include.emulator.media import MediaError, compressed, in_order, read_header


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_natural_order_counts(numbers):
    names = [f"shot {number}.jpg" for number in numbers]
    assert in_order(names, "natural") == [f"shot {number}.jpg" for number in sorted(numbers)]


@given(st.lists(st.text(max_size=8)), st.sampled_from(["natural", "lexicographical", "predefined"]))
def test_order_loses_nothing(names, method):
    assert sorted(in_order(names, method)) == sorted(names)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_jpeg(mode):
    target = io.BytesIO()
    Image.new(mode, (7, 5)).save(target, "TIFF")
    with Image.open(io.BytesIO(compressed(target.getvalue(), 70))) as image:
        assert (image.format, image.size) == ("JPEG", (7, 5))


@pytest.mark.parametrize(("orientation", "size"), [(1, (64, 48)), (3, (64, 48)), (6, (48, 64)), (8, (48, 64))])
def test_size_follows_the_orientation(orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    target = io.BytesIO()
    Image.new("RGB", (64, 48)).save(target, "JPEG", exif=exif)
    frame = read_header("a.jpg", io.BytesIO(target.getvalue()), "a.jpg")
    assert (frame.width, frame.height) == size


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xd8\xff"])
def test_no_image(content):
    with pytest.raises(MediaError, match=r"cannot identify image file '/there/a\.jpg'"):
        read_header("a.jpg", io.BytesIO(content), "/there/a.jpg")
