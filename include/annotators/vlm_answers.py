"""What a vision-language model says about a picture, read tolerantly: boxes and captions."""

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from include.annotators.vlm_json import readings, without_thoughts

Size = tuple[float, float]
Box = tuple[float, float, float, float]

_LABEL_KEYS = ("label", "name", "class", "category")
_CORNER_NAMES = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("left", "top", "right", "bottom"),
)
_LIST_KEYS = ("box", "bbox", "bbox_2d")
_TOP_FIRST = "box_2d"  # Gemini's: [top, left, bottom, right]
_LONGEST_CAPTION = 4096  # characters; CVAT cuts the value of an attribute there


class UnreadableAnswer(ValueError):
    """The model's words hold no answer; the message says why."""


class Space(StrEnum):
    """What a model's coordinates count."""

    PIXELS = "pixels"  # of the picture as it was sent
    THOUSAND = "0-1000"
    ONE = "0-1"

    def extent(self, sent: Size) -> Size:
        """The coordinates of the lower right corner of a picture that was sent in that size."""
        return {Space.PIXELS: sent, Space.THOUSAND: (1000.0, 1000.0), Space.ONE: (1.0, 1.0)}[self]


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes in the picture's own pixels with their labels; what was left out of the answer, by reason; and whether
    the answer had an end."""

    found: tuple[tuple[str, Box], ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    whole: bool = True


def read_boxes(text: str, labels: Sequence[str], extent: Size, size: Size) -> Boxes:
    """The boxes in an answer whose coordinates run from 0 to `extent`, on a picture of that size (width, height).

    Boxes are put in order (left, top, right, bottom), clipped to the picture, and rounded to 2 decimals. Dropped and
    counted are labels that were not asked for, boxes without area, and what was said twice. Raises UnreadableAnswer.
    """
    entries, whole = _entries(text)
    dropped: Counter[str] = Counter()
    known = _known(labels)
    found: dict[tuple[str, Box], None] = {}
    for entry in entries:
        said, corners = _label(entry), _corners(entry)
        label = said if said in labels else known.get(said.casefold())
        if corners is None:
            dropped["without a box that can be read"] += 1
        elif label is None:
            dropped[f"of the label {said[:64]!r}"] += 1
        elif (box := _placed(corners, extent, size)) is None:
            dropped["without area in the picture"] += 1
        elif (label, box) in found:
            dropped["said twice"] += 1
        else:
            found[label, box] = None
    if entries and dropped["without a box that can be read"] == len(entries):
        raise UnreadableAnswer(f"none of the {len(entries)} objects has a box: {_cut(text)}")
    return Boxes(tuple(found), dict(dropped), whole)


def read_caption(text: str) -> str:
    """The caption in an answer: `{"caption": …}` or plain words; in one line. Raises UnreadableAnswer."""
    said = without_thoughts(text).strip().removeprefix("```json").strip("`").strip()
    if not said.startswith(("{", "[", '"')):
        return _caption(said, text)
    with suppress(ValueError, RecursionError):
        value = json.loads(said, strict=False)
        if isinstance(value, str):
            return _caption(value, text)
    for reading in readings(said):
        value = reading.value
        if reading.whole and isinstance(value, dict) and isinstance(value.get("caption"), str):
            return _caption(value["caption"], text)
    raise UnreadableAnswer(f"there is no caption in it: {_cut(text)}")


def _caption(said: str, text: str) -> str:
    plain = "".join(sign for sign in said if unicodedata.category(sign) not in ("Cc", "Cs") or sign.isspace())
    caption = " ".join(plain.split())
    if not caption or len(caption) > _LONGEST_CAPTION:
        raise UnreadableAnswer(f"a caption of {len(caption)} characters: {_cut(text)}")
    return caption


def _entries(text: str) -> tuple[list[dict[str, Any]], bool]:
    """The objects that an answer lists, and whether the list is whole."""
    for reading in readings(text):
        value = reading.value
        if isinstance(value, dict):
            listings = [inner for inner in value.values() if _is_listing(inner)]
            value = [value] if _corners(value) else max(listings, key=len, default=None)
        if _is_listing(value):
            return list(_flat(value)), reading.whole
    raise UnreadableAnswer(f"there is no list of objects in it: {_cut(text)}")


def _is_listing(value: Any) -> bool:
    """Whether it is a list of dicts; one of none, too, and one inside another, as some models write."""
    return isinstance(value, list) and all(isinstance(one, dict) or (one and _is_listing(one)) for one in value)


def _flat(value: Any) -> Iterator[dict[str, Any]]:
    for one in value:
        if isinstance(one, dict):
            yield one
        else:
            yield from _flat(one)


def _known(labels: Sequence[str]) -> dict[str, str]:
    """The labels by what they are in lower case, where that leaves no doubt."""
    lowered = Counter(label.casefold() for label in labels)
    return {label.casefold(): label for label in labels if lowered[label.casefold()] == 1}


def _label(entry: Mapping[str, Any]) -> str:
    said = next((entry[key] for key in _LABEL_KEYS if isinstance(entry.get(key), str)), "")
    return str(said).strip()


def _corners(entry: Mapping[str, Any]) -> Box | None:
    """Four numbers x, y, x, y, in whatever form; None where there are not four."""
    for names in _CORNER_NAMES:
        if all(name in entry for name in names):
            return _numbers([entry[name] for name in names])
    for key in (*_LIST_KEYS, _TOP_FIRST):
        match entry.get(key):
            case dict() as inner:
                return _corners(inner)
            case [first, second, third, fourth] | [[first, second, third, fourth]]:
                down_first = key == _TOP_FIRST
                return _numbers([second, first, fourth, third] if down_first else [first, second, third, fourth])
    return None


def _numbers(values: Sequence[Any]) -> Box | None:
    read = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            read.append(float(value))
        except (ValueError, OverflowError):
            return None
    left, top, right, bottom = read
    return (left, top, right, bottom) if all(map(math.isfinite, read)) else None


def _placed(corners: Box, extent: Size, size: Size) -> Box | None:
    """The box in the picture's pixels, or None where nothing of it is inside."""
    left, right = _side(corners[0], corners[2], extent[0], size[0])
    top, bottom = _side(corners[1], corners[3], extent[1], size[1])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _side(one: float, other: float, extent: float, most: float) -> tuple[float, float]:
    low, high = (round(min(max(value / extent, 0.0), 1.0) * most, 2) for value in sorted((one, other)))
    return low, high


def _cut(text: str) -> str:
    most = 200
    return repr(text[:most]) + ("…" if len(text) > most else "")
