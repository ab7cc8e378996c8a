"""COCO: a split of a dataset in the object detection format of cocodataset.org (`instances_*.json`)."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from pydantic import TypeAdapter

from include.datasets.contents import ReleasedImage, canonical_shapes, rounded
from include.lifecycle.boxes import corners_of
from include.lifecycle.reviews import Acceptance
from include.lifecycle.shapes import Shape


@dataclass(frozen=True, slots=True)
class CocoCategory:
    """A class of objects; ids count from 1 in the project's order of labels."""

    id: int
    name: str
    supercategory: str = ""


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image; the file name is its key, the URL its URI (`s3://…`), width and height are in pixels as EXIF
    orientation shows it."""

    id: int
    file_name: str
    coco_url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """An object; bbox is x, y, width and height in pixels, segmentation the rectangle's corners, turned if
    it is rotated, and area theirs in square pixels. Accepted says whether people saw it."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int
    segmentation: list[list[float]]
    attributes: Mapping[str, str | bool | float]
    accepted: Acceptance


@dataclass(frozen=True, slots=True)
class CocoDocument:
    """What a file holds, as far as Labelcycle reads it."""

    categories: tuple[CocoCategory, ...]
    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]


_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)
_DOCUMENT: TypeAdapter[CocoDocument] = TypeAdapter(CocoDocument)


def write_coco(file: TextIO, description: str, images: Sequence[ReleasedImage], labels: Sequence[str]) -> None:
    """Write the images and their annotations, an item a line, whatever the order of the input in the same
    bytes: ids count from 1 by key, and by canonical shape within an image. There are no dates in it.

    The images are those that `contents_of` has found fit.
    """
    ordered = sorted(images, key=lambda released: released.key)
    categories = [CocoCategory(number, label) for number, label in enumerate(labels, start=1)]
    file.write(f'{{"info": {_text({"description": description})},\n"licenses": [],\n"categories": [')
    _write_items(file, categories)
    file.write('],\n"images": [')
    _write_items(file, (_image(number, released) for number, released in enumerate(ordered, start=1)))
    file.write('],\n"annotations": [')
    _write_items(file, _annotations(ordered, {category.name: category.id for category in categories}))
    file.write("]}\n")


def read_coco(text: str) -> CocoDocument:
    """The document in a text. Raises ValueError (pydantic's, naming the field) where it is none of ours."""
    return _DOCUMENT.validate_json(text)


def _write_items(file: TextIO, items: Iterable[object]) -> None:
    separator = "\n"
    for item in items:
        file.write(separator + _text(item))
        separator = ",\n"
    file.write("\n")


def _text(value: object) -> str:
    return _ANYTHING.dump_json(value).decode()


def _image(number: int, released: ReleasedImage) -> CocoImage:
    header = released.image.header
    return CocoImage(number, released.key, released.image.uri, header.width, header.height)


def _annotations(ordered: Sequence[ReleasedImage], category_ids: Mapping[str, int]) -> Iterator[CocoAnnotation]:
    number = 0
    for image_number, released in enumerate(ordered, start=1):
        for shape in canonical_shapes(released):
            number += 1
            corners = [(rounded(x), rounded(y)) for x, y in corners_of(shape)]
            xs, ys = zip(*corners, strict=True)
            yield CocoAnnotation(
                id=number,
                image_id=image_number,
                category_id=category_ids[shape.label],
                bbox=(min(xs), min(ys), rounded(max(xs) - min(xs)), rounded(max(ys) - min(ys))),
                area=_area(shape),
                iscrowd=0,
                segmentation=[[coordinate for corner in corners for coordinate in corner]],
                attributes={**dict(shape.attributes), "occluded": shape.occluded, "rotation": shape.rotation},
                accepted=released.accepted,
            )


def _area(shape: Shape) -> float:
    left, top, right, bottom = shape.points
    return round(math.fabs((right - left) * (bottom - top)), 4)  # two decimals times two decimals
