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

import numpy as np

from include.annotators.suppression import iou
from include.annotators.vlm_json import readings, without_thoughts

Size = tuple[float, float]
Box = tuple[float, float, float, float]
Object = tuple[str, Box]

_LABEL_KEYS = ("label", "name", "class", "category")
_CORNER_NAMES = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("left", "top", "right", "bottom"),
)
_LIST_KEYS = ("box", "bbox", "bbox_2d")
_TOP_FIRST = "box_2d"  # Gemini's: [top, left, bottom, right]
_NO_BOX = "without a box that can be read"
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

    found: tuple[Object, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    whole: bool = True


def read_boxes(text: str, labels: Sequence[str], extent: Size, size: Size) -> Boxes:
    """The boxes in an answer whose coordinates run from 0 to `extent`, on a picture of that size (width, height).

    Boxes are put in order (left, top, right, bottom), clipped to the picture, and rounded to 2 decimals. Dropped and
    counted are labels that were not asked for, boxes without area, and what was said twice: the same box of the same
    label, or an object of a draft, which a later list has with an IoU from 0.5 on. Raises UnreadableAnswer.
    """
    lists, whole = _lists(text)
    dropped: Counter[str] = Counter()
    found: list[Object] = []
    for entries in reversed(lists):  # what was said last counts
        objects: list[Object] = []
        for entry in entries:
            one = _object(entry, labels, extent, size)
            if isinstance(one, str):
                dropped[one] += 1
            elif one in objects or _is_among(one, found):
                dropped["said twice"] += 1
            else:
                objects.append(one)
        found = objects + found
    count = sum(map(len, lists))
    if count and dropped[_NO_BOX] == count:
        raise UnreadableAnswer(f"none of the {count} objects has a box: {_cut(text)}")
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


def _lists(text: str) -> tuple[list[list[dict[str, Any]]], bool]:
    """The lists of objects in an answer, and whether it has an end; objects that stand alone, as in JSON lines, are the
    last list. Raises UnreadableAnswer where there is neither a list, be it empty, nor an object."""
    found = list(readings(text))
    alone = [reading.value for reading in found if isinstance(reading.value, dict) and _corners(reading.value)]
    lists = [listed for reading in found if (listed := _listed(reading.value)) is not None]
    if not lists and not alone:
        raise UnreadableAnswer(f"there is no list of objects in it: {_cut(text)}")
    return [*lists, alone], all(reading.whole for reading in found)


def _listed(value: Any) -> list[dict[str, Any]] | None:
    """The objects in a list, or in all lists of a dict (some models write one a class); None where there is no list, or
    the dict is an object itself."""
    inside = [value]
    if isinstance(value, dict):
        inside = [] if _corners(value) else list(value.values())
    listings = [inner for inner in inside if _is_listing(inner)]
    return list(_flat(listings)) if listings else None


def _is_listing(value: Any) -> bool:
    """Whether it is a list of dicts; one of none, too, and one inside another, as some models write."""
    return isinstance(value, list) and all(isinstance(one, dict) or (one and _is_listing(one)) for one in value)


def _flat(value: Any) -> Iterator[dict[str, Any]]:
    for one in value:
        if isinstance(one, dict):
            yield one
        else:
            yield from _flat(one)


def _object(entry: Mapping[str, Any], labels: Sequence[str], extent: Size, size: Size) -> Object | str:
    """The object that an entry tells, or why it tells none."""
    said, corners = _label(entry), _corners(entry)
    if corners is None:
        return _NO_BOX
    if (label := _meant(said, labels)) is None:
        return f"of the label {said[:64]!r}"
    box = _placed(corners, extent, size)
    return (label, box) if box else "without area in the picture"


def _is_among(one: Object, others: Sequence[Object]) -> bool:
    """Whether one of the others has the same label and an IoU from 0.5 on."""
    alike = [box for label, box in others if label == one[0]]
    return bool(alike) and float(iou(np.array(one[1]), np.array(alike)).max()) >= 0.5


def _meant(said: str, labels: Sequence[str]) -> str | None:
    """The label of that name, in whatever case where that leaves no doubt."""
    alike = [label for label in labels if label.casefold() == said.casefold()]
    return said if said in alike else alike[0] if len(alike) == 1 else None


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
