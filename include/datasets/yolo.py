"""YOLO: the splits of a dataset in the formats of docs.ultralytics.com/datasets/detect and /segment.

`yolo/data.yaml` names the classes and the splits' lists of images; `yolo/<split>.zip` holds a split's list and an
image's labels each. Unpacked beside `data.yaml`, with every image under `images/<key>`, they are what Ultralytics
reads.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import yaml

from include.datasets.archives import read_archive, write_archive
from include.datasets.contents import ReleasedImage, canonical_shapes, visible_box
from include.datasets.layout import yolo_image, yolo_labels
from include.lifecycle.shapes import Shape

DATA = "data.yaml"
Shares = Sequence[float]  # of the image's width and height


def write_data(folder: Path, splits: Iterable[str], labels: Sequence[str]) -> None:
    """Write `data.yaml` into the format's folder, which is made if need be. Class numbers count from 0."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {**{split: f"{split}.txt" for split in splits}, "names": dict(enumerate(labels))}
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    (folder / DATA).write_text(text, encoding="utf-8", newline="\n")


def write_yolo(
    folder: Path, split: str, images: Sequence[ReleasedImage], labels: Sequence[str], *, segments: bool
) -> None:
    """Write a split's archive into the format's folder: outlines, if all objects are polygons, or else the upright
    boxes around objects. Ultralytics misreads a file that has both. An image without objects has an empty file of
    labels."""
    row = _outline if segments else _box
    write_archive(folder / f"{split}.zip", _files(split, sorted(images, key=lambda image: image.key), labels, row))


def count_yolo(folder: Path, split: str, keys: Iterable[str]) -> dict[str, Counter[str]]:
    """How many objects of which class a split's archive has for each of the keys that it lists.

    Raises OSError or ValueError where the format's files cannot be read, or list an image of another key.
    """
    classes, files = _classes(folder), read_archive(folder / f"{split}.zip")
    listed = set(files.get(f"{split}.txt", "").splitlines())
    found: dict[str, Counter[str]] = {}
    for key in keys:
        if f"./{yolo_image(key)}" in listed:
            listed.remove(f"./{yolo_image(key)}")
            if yolo_labels(key) not in files:
                raise ValueError(f"it lists {key} and has no labels of it")
            numbers = (line.split()[0] for line in files[yolo_labels(key)].splitlines())
            found[key] = Counter(classes.get(number, f"class {number}") for number in numbers)
    if listed:
        raise ValueError(f"{split}.zip lists {min(listed)}, which is none of the images")
    return found


def _classes(folder: Path) -> dict[str, str]:
    """The classes of `data.yaml` by their numbers as label files write them."""
    try:
        names = yaml.safe_load((folder / DATA).read_text("utf-8"))["names"]
        return {str(number): name for number, name in names.items()}
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{DATA} has no classes by number under `names`") from error


def _files(
    split: str, ordered: Sequence[ReleasedImage], labels: Sequence[str], row: Callable[[ReleasedImage, Shape], Shares]
) -> Iterator[tuple[str, str]]:
    yield f"{split}.txt", "".join(f"./{yolo_image(image.key)}\n" for image in ordered)
    numbers = {label: number for number, label in enumerate(labels)}
    for image in ordered:
        lines = (_line(numbers[shape.label], row(image, shape)) for shape in canonical_shapes(image))
        yield yolo_labels(image.key), "".join(lines)


def _line(number: int, shares: Shares) -> str:
    """Class, then shares, to six decimals."""
    return f"{number} {' '.join(f'{share:.6f}' for share in shares)}\n"


def _box(image: ReleasedImage, shape: Shape) -> Shares:
    """Centre x, centre y, width and height."""
    left, top, right, bottom = visible_box(image, shape)
    width, height = image.image.header.width, image.image.header.height
    return (left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height


def _outline(image: ReleasedImage, shape: Shape) -> Shares:
    """x1, y1, x2, …: Ultralytics leaves out an image where one of them is not in 0..1."""
    sides = (image.image.header.width, image.image.header.height)
    return [min(max(value / sides[place % 2], 0.0), 1.0) for place, value in enumerate(shape.points)]
