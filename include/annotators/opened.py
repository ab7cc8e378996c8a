"""Pictures as annotators see them: decoded fully, upright, RGB of 8 bits."""

import io

import numpy as np
import PIL.Image
import PIL.ImageOps

from include.lifecycle.headers import MAX_PIXELS
from include.lifecycle.images import Header


class Undecodable(ValueError):
    """The file's pixels cannot be had; the message says why."""


def open_picture(data: bytes, header: Header) -> PIL.Image.Image:
    """The picture in an image file: EXIF orientation applied, mode RGB, of the header's width and height.

    It looks as in CVAT: transparency is dropped, and pixels of more than 8 bits are stretched from the darkest to the
    brightest; those that are no finite number are as the darkest. Raises Undecodable where the file is cut or damaged,
    is not what its header said, or has no finite number.
    """
    if header.width * header.height > MAX_PIXELS:
        raise Undecodable(f"its {header.width} x {header.height} pixels are more than the limit of {MAX_PIXELS}")
    try:
        with PIL.Image.open(io.BytesIO(data), formats=[header.format]) as image:
            image.load()
            PIL.ImageOps.exif_transpose(image, in_place=True)
            picture = _rgb(image)
    except Exception as error:  # Pillow's decoders raise whatever they stumble on
        raise Undecodable(f"its pixels cannot be decoded: {error}") from error
    if picture.size != (header.width, header.height):
        found, said = f"{picture.width} x {picture.height}", f"{header.width} x {header.height}"
        raise Undecodable(f"it decodes to {found} pixels, but its header says {said}")
    return picture


def _rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 and 32 bits, which Pillow would clip at 255
        return PIL.Image.fromarray(_stretched(np.asarray(image))).convert("RGB")
    if image.mode == "P":  # a palette may hold transparency, which only RGBA can take over
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")  # a copy would take as much memory again


def _stretched(pixels: np.ndarray) -> np.ndarray:
    """Gray levels of any type and range as 8 bits, the least as 0 and the greatest as 255; what is no finite number is
    as the least."""
    values = pixels.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        raise ValueError("none of them is a finite number")
    levels = np.where(finite, values - values.min(where=finite, initial=np.inf), 0)
    stretched: np.ndarray = np.rint(levels * (255 / (levels.max() or 1)))
    return stretched.astype(np.uint8)
