"""Ultralytics YOLO Detection 1.0: a text file a frame that has boxes, a line a box, in parts of the frame's size.

Only rectangles that are not rotated are written, as CVAT does. Read it back through COCO or XML where more is needed.
"""

import zipfile

import orjson

from include.emulator.dataset import Dataset, Item, Picture


def write(archive: zipfile.ZipFile, dataset: Dataset) -> None:
    subsets = dataset.subsets()
    names = [f"  {number}: {_quoted(label.name)}\n" for number, label in enumerate(dataset.labels)]
    lists = [f"{_subset(subset)}: {_subset(subset)}.txt\n" for subset in subsets]
    archive.writestr("data.yaml", "".join(["names:\n", *names, "path: .\n", *lists]))
    classes = {label.id: number for number, label in enumerate(dataset.labels)}
    for subset, pictures in subsets.items():
        listed = "".join(f"data/{image_path(picture)}\n" for picture in pictures)
        archive.writestr(f"{_subset(subset)}.txt", listed)
        for picture in pictures:
            lines = [_line(classes[box["label_id"]], picture, box) for box in picture.shapes if _is_upright_box(box)]
            if lines:
                stem = picture.path.rpartition(".")[0] or picture.path
                archive.writestr(f"labels/{_subset(subset)}/{stem}.txt", "".join(lines))


def image_path(picture: Picture) -> str:
    return f"images/{_subset(picture.subset)}/{picture.path}"


def _subset(name: str) -> str:
    return "train" if name in ("", "default") else name


def _quoted(name: str) -> str:
    """A name as YAML reads it; JSON's strings are YAML's."""
    return name if name.isidentifier() else orjson.dumps(name).decode()


def _is_upright_box(shape: Item) -> bool:
    return bool(shape["type"] == "rectangle" and not shape["rotation"])


def _line(number: int, picture: Picture, box: Item) -> str:
    left, top, right, bottom = box["points"]
    parts = (
        (left + right) / 2 / picture.width,
        (top + bottom) / 2 / picture.height,
        (right - left) / picture.width,
        (bottom - top) / picture.height,
    )
    return " ".join([str(number), *(f"{part:.6f}" for part in parts)]) + "\n"
