"""What an image file's first bytes tell, and which files count as images."""

import io
from pathlib import PurePosixPath

import PIL.Image

from include.lifecycle.images import Header

# Still images that Pillow and CVAT both read. No GIF: how many frames it has stands nowhere in its header, and
# of an animation CVAT would silently show the first frame.
_FIRST_BYTES = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "WEBP": (b"RIFF",),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
# CVAT decides by the name whether a file is an image, and silently leaves out what it takes for none.
_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff"})

MAX_PIXELS = 89_478_485
"""Images of more pixels are not decoded: the bound above which Pillow suspects a decompression bomb (a quarter
of a gigabyte as RGB)."""

_EXIF_ORIENTATION = 0x0112
_TRANSPOSED = range(5, 9)  # the EXIF orientations that swap width and height


class NotAnImage(ValueError):
    """The file cannot be labelled as an image; the message says why."""


class NeedMoreBytes(Exception):
    """The header goes on after the bytes given."""


def check_name(uri: str) -> None:
    """Raises NotAnImage where the suffix is that of no image: CVAT would leave the file out of its task."""
    suffix = PurePosixPath(uri).suffix
    if suffix.lower() not in _SUFFIXES:
        ending = f"ends in {suffix}" if suffix else "has no suffix"
        raise NotAnImage(f"its name {ending}; images are {', '.join(sorted(_SUFFIXES))}")


def read_header(start: bytes, *, complete: bool) -> Header:
    """What the file that begins with `start` says of itself; the size is in pixels, after EXIF orientation.

    `complete` says that `start` is the whole file. A PNG's EXIF counts only if it comes before the pixels.
    Orientations outside of 1 to 8 mean 1, as in Pillow. Raises NotAnImage where the file is none or holds more than
    one picture, and NeedMoreBytes where the header is longer than `start`.
    """
    format_ = _format(start, complete=complete)
    try:
        with PIL.Image.open(_Start(start, complete=complete), formats=[format_]) as image:
            header = _header(image, format_)
            # A telephone's JPEG may carry previews behind the picture (MPO): it is a still image nevertheless.
            frames = 1 if format_ == "JPEG" else getattr(image, "n_frames", 1)
    except NeedMoreBytes:
        raise
    except PIL.Image.DecompressionBombError as error:
        raise NotAnImage(f"it may be a decompression bomb: {error}") from error
    except PIL.UnidentifiedImageError as error:
        raise NotAnImage(f"it begins like a {format_} file, but its header is damaged") from error
    except Exception as error:  # Pillow's parsers raise whatever they stumble on
        raise NotAnImage(f"it begins like a {format_} file, but its header is damaged: {error}") from error
    if frames > 1:
        raise NotAnImage(f"it holds {frames} pictures; only still images with a single one are labelled")
    if header.width * header.height > MAX_PIXELS:
        raise NotAnImage(f"its {header.width} x {header.height} pixels are more than the limit of {MAX_PIXELS}")
    return header


def _format(start: bytes, *, complete: bool) -> str:
    if not complete and len(start) < 16:
        raise NeedMoreBytes
    if not start:
        raise NotAnImage("the file is empty")
    for format_, beginnings in _FIRST_BYTES.items():
        if start.startswith(beginnings):
            return format_
    raise NotAnImage(f"its first bytes are those of no {', '.join(_FIRST_BYTES)} file")


def _header(image: PIL.Image.Image, format_: str) -> Header:
    # PNG's own getexif() would decode all pixels to look for EXIF behind them.
    orientation = PIL.Image.Image.getexif(image).get(_EXIF_ORIENTATION, 1)
    orientation = int(orientation) if orientation in range(1, 9) else 1
    width, height = image.size
    if orientation in _TRANSPOSED and format_ != "TIFF":  # Pillow has swapped a TIFF's already
        width, height = height, width
    return Header(format_, width, height, orientation, image.mode)


class _Start(io.BytesIO):
    """A file of which only the beginning is here: reading on past it raises NeedMoreBytes. Pillow itself would
    skip what it cannot read, and take a cut file for another one."""

    def __init__(self, start: bytes, *, complete: bool) -> None:
        super().__init__(start)
        self._complete = complete

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not self._complete and (size is None or size < 0 or len(data) < size):
            raise NeedMoreBytes
        return data
