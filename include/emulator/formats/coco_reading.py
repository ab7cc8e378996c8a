"""Reading COCO 1.0: boxes and polygons of every JSON file of instances. Sources and scores are not in it."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from include.emulator.annotations import Item, Kind
from include.emulator.naming import Names, failed_import


def read(file: Path, names: Names) -> dict[Kind, list[Item]]:
    """The annotations in a ZIP or in a JSON file. Raises `RequestFailure` for what it cannot read."""
    try:
        contents = [orjson.loads(content) for content in _files(file)]
        return {"tags": [], "shapes": [shape for content in contents for shape in _shapes(content, names)]}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise failed_import("coco_instances", error) from error


def _files(file: Path) -> Iterator[bytes]:
    if not zipfile.is_zipfile(file):
        yield file.read_bytes()
        return
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if name.startswith("annotations/instances_") and name.endswith(".json"):
                yield archive.read(name)


def _shapes(content: dict[str, Any], names: Names) -> Iterator[Item]:
    images = {image["id"]: names.frame(image["file_name"]) for image in content["images"]}
    categories = {category["id"]: category["name"] for category in content["categories"]}
    for found in content["annotations"]:
        label_id = names.label(categories[found["category_id"]])
        attributes = found.get("attributes", {})
        shape = {
            "frame": images[found["image_id"]],
            "label_id": label_id,
            "source": "file",
            "occluded": bool(attributes.get("occluded")),
            "attributes": names.values(label_id, ((key, str(value)) for key, value in attributes.items())),
        }
        if isinstance(found["segmentation"], dict):
            raise ValueError("the emulator does not read masks")
        if found["segmentation"]:
            yield from ({**shape, "type": "polygon", "points": points} for points in found["segmentation"])
        else:
            left, top, width, height = found["bbox"]
            points = [round(value, 2) for value in (left, top, left + width, top + height)]
            yield {**shape, "type": "rectangle", "points": points, "rotation": attributes.get("rotation", 0)}
