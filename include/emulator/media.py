"""Images: their sizes, their order, and the forms in which frames are handed out."""

import io
import mimetypes
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from PIL import Image, ImageOps

from include.emulator.requests import RequestFailure

SORTING_METHODS = ("lexicographical", "natural", "predefined")
_PREVIEW_SIDE = 256


@dataclass(frozen=True, slots=True)
class Frame:
    """An image of a task. Width and height are in pixels, after the EXIF orientation is applied."""

    name: str
    width: int
    height: int


class MediaError(RequestFailure):
    """Data that cannot become frames. The text is what the failed request shows: an exception's name and message."""


def is_image(name: str) -> bool:
    """Whether the name is one of an image; CVAT goes by it too."""
    return (mimetypes.guess_type(name)[0] or "").startswith("image/")


def in_order(names: Iterable[str], method: str) -> list[str]:
    """Frames' order: by name (`img10` before `img9`), by name with numbers as numbers, or as given."""
    match method:
        case "predefined":
            return list(names)
        case "natural":
            return sorted(names, key=_natural_key)
        case _:
            return sorted(names)


def _natural_key(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def read_header(name: str, source: BinaryIO, shown_as: str) -> Frame:
    """A frame from an image's header; the pixels are not decoded, so a truncated image passes.

    Raises:
        MediaError: it is no image that Pillow knows.
    """
    try:
        with Image.open(source) as image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except OSError as error:
        message = f"PIL.UnidentifiedImageError: cannot identify image file '{shown_as}'\n"
        raise MediaError(message) from error
    return Frame(name, height, width) if turned else Frame(name, width, height)


def media_type(content: bytes) -> str:
    with Image.open(io.BytesIO(content)) as image:
        return Image.MIME.get(image.format or "", "application/octet-stream")


def compressed(content: bytes, quality: int) -> bytes:
    """The image upright, as JPEG of this quality (1 to 100)."""
    with Image.open(io.BytesIO(content)) as image:
        return _jpeg(ImageOps.exif_transpose(image), quality)


def placeholder(width: int, height: int) -> bytes:
    """A black JPEG of this size, in place of an image that is not to be seen."""
    return _jpeg(Image.new("RGB", (width, height)), 75)


def preview(content: bytes) -> bytes:
    """The image upright and at most 256 pixels a side, as JPEG."""
    with Image.open(io.BytesIO(content)) as image:
        small = ImageOps.exif_transpose(image)
        small.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE))
        return _jpeg(small, 75)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    target = io.BytesIO()
    image.convert("RGB").save(target, "JPEG", quality=quality)
    return target.getvalue()


def chunk(frames: Sequence[tuple[str, bytes]], quality: int | None) -> bytes:
    """A ZIP of frames, numbered from 0 in their order: as they are, or as JPEG of a quality."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for number, (name, content) in enumerate(frames):
            suffix = ".jpeg" if quality is not None else PurePosixPath(name).suffix
            archive.writestr(f"{number:06d}{suffix}", content if quality is None else compressed(content, quality))
    return target.getvalue()
