"""COCO 1.0: one file of instances a subset. It carries neither sources nor tags.

Rectangles and polygons are written; CVAT leaves lines and points out, and so does this.
"""

import zipfile
from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson

from include.emulator.dataset import Dataset, Item, Picture
from include.emulator.requests import RequestFailure

_SKIPPED = ("points", "polyline", "cuboid")


def write(archive: zipfile.ZipFile, dataset: Dataset) -> None:
    """Raises `RequestFailure` for shapes that CVAT would write and the emulator cannot: masks, ellipses, skeletons."""
    categories = {label.id: number for number, label in enumerate(dataset.labels, 1)}
    image_ids, annotation_ids = count(1), count(1)
    for subset, pictures in dataset.subsets().items():
        numbered = [(next(image_ids), picture) for picture in pictures]
        content = {
            "licenses": [{"name": "", "id": 0, "url": ""}],
            "info": {
                "contributor": "",
                "date_created": "",
                "description": "",
                "url": "",
                "version": "",
                "year": "",
            },
            "categories": [
                {"id": categories[label.id], "name": label.name, "supercategory": label.parent}
                for label in dataset.labels
            ],
            "images": [_image(number, picture) for number, picture in numbered],
            "annotations": [
                _annotation(dataset, next(annotation_ids), number, categories[shape["label_id"]], shape)
                for number, picture in numbered
                for shape in _written(picture)
            ],
        }
        archive.writestr(f"annotations/instances_{subset}.json", orjson.dumps(content))


def image_path(picture: Picture) -> str:
    return f"images/{picture.subset or 'default'}/{picture.path}"


def _image(number: int, picture: Picture) -> dict[str, Any]:
    return {
        "id": number,
        "width": picture.width,
        "height": picture.height,
        "file_name": picture.path,
        "license": 0,
        "flickr_url": "",
        "coco_url": "",
        "date_captured": 0,
    }


def _written(picture: Picture) -> Iterator[Item]:
    for shape in picture.shapes:
        if shape["type"] in ("rectangle", "polygon"):
            yield shape
        elif shape["type"] not in _SKIPPED:
            raise RequestFailure(f"NotImplementedError: the emulator does not write a {shape['type']} to COCO 1.0\n")


def _annotation(dataset: Dataset, number: int, image_id: int, category_id: int, shape: Item) -> dict[str, Any]:
    xs, ys = shape["points"][::2], shape["points"][1::2]
    box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    is_box = shape["type"] == "rectangle"
    attributes: dict[str, Any] = {"occluded": shape["occluded"]}
    if is_box:
        attributes["rotation"] = shape["rotation"]
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": [] if is_box else [shape["points"]],
        "area": box[2] * box[3] if is_box else _area(xs, ys),
        "bbox": box,
        "iscrowd": 0,
        "attributes": {**attributes, **dict(dataset.label(shape).named_values(shape))},
    }


def _area(xs: list[float], ys: list[float]) -> float:
    """The shoelace formula, in square pixels."""
    return abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2
