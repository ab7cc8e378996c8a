"""COCO: a split of a dataset in the object detection format of cocodataset.org (`instances_*.json`)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from pydantic import TypeAdapter

from include.datasets.contents import ReleasedImage, canonical_shapes, canonical_tags
from include.datasets.forms import Rle, form_of
from include.lifecycle.reviews import Acceptance
from include.lifecycle.shapes import ShapeType


@dataclass(frozen=True, slots=True)
class CocoCategory:
    """A class of objects; ids count from 1 in the project's order of labels."""

    id: int
    name: str
    supercategory: str = ""


@dataclass(frozen=True, slots=True)
class CocoTag:
    """What is said of a whole image, for which COCO has no place of its own. Accepted says whether people saw it."""

    category_id: int
    attributes: Mapping[str, str]
    accepted: Acceptance


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image; the file name is its key, the URL its URI (`s3://…`), width and height are in pixels as EXIF
    orientation shows it; its tags, where there are any."""

    id: int
    file_name: str
    coco_url: str
    width: int
    height: int
    tags: list[CocoTag] | None = None


@dataclass(frozen=True, slots=True)
class CocoAnnotation:
    """An object; bbox is x, y, width and height in pixels, segmentation the corners of a polygon or rectangle (turned
    if it is rotated) or a mask's run lengths, and area theirs in square pixels. Points are keypoints and have no
    segmentation. Accepted says whether people saw it."""

    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int
    segmentation: list[list[float]] | Rle
    attributes: Mapping[str, str | bool | float]
    accepted: Acceptance
    keypoints: list[float] | None = None
    num_keypoints: int | None = None


@dataclass(frozen=True, slots=True)
class CocoDocument:
    """What a file holds, as far as Labelcycle reads it."""

    categories: tuple[CocoCategory, ...]
    images: tuple[CocoImage, ...]
    annotations: tuple[CocoAnnotation, ...]


_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)
_ITEM: TypeAdapter[CocoCategory | CocoImage | CocoAnnotation] = TypeAdapter(CocoCategory | CocoImage | CocoAnnotation)
_DOCUMENT: TypeAdapter[CocoDocument] = TypeAdapter(CocoDocument)


def write_coco(file: TextIO, description: str, images: Sequence[ReleasedImage], labels: Sequence[str]) -> None:
    """Write the images and their annotations, an item a line, whatever the order of the input in the same
    bytes: ids count from 1 by key, and by canonical shape within an image. There are no dates in it.

    The images are those that `contents_of` has found fit.
    """
    ordered = sorted(images, key=lambda released: released.key)
    categories = [CocoCategory(number, label) for number, label in enumerate(labels, start=1)]
    ids = {category.name: category.id for category in categories}
    file.write(
        f'{{"info": {_ANYTHING.dump_json({"description": description}).decode()},\n"licenses": [],\n"categories": ['
    )
    _write_items(file, categories)
    file.write('],\n"images": [')
    _write_items(file, (_image(number, released, ids) for number, released in enumerate(ordered, start=1)))
    file.write('],\n"annotations": [')
    _write_items(file, _annotations(ordered, ids))
    file.write("]}\n")


def read_coco(text: str) -> CocoDocument:
    """The document in a text. Raises ValueError (pydantic's, naming the field) where it is none of ours."""
    return _DOCUMENT.validate_json(text)


def _write_items(file: TextIO, items: Iterable[CocoCategory | CocoImage | CocoAnnotation]) -> None:
    separator = "\n"
    for item in items:
        file.write(separator + _ITEM.dump_json(item, exclude_none=True).decode())
        separator = ",\n"
    file.write("\n")


def _image(number: int, released: ReleasedImage, category_ids: Mapping[str, int]) -> CocoImage:
    header = released.image.header
    tags = [
        CocoTag(category_ids[shape.label], dict(shape.attributes), released.accepted)
        for shape in canonical_tags(released)
    ]
    return CocoImage(number, released.key, released.image.uri, header.width, header.height, tags or None)


def _annotations(ordered: Sequence[ReleasedImage], category_ids: Mapping[str, int]) -> Iterator[CocoAnnotation]:
    number = 0
    for image_number, released in enumerate(ordered, start=1):
        header = released.image.header
        for shape in canonical_shapes(released):
            if shape.type is ShapeType.TAG:
                continue
            number += 1
            form = form_of(shape, header.width, header.height)
            yield CocoAnnotation(
                id=number,
                image_id=image_number,
                category_id=category_ids[shape.label],
                bbox=form.bbox,
                area=form.area,
                iscrowd=0,
                segmentation=form.segmentation,
                attributes={**dict(shape.attributes), "occluded": shape.occluded, "rotation": shape.rotation},
                accepted=released.accepted,
                keypoints=form.keypoints,
                num_keypoints=None if form.keypoints is None else len(form.keypoints) // 3,
            )
