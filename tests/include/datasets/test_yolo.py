"""YOLO: an unpacked release is read as Ultralytics documents its format, and shows what COCO shows."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given, settings

from include.datasets.coco import read_coco
from include.datasets.contents import ReleasedImage
from include.datasets.release import coco_path, write_release
from tests.include.datasets.objects import ALL_FORMATS, LABELS, box, released, releases

YOLO = replace(ALL_FORMATS, splits={"train": 1.0}, formats=("coco", "yolo"))
Row = tuple[str, float, float, float, float]


def unpacked(folder: Path) -> Path:
    for archive in (folder / "yolo").glob("*.zip"):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder / "yolo")
    return folder / "yolo"


def read(folder: Path, split: str) -> Iterator[tuple[str, list[Row]]]:
    """Keys and rows (class name and four shares) of a split, found from data.yaml alone."""
    data = yaml.safe_load((folder / "data.yaml").read_text())
    for line in (folder / data[split]).read_text().splitlines():
        image = folder.resolve() / line.removeprefix("./")
        parts = list(image.with_suffix(".txt").parts)
        parts[max(n for n, part in enumerate(parts) if part == "images")] = "labels"
        rows = [row.split() for row in Path(*parts).read_text().splitlines()]
        shares = [(data["names"][int(n)], float(x), float(y), float(w), float(h)) for n, x, y, w, h in rows]
        yield line.removeprefix("./images/"), shares


def test_a_release_by_hand(tmp_path: Path) -> None:
    """Images are 100 x 80. The rotated one is 20 x 10 about (50, 35), turned by a quarter: 10 x 20."""
    images = [
        released("b", [box(10, 20, 30, 25, "number"), box(0, 0, 100, 80)]),
        released("a/b"),
        released("c", [box(40, 30, 60, 40, rotation=90)]),
    ]
    write_release(tmp_path, images, LABELS, YOLO)
    assert (tmp_path / "yolo" / "data.yaml").read_text() == "train: train.txt\nnames:\n  0: word\n  1: number\n"
    with zipfile.ZipFile(tmp_path / "yolo" / "train.zip") as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == {
            "train.txt": "./images/incoming/a/b.jpg\n./images/incoming/b.jpg\n./images/incoming/c.jpg\n",
            "labels/incoming/a/b.txt": "",
            "labels/incoming/b.txt": "1 0.200000 0.281250 0.200000 0.062500\n0 0.500000 0.500000 1.000000 1.000000\n",
            "labels/incoming/c.txt": "0 0.500000 0.437500 0.100000 0.250000\n",
        }


def test_a_box_over_the_edge_ends_there(tmp_path: Path) -> None:
    """Ultralytics leaves out a whole image where one share is above 1."""
    images = [released("a", [box(70, 35, 110, 45), box(-5, -5, 5, 5), box(100, 80, 120, 90)])]
    write_release(tmp_path, images, LABELS, YOLO)
    ((_, rows),) = read(unpacked(tmp_path), "train")
    assert rows == [
        ("word", 0.025, 0.03125, 0.05, 0.0625),
        ("word", 0.85, 0.5, 0.3, 0.125),
        ("word", 1, 1, 0, 0),
    ]


@pytest.mark.parametrize("name", ["day 1/ä", "camera/images/1", "images/images/1", "v1.0/a.b", "labels/1", "<&>'\"#%"])
def test_awkward_keys(tmp_path: Path, name: str) -> None:
    write_release(tmp_path, [released(name, [box(10, 20, 30, 40)]), released("other")], LABELS, YOLO)
    found = dict(read(unpacked(tmp_path), "train"))
    assert found == {f"incoming/{name}.jpg": [("word", 0.2, 0.375, 0.2, 0.25)], "incoming/other.jpg": []}


@settings(max_examples=25)
@given(releases())
def test_it_shows_what_coco_shows(images: list[ReleasedImage]) -> None:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_release(folder, images, LABELS, ALL_FORMATS)
        for split in ALL_FORMATS.splits:
            coco = read_coco(coco_path(folder, split).read_text())
            names = {category.id: category.name for category in coco.categories}
            found = dict(read(unpacked(folder), split))
            assert list(found) == [image.file_name for image in coco.images]
            for image in coco.images:
                expected = [(names[a.category_id], a.bbox) for a in coco.annotations if a.image_id == image.id]
                assert [label for label, *_ in found[image.file_name]] == [label for label, _ in expected]
                for (_, x, y, w, h), (_, bbox) in zip(found[image.file_name], expected, strict=True):
                    left, top, width, height = bbox
                    right, bottom = min(left + width, 100), min(top + height, 80)
                    left, top = max(left, 0), max(top, 0)
                    assert ((x - w / 2) * 100, (x + w / 2) * 100) == pytest.approx((left, right), abs=0.001)
                    assert ((y - h / 2) * 80, (y + h / 2) * 80) == pytest.approx((top, bottom), abs=0.001)
