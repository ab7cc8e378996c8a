"""The demo's input: real photographs with words and numbers painted onto them, so that the truth is known.

The photographs are those inside scikit-image's wheel that have no lettering of their own, and the letters are
Pillow's own font: nothing is fetched. Two images of five carry only texts that a detector reads surely; the others
mix in what it misses or misreads.
"""

import io
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from PIL import Image, ImageOps

from include.local.signs import TrueObject, paint_signs

DAY_ONE, DAY_TWO, LATER_DAYS = 48, 24, 12
_BROKEN = 3  # files of day two that must end up in quarantine
_DUPLICATED = 5  # the photograph of day one that comes again on day two
_SOURCES = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png",
    "gravel.png", "hubble_deep_field.jpg", "moon.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
_SIZES = ((480, 360), (520, 390), (560, 420), (640, 480))
_ORIENTATION_TAG = 0x0112  # EXIF 2.32, 4.6.4 A
_UPRIGHT_TO_STORED = {  # how to turn an upright picture so that its EXIF orientation undoes it
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class Photograph:
    """An image file, its name (no folder) and all that is painted on it."""

    name: str
    content: bytes
    objects: tuple[TrueObject, ...]


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that must end up in quarantine, and why it is broken."""

    name: str
    content: bytes
    flaw: Literal["truncated", "not an image", "duplicate"]


@dataclass(frozen=True, slots=True)
class Day:
    """What lands in the bucket on one day of the demo."""

    number: int
    photographs: tuple[Photograph, ...]
    broken: tuple[BrokenFile, ...]


def day(number: int, seed: int) -> Day:
    """What lands on day 1 (48 images), day 2 (24 images, a truncated JPEG with a whole header, a file that is no
    image, and one image of day 1 under another name), day 3 (nothing) or any later day (12 images). The same seed
    gives the same bytes.

    Raises ValueError for a day before the first.
    """
    if number < 1:
        raise ValueError(f"day {number}: the days of the demo start at 1")
    if number == 1:
        return Day(1, _photographs(seed, range(1, DAY_ONE + 1)), ())
    if number == 2:
        later = _photographs(seed, range(DAY_ONE + 1, DAY_ONE + DAY_TWO + 1))
        return Day(2, later, _broken_files(seed, DAY_ONE + DAY_TWO))
    if number == 3:
        return Day(3, (), ())
    first = DAY_ONE + DAY_TWO + _BROKEN + (number - 4) * LATER_DAYS + 1
    return Day(number, _photographs(seed, range(first, first + LATER_DAYS)), ())


def save_truth(path: Path, truth: Mapping[str, Sequence[TrueObject]]) -> None:
    """Write what is painted on photographs as JSON: file name → [[label, text, [x1, y1, x2, y2]], …]."""
    rows = {name: [[o.label, o.text, o.box] for o in objects] for name, objects in truth.items()}
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def load_truth(path: Path) -> dict[str, tuple[TrueObject, ...]]:
    """What `save_truth` wrote, by file name."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: tuple(TrueObject(label, text, (x1, y1, x2, y2)) for label, text, (x1, y1, x2, y2) in objects)
        for name, objects in rows.items()
    }


def _photographs(seed: int, indices: Iterable[int]) -> tuple[Photograph, ...]:
    return tuple(_photograph(seed, index) for index in indices)


def _broken_files(seed: int, last: int) -> tuple[BrokenFile, ...]:
    whole = _encoded(_background(random.Random(f"{seed}/truncated"), last + 1), "JPEG")
    again = _photograph(seed, _DUPLICATED)
    return (
        BrokenFile(f"street-{last + 1:03}.jpg", whole[: len(whole) // 2], "truncated"),
        BrokenFile(f"street-{last + 2:03}.jpg", b"The camera's card was full.\n" * 40, "not an image"),
        BrokenFile(f"street-{last + 3:03}{Path(again.name).suffix}", again.content, "duplicate"),
    )


def _photograph(seed: int, index: int) -> Photograph:
    """The index-th photograph of the demo. It hangs on nothing but seed and index."""
    rng = random.Random(f"{seed}/{index}")
    picture = _background(rng, index)
    objects = () if index % 12 == 0 else paint_signs(picture, rng, hard=index % 5 in (0, 2, 4))
    if index % 20 == 11:
        picture = picture.convert("L")
    if index % 6 == 2:
        return Photograph(f"street-{index:03}.png", _encoded(picture, "PNG"), objects)
    orientation = {3: 6, 10: 3, 17: 8}.get(index % 24, 1)
    return Photograph(f"street-{index:03}.jpg", _encoded(picture, "JPEG", orientation), objects)


def _encoded(upright: Image.Image, form: Literal["JPEG", "PNG"], orientation: int = 1) -> bytes:
    """The image's file; with an EXIF orientation other than 1 its pixels are stored turned."""
    out = io.BytesIO()
    if orientation == 1:
        upright.save(out, form, quality=90)
        return out.getvalue()
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = orientation
    upright.transpose(_UPRIGHT_TO_STORED[orientation]).save(out, form, quality=90, exif=exif)
    return out.getvalue()


@cache
def _source(name: str) -> Image.Image:
    with as_file(files("skimage") / "data" / name) as path, Image.open(path) as picture:
        return picture.convert("RGB")


def _background(rng: random.Random, index: int) -> Image.Image:
    """A random part of a photograph, sometimes mirrored; RGB, 480x360 to 640x480."""
    source = _source(_SOURCES[index % len(_SOURCES)])
    width, height = rng.choice(_SIZES)
    scale = min(source.width / width, source.height / height) * rng.uniform(0.6, 1.0)
    left = rng.uniform(0, source.width - width * scale)
    top = rng.uniform(0, source.height - height * scale)
    region = (left, top, left + width * scale, top + height * scale)
    part = source.resize((width, height), Image.Resampling.BICUBIC, box=region)
    return ImageOps.mirror(part) if rng.random() < 0.5 else part
