"""CVAT for images 1.1: one XML file with every frame, its shapes and its tags, sources included."""

import zipfile
from typing import Any
from xml.etree import ElementTree as Xml

import orjson

from include.emulator.dataset import Dataset, Item, Label, Picture
from include.emulator.requests import RequestFailure

_ELEMENTS = {
    "rectangle": "box",
    "polygon": "polygon",
    "polyline": "polyline",
    "points": "points",
    "ellipse": "ellipse",
}


def write(archive: zipfile.ZipFile, dataset: Dataset) -> None:
    """Raises `RequestFailure` for shapes that CVAT would write and the emulator cannot: masks, cuboids, skeletons."""
    root = Xml.Element("annotations")
    Xml.SubElement(root, "version").text = "1.1"
    root.append(_meta(dataset))
    for number, picture in enumerate(dataset.pictures):
        root.append(_image(dataset, number, picture))
    Xml.indent(root)
    declaration = b'<?xml version="1.0" encoding="utf-8"?>\n'
    archive.writestr("annotations.xml", declaration + Xml.tostring(root, "utf-8", short_empty_elements=False))


def image_path(picture: Picture) -> str:
    return f"images/{picture.path}"


def _meta(dataset: Dataset) -> Xml.Element:
    meta = Xml.Element("meta")
    known = Xml.SubElement(meta, dataset.target)
    row = dict(dataset.row)
    numbers = [picture.number for picture in dataset.pictures]
    fields = {
        "id": row["id"],
        "name": row.get("name"),
        "size": len(dataset.pictures),
        "mode": "annotation",
        "overlap": row.get("overlap"),
        "bugtracker": row.get("bug_tracker"),
        "created": _date(row["created_date"]),
        "updated": _date(row["updated_date"]),
        "subset": row.get("subset"),
        "start_frame": min(numbers, default=0),
        "stop_frame": max(numbers, default=0),
        "frame_filter": "",
    }
    for name, value in fields.items():
        if value is not None:
            Xml.SubElement(known, name).text = str(value)
    segments = Xml.SubElement(known, "segments")
    for job in dataset.jobs:
        segment = Xml.SubElement(segments, "segment")
        for name, value in (("id", job["id"]), ("start", job["start_frame"]), ("stop", job["stop_frame"])):
            Xml.SubElement(segment, name).text = str(value)
    known.append(_labels(dataset))
    return meta


def _date(stamp: str) -> str:
    return stamp.replace("T", " ").replace("Z", "+00:00")


def _labels(dataset: Dataset) -> Xml.Element:
    labels = Xml.Element("labels")
    for label in dataset.labels:
        element = Xml.SubElement(labels, "label")
        for name in ("name", "color", "type"):
            Xml.SubElement(element, name).text = getattr(label, name)
        element.append(_attributes(label))
        if label.parent:
            Xml.SubElement(element, "parent").text = label.parent
    return labels


def _attributes(label: Label) -> Xml.Element:
    attributes = Xml.Element("attributes")
    for row in label.attributes:
        element = Xml.SubElement(attributes, "attribute")
        fields: dict[str, Any] = {
            "name": row["name"],
            "mutable": bool(row["mutable"]),
            "input_type": row["input_type"],
            "default_value": row["default_value"],
            "values": "\n".join(orjson.loads(row["choices"])),
        }
        for name, value in fields.items():
            Xml.SubElement(element, name).text = str(value)
    return attributes


def _image(dataset: Dataset, number: int, picture: Picture) -> Xml.Element:
    in_project = dataset.target == "project"
    image = Xml.Element("image", id=str(number if in_project else picture.number), name=picture.path)
    if in_project:
        image.attrib |= {"subset": picture.subset or "default", "task_id": str(picture.task_id)}
    image.attrib |= {"width": str(picture.width), "height": str(picture.height)}
    for shape in picture.shapes:
        image.append(_shape(dataset, shape))
    for tag in picture.tags:
        label = dataset.label(tag)
        image.append(_filled(Xml.Element("tag", label=label.name, source=tag["source"]), label, tag))
    return image


def _shape(dataset: Dataset, shape: Item) -> Xml.Element:
    label, points = dataset.label(shape), shape["points"]
    if shape["type"] not in _ELEMENTS:
        raise RequestFailure(f"NotImplementedError: the emulator does not write a {shape['type']} to CVAT's XML\n")
    element = Xml.Element(
        _ELEMENTS[shape["type"]], label=label.name, source=shape["source"], occluded=str(int(shape["occluded"]))
    )
    if shape["type"] == "rectangle":
        element.attrib |= {
            name: f"{value:.2f}" for name, value in zip(("xtl", "ytl", "xbr", "ybr"), points, strict=True)
        }
    elif shape["type"] == "ellipse":
        cx, cy, right, top = points
        element.attrib |= {"cx": f"{cx:.2f}", "cy": f"{cy:.2f}", "rx": f"{right - cx:.2f}", "ry": f"{cy - top:.2f}"}
    else:
        element.attrib["points"] = ";".join(f"{x:.2f},{y:.2f}" for x, y in zip(points[::2], points[1::2], strict=True))
    if shape["rotation"]:
        element.attrib["rotation"] = f"{shape['rotation']:.2f}"
    element.attrib["z_order"] = str(shape["z_order"])
    return _filled(element, label, shape)


def _filled(element: Xml.Element, label: Label, item: Item) -> Xml.Element:
    """The element with its group and its attributes' values."""
    if item["group"]:
        element.attrib["group_id"] = str(item["group"])
    for name, value in label.named_values(item):
        Xml.SubElement(element, "attribute", name=name).text = value
    return element
