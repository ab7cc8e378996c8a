"""Pascal VOC: a split of a dataset in the format of the VOC2012 development kit.

`voc/<split>.zip` holds `Annotations/<key>.xml`, an image each, and `ImageSets/Main/<split>.txt`, their names. All
splits unpack into one folder, with every image under `JPEGImages/<key>`.

Boxes follow the development kit: whole pixels, both ends belong to the box, and the top left pixel is (1, 1). The box
from x1 to x2, in pixels from the image's left edge, becomes `xmin` = round(x1) + 1 and `xmax` = round(x2), halves up:
from 10 to 30 it has the twenty pixels 11 to 30. It has at least one pixel, and all of them are in the image.
"""

import math
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from include.datasets.archives import read_archive, write_archive
from include.datasets.contents import ReleasedImage, canonical_shapes, is_cut, visible_box
from include.datasets.layout import voc_annotation, voc_name
from include.lifecycle.shapes import Shape

_CHANNELS = {"1": 1, "L": 1, "I;16": 1, "P": 1, "LA": 2, "RGBA": 4, "CMYK": 4}  # by Pillow's mode; else 3


def write_voc(folder: Path, dataset: str, split: str, images: Sequence[ReleasedImage]) -> None:
    """Write a split's archive into the format's folder. An image without objects has an annotation without any."""
    write_archive(folder / f"{split}.zip", _files(dataset, split, sorted(images, key=lambda image: image.key)))


def count_voc(folder: Path, split: str, keys: Iterable[str]) -> dict[str, Counter[str]]:
    """How many objects of which class a split's archive has for each of the keys that it lists.

    Raises OSError or ValueError where the archive cannot be read, or lists an image of another key.
    """
    files = read_archive(folder / f"{split}.zip")
    listed = set(files.get(f"ImageSets/Main/{split}.txt", "").splitlines())
    found: dict[str, Counter[str]] = {}
    for key in keys:
        if voc_name(key) in listed:
            listed.remove(voc_name(key))
            found[key] = Counter(name.text or "" for name in _root(files, key).iterfind("object/name"))
    if listed:
        raise ValueError(f"{split}.zip lists {min(listed)}, which is none of the images")
    return found


def _root(files: dict[str, str], key: str) -> ET.Element:
    if voc_annotation(key) not in files:
        raise ValueError(f"it lists {key} and has no annotation of it")
    try:
        return ET.fromstring(files[voc_annotation(key)])
    except ET.ParseError as error:
        raise ValueError(f"{voc_annotation(key)} is no XML: {error}") from error


def _files(dataset: str, split: str, ordered: Sequence[ReleasedImage]) -> Iterator[tuple[str, str]]:
    yield f"ImageSets/Main/{split}.txt", "".join(f"{voc_name(image.key)}\n" for image in ordered)
    for image in ordered:
        root = _annotation(dataset, image)
        ET.indent(root)
        yield voc_annotation(image.key), ET.tostring(root, encoding="unicode") + "\n"


def _annotation(dataset: str, image: ReleasedImage) -> ET.Element:
    header = image.image.header
    root = ET.Element("annotation")
    _texts(root, folder=dataset, filename=image.key, path=image.image.uri)
    _texts(ET.SubElement(root, "source"), database=dataset)
    depth = _CHANNELS.get(header.mode, 3)
    _texts(ET.SubElement(root, "size"), width=header.width, height=header.height, depth=depth)
    _texts(root, segmented=0)
    for shape in canonical_shapes(image):
        _add_object(root, image, shape)
    return root


def _add_object(root: ET.Element, image: ReleasedImage, shape: Shape) -> None:
    """Truncated is what reaches over the image's edge; whether people would find an object difficult nobody asked."""
    added = ET.SubElement(root, "object")
    _texts(added, name=shape.label, pose="Unspecified", truncated=int(is_cut(image, shape)))
    _texts(added, occluded=int(shape.occluded), difficult=0)
    left, top, right, bottom = visible_box(image, shape)
    (xmin, xmax), (ymin, ymax) = (
        _pixels(left, right, image.image.header.width),
        _pixels(top, bottom, image.image.header.height),
    )
    _texts(ET.SubElement(added, "bndbox"), xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax)


def _pixels(start: float, end: float, size: int) -> tuple[int, int]:
    """The first and the last pixel of a stretch, counted from 1."""
    first = min(math.floor(start + 0.5) + 1, size)
    return first, max(math.floor(end + 0.5), first)


def _texts(parent: ET.Element, **values: str | int) -> None:
    for name, value in values.items():
        ET.SubElement(parent, name).text = str(value)
