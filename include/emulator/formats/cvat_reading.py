"""Reading CVAT 1.1: the XML that "CVAT for images 1.1" writes, alone or in a ZIP."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

from include.emulator.annotations import Item, Kind
from include.emulator.naming import Names, failed_import

_SHAPES = {
    "box": "rectangle",
    "polygon": "polygon",
    "polyline": "polyline",
    "points": "points",
    "ellipse": "ellipse",
}


def read(file: Path, names: Names) -> dict[Kind, list[Item]]:
    """The annotations in a ZIP or in an XML file. Raises `RequestFailure` for what it cannot read."""
    found: dict[Kind, list[Item]] = {"tags": [], "shapes": []}
    try:
        for content in _files(file):
            root = Xml.fromstring(content)
            if root.find("track") is not None:
                raise ValueError("the emulator does not read tracks")
            for image in root.iter("image"):
                _read_image(image, names, found)
    except (Xml.ParseError, ValueError, KeyError) as error:
        raise failed_import("cvat", error) from error
    return found


def _files(file: Path) -> Iterator[bytes]:
    if not zipfile.is_zipfile(file):
        yield file.read_bytes()
        return
    with zipfile.ZipFile(file) as archive:
        yield from (archive.read(name) for name in archive.namelist() if name.endswith(".xml"))


def _read_image(image: Xml.Element, names: Names, found: dict[Kind, list[Item]]) -> None:
    frame = names.frame(image.attrib["name"])
    for element in image:
        label_id = names.label(element.attrib["label"])
        item = {
            "frame": frame,
            "label_id": label_id,
            "group": int(element.get("group_id", 0)),
            "source": "file",
            "attributes": names.values(label_id, ((a.attrib["name"], a.text or "") for a in element)),
        }
        if element.tag == "tag":
            found["tags"].append(item)
        elif element.tag in _SHAPES:
            found["shapes"].append(item | _geometry(element))
        else:
            raise ValueError(f"the emulator does not read a {element.tag}")


def _geometry(element: Xml.Element) -> Item:
    return {
        "type": _SHAPES[element.tag],
        "points": _points(element),
        "occluded": element.get("occluded") == "1",
        "z_order": int(element.get("z_order", 0)),
        "rotation": float(element.get("rotation", 0)),
    }


def _points(element: Xml.Element) -> list[float]:
    if element.tag == "box":
        return [float(element.attrib[name]) for name in ("xtl", "ytl", "xbr", "ybr")]
    if element.tag == "ellipse":
        cx, cy, rx, ry = (float(element.attrib[name]) for name in ("cx", "cy", "rx", "ry"))
        return [cx, cy, cx + rx, cy - ry]
    return [float(value) for pair in element.attrib["points"].split(";") for value in pair.split(",")]
