import io
import zlib

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.headers import MAX_PIXELS, NeedMoreBytes, NotAnImage, check_name, read_header
from include.lifecycle.images import Header

WIDTH, HEIGHT = 60, 40
ORIENTATION = 0x0112


def encoded(format_: str, mode: str = "RGB", orientation: int | None = None, **options: object) -> bytes:
    exif = PIL.Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    file = io.BytesIO()
    PIL.Image.effect_noise((WIDTH, HEIGHT), 80).convert(mode).save(file, format_, **options)
    return file.getvalue()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_each_format_tells_its_size(format_: str) -> None:
    assert read_header(encoded(format_), complete=True) == Header(format_, WIDTH, HEIGHT, 1, "RGB")


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations_5_to_8_swap_width_and_height(format_: str, orientation: int) -> None:
    # EXIF 2.3, tag 0x0112: 5 to 8 have the picture's rows along its visual left or right side
    size = (HEIGHT, WIDTH) if orientation >= 5 else (WIDTH, HEIGHT)
    header = read_header(encoded(format_, orientation=orientation), complete=True)
    assert (header.width, header.height, header.orientation) == (*size, orientation)


@pytest.mark.parametrize("orientation", [0, 9])
def test_an_orientation_that_exif_does_not_know_means_upright(orientation: int) -> None:
    header = read_header(encoded("JPEG", orientation=orientation), complete=True)
    assert (header.width, header.height, header.orientation) == (WIDTH, HEIGHT, 1)


@pytest.mark.parametrize(("format_", "mode"), [("PNG", "I;16"), ("PNG", "P"), ("PNG", "RGBA"), ("JPEG", "CMYK")])
def test_the_mode_is_pillows(format_: str, mode: str) -> None:
    data = encoded(format_, mode) if mode != "I;16" else _sixteen_bit()
    assert read_header(data, complete=True).mode == mode


FILES = [
    encoded("JPEG", orientation=6),
    encoded("PNG", orientation=6),
    encoded("WEBP", orientation=6),
    encoded("BMP"),
    encoded("BMP", "P"),
    encoded("TIFF", orientation=6),
    encoded("TIFF", compression="tiff_lzw"),
]


@given(st.sampled_from(FILES), st.floats(0, 1))
def test_the_beginning_of_a_file_tells_the_same_as_the_file_or_asks_for_more(data: bytes, share: float) -> None:
    start = data[: int(len(data) * share)]
    try:
        header = read_header(start, complete=False)
    except NeedMoreBytes:
        return
    assert header == read_header(data, complete=True)


def test_a_long_profile_before_the_size_asks_for_more_bytes() -> None:
    data = encoded("JPEG", icc_profile=bytes(200_000))
    with pytest.raises(NeedMoreBytes):
        read_header(data[:65536], complete=False)
    assert read_header(data, complete=False).width == WIDTH


@given(st.sampled_from(FILES), st.data())
def test_a_damaged_file_is_a_header_or_not_an_image_but_never_another_error(data: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(data[: draw.draw(st.integers(0, len(data)))])
    for place, value in draw.draw(st.dictionaries(st.integers(0, 400), st.integers(0, 255), max_size=8)).items():
        if place < len(damaged):
            damaged[place] = value
    try:
        header = read_header(bytes(damaged), complete=True)
    except NotAnImage as error:
        assert str(error)  # noqa: PT017  (either outcome is right)
    else:
        assert header.width > 0
        assert header.height > 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"Dear annotators, this is no picture.", "its first bytes are those of no JPEG, PNG, WEBP, BMP, TIFF file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "its first bytes are those of no"),
        (encoded("GIF"), "its first bytes are those of no"),
        (encoded("JPEG")[:20], "begins like a JPEG file, but its header is damaged"),
        (b"BM" + bytes(range(100)), "begins like a BMP file, but its header is damaged"),
    ],
)
def test_what_is_no_image_is_told_why(data: bytes, reason: str) -> None:
    with pytest.raises(NotAnImage, match=reason):
        read_header(data, complete=True)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_several_pictures_in_a_file_are_no_still_image(format_: str) -> None:
    file = io.BytesIO()
    first, *others = (PIL.Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "green", "blue"))
    first.save(file, format_, save_all=True, append_images=others)
    with pytest.raises(NotAnImage, match="it holds 3 pictures"):
        read_header(file.getvalue(), complete=True)


def test_a_telephones_jpeg_with_a_preview_behind_it_is_a_jpeg() -> None:
    file = io.BytesIO()
    preview = PIL.Image.new("RGB", (6, 4))
    PIL.Image.new("RGB", (WIDTH, HEIGHT)).save(file, "MPO", save_all=True, append_images=[preview])
    assert read_header(file.getvalue(), complete=True) == Header("JPEG", WIDTH, HEIGHT, 1, "RGB")


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_too_many_pixels_are_refused_before_they_are_decoded(side: int) -> None:
    assert side * side > MAX_PIXELS
    with pytest.raises(NotAnImage, match=r"bomb|limit"):
        read_header(_png_of(side, side), complete=True)


@pytest.mark.parametrize("uri", ["s3://b/a.jpg", "s3://b/A.JPEG", "s3://b/x.y/z.tif"])
def test_names_of_images_pass(uri: str) -> None:
    check_name(uri)


@pytest.mark.parametrize(
    ("uri", "reason"), [("s3://b/a.txt", "ends in .txt"), ("s3://b/a.jpg/readme", "has no suffix")]
)
def test_names_that_cvat_takes_for_no_image_are_refused(uri: str, reason: str) -> None:
    with pytest.raises(NotAnImage, match=f"its name {reason}; images are .bmp, "):
        check_name(uri)


def _sixteen_bit() -> bytes:
    file = io.BytesIO()
    PIL.Image.new("I;16", (WIDTH, HEIGHT)).save(file, "PNG")
    return file.getvalue()


def _png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and has no pixels (PNG specification, 11.2.2 IHDR)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size + bytes([8, 2, 0, 0, 0])) + chunk(b"IDAT", b"")
