"""Texts painted onto pictures, as street signs are.

How hard they are to read is drawn at random; what they say and where they stand becomes the truth.
"""

import random
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageStat

Label = Literal["word", "number"]
Box = tuple[int, int, int, int]
Size = tuple[int, int]

_WORDS = (
    "Alley", "Arch", "Avenue", "Bakery", "Bridge", "Broadway", "Cafe", "Castle", "Caution", "Chapel",
    "Crossing", "Dock", "East", "Entry", "Exit", "Ferry", "Garden", "Gate", "Harbour", "Hill", "Hotel", "Lake",
    "Lane", "Library", "Market", "Mill", "Museum", "North", "Park", "Parking", "Pier", "Police", "Post",
    "School", "Slow", "South", "Square", "Station", "Stop", "Street", "Taxi", "Theatre", "Tower", "Tram",
    "Tunnel", "Village", "West", "Yield",
)  # fmt: skip
_PLATES = ((246, 246, 240), (250, 212, 60), (20, 60, 150), (20, 110, 60), (170, 25, 30), (30, 30, 34))
_INK = 96  # a pixel that the letters cover by this much of 255 belongs to the text
_TRIES = 40


@dataclass(frozen=True, slots=True)
class TrueObject:
    """One painted text: a `number` is digits and `.,-%`, a `word` is letters.

    The box is (x1, y1, x2, y2) around its ink after rotation, and a fifth of the font's size of air on each side, as
    people draw boxes around texts; in pixels of the oriented image (EXIF orientation applied), x2 and y2 outside.
    """

    label: Label
    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class _Style:
    """Ranges from which the looks of a sign are drawn: size of the font in pixels, contrast in grey levels
    against what lies under the ink, tilt in degrees either way, radius of the blur as a share of the size, the
    number of scratches, and the share of signs that bring a plate of their own."""

    size: tuple[int, int]
    contrast: tuple[int, int]
    tilt: float
    blur: tuple[float, float]
    scratches: tuple[int, int]
    plates: float


_CLEAR = _Style(size=(22, 44), contrast=(150, 220), tilt=4, blur=(0.0, 0.01), scratches=(0, 0), plates=0.8)
_FAINT = _Style(size=(12, 30), contrast=(25, 90), tilt=12, blur=(0.0, 0.05), scratches=(0, 2), plates=0.2)
_WORN = _Style(size=(22, 40), contrast=(80, 170), tilt=12, blur=(0.0, 0.02), scratches=(5, 9), plates=0.5)


def paint_signs(picture: Image.Image, rng: random.Random, *, hard: bool) -> tuple[TrueObject, ...]:
    """Paint 1 to 5 texts, none over another, onto an RGB picture of at least 480x360, in place.

    Hard: the first sign is worn, the others can be worn, faint or clear, and some carry a word so close to a number
    that the two look like one text.
    """
    objects: list[TrueObject] = []
    taken: list[Box] = []
    for index in range(rng.randint(2, 4) if hard else rng.randint(1, 4)):
        style = _style(rng, index) if hard else _CLEAR
        pair = hard and len(objects) < 4 and rng.random() < 0.1
        sign = _letter(_words_and_numbers(rng, pair=pair), style, rng)
        corner = _free_corner(sign.size, picture.size, taken, rng)
        if corner is not None and len(objects) < 5:
            taken.append(_box_at(corner, sign.size))
            objects.extend(sign.paint(picture, corner))
    return tuple(objects)


def _style(rng: random.Random, index: int) -> _Style:
    """The looks of the index-th sign of a hard picture."""
    return _WORN if index == 0 else rng.choice((_CLEAR, _FAINT, _WORN))


@dataclass(frozen=True, slots=True)
class _Sign:
    """A lettered sign: a mask of the ink for each text, all of one size, and the looks still to be painted; the
    radius of the blur and the air around a text's box are in pixels."""

    texts: tuple[tuple[Label, str], ...]
    inks: tuple[Image.Image, ...]
    plate: Image.Image | None
    plate_colour: tuple[int, int, int]
    contrast: int
    blur: float
    air: int

    @property
    def size(self) -> Size:
        return self.inks[0].size

    def paint(self, picture: Image.Image, corner: Size) -> list[TrueObject]:
        """Paint the sign with its top left corner there. Boxes are taken before blurring, which hardly moves the
        place where a person sees the text."""
        if self.plate is not None:
            picture.paste(self.plate_colour, corner, self.plate)
        under = picture.crop(_box_at(corner, self.size)).convert("L")
        objects = []
        for (label, text), ink in zip(self.texts, self.inks, strict=True):
            picture.paste(self._ink_colour(under, ink), corner, ink.filter(ImageFilter.GaussianBlur(self.blur)))
            objects.append(TrueObject(label, text, self._box(ink, corner)))
        return objects

    def _box(self, ink: Image.Image, corner: Size) -> Box:
        x1, y1, x2, y2 = _extent(ink)
        left, top = corner
        return (left + x1 - self.air, top + y1 - self.air, left + x2 + self.air, top + y2 + self.air)

    def _ink_colour(self, under: Image.Image, ink: Image.Image) -> tuple[int, int, int]:
        level = ImageStat.Stat(under, mask=ink).mean[0]
        grey = round(level - self.contrast if level > 127 else level + self.contrast)
        grey = min(max(grey, 0), 255)
        return (grey, grey, grey)


def _words_and_numbers(rng: random.Random, *, pair: bool) -> tuple[tuple[Label, str], ...]:
    word = rng.choice(_WORDS)
    spelt: tuple[Label, str] = ("word", word.upper() if rng.random() < 0.5 else word)
    figures: tuple[Label, str] = ("number", _number(rng))
    if pair:
        return (spelt, figures)
    return (spelt if rng.random() < 0.55 else figures,)


def _number(rng: random.Random) -> str:
    forms = (
        f"{rng.randint(10, 999)}",
        f"{rng.randint(1000, 99999)}",
        f"{rng.randint(1, 99)}.{rng.randint(0, 9)}",
        f"{rng.randint(1, 9)},{rng.randint(100, 999)}",
        f"{rng.randint(1, 40)}-{rng.randint(41, 99)}",
        f"{rng.randint(5, 95)}%",
    )
    return rng.choice(forms)


def _letter(texts: tuple[tuple[Label, str], ...], style: _Style, rng: random.Random) -> _Sign:
    """Letter the texts side by side on one line and tilt the line."""
    size = rng.randint(*style.size)
    font = ImageFont.load_default(size)
    stroke = rng.randint(0, 1) if size >= 20 else 0
    margin = size // 2
    starts = [margin]
    for _, text in texts:
        starts.append(starts[-1] + round(font.getlength(text)) + size // 2)
    canvas = (starts[-1] + margin, 2 * margin + round(size * 1.2))
    tilt = rng.uniform(-style.tilt, style.tilt)
    inks = []
    for (_, text), start in zip(texts, starts[:-1], strict=True):
        flat = Image.new("L", canvas)
        ImageDraw.Draw(flat).text((start, margin), text, fill=255, font=font, stroke_width=stroke)
        _scratch(flat, rng.randint(*style.scratches), max(1, size // 9), rng)
        inks.append(_tilted(flat, tilt))
    return _Sign(
        texts=texts,
        inks=tuple(inks),
        plate=_tilted(_blank_plate(canvas), tilt) if rng.random() < style.plates else None,
        plate_colour=rng.choice(_PLATES),
        contrast=rng.randint(*style.contrast),
        blur=rng.uniform(*style.blur) * size,
        air=size // 5,
    )


def _blank_plate(size: Size) -> Image.Image:
    plate = Image.new("L", size)
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=size[1] // 6, fill=255)
    return plate


def _scratch(ink: Image.Image, count: int, width: int, rng: random.Random) -> None:
    """Take the ink away along so many straight lines across the text, in place."""
    x1, y1, x2, y2 = _extent(ink)
    for _ in range(count):
        start, end = (rng.randint(x1, x2), y1), (rng.randint(x1, x2), y2)
        ImageDraw.Draw(ink).line((start, end), fill=0, width=width)


def _tilted(mask: Image.Image, degrees: float) -> Image.Image:
    return mask.rotate(degrees, Image.Resampling.BICUBIC, expand=True)


def _extent(ink: Image.Image) -> Box:
    extent = ink.point([255 * (level >= _INK) for level in range(256)]).getbbox()
    if extent is None:
        raise ValueError("a sign without ink has no place in the truth")
    return extent


def _free_corner(size: Size, picture: Size, taken: list[Box], rng: random.Random) -> Size | None:
    """A random top left corner at which a sign lies inside the picture and on no other; None if none was found."""
    for _ in range(_TRIES):
        corner = (rng.randint(0, picture[0] - size[0]), rng.randint(0, picture[1] - size[1]))
        if not any(_overlap(_box_at(corner, size), other) for other in taken):
            return corner
    return None


def _box_at(corner: Size, size: Size) -> Box:
    return (*corner, corner[0] + size[0], corner[1] + size[1])


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
