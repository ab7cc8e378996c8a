"""Objects of all types in a release: pycocotools and Ultralytics' documentation say what must be read of them."""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from cvat_sdk.masks import encode_mask
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from include.datasets.checks import check_release
from include.datasets.contents import ReleasedImage, contents_of, release_digest
from include.datasets.release import write_release
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.datasets.objects import SETTINGS, box, released

LABELS = ("word", "outline", "region", "joints", "scene")
TRAIN = replace(SETTINGS, splits={"train": 1.0})
YOLO = replace(TRAIN, formats=("coco", "yolo"))
WIDTH, HEIGHT = 100, 80


def polygon(*points: float, label: str = "outline") -> Shape:
    return Shape(label, ShapeType.POLYGON, points)


def mask(bitmap: NDArray[np.bool_], *, tight: bool = True) -> Shape:
    """Of a bitmap of the whole image; in the smallest box, or in that of the image."""
    points = encode_mask(bitmap, None if tight else [0, 0, WIDTH, HEIGHT])
    return Shape("region", ShapeType.MASK, tuple(map(float, points)))


def bitmap_of(*boxes: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
    for left, top, right, bottom in boxes:
        bitmap[top:bottom, left:right] = True
    return bitmap


RING = bitmap_of((10, 20, 30, 40)) ^ bitmap_of((15, 25, 20, 30))
JOINTS = Shape("joints", ShapeType.POINTS, (10.0, 20.0, 30.5, 5.25, 12.0, 70.0))
SCENE = Shape("scene", ShapeType.TAG, (), attributes=(("caption", "A road."),))


def load(folder: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / "annotations" / "train.json"))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Rectangles, polygons, masks, points and tags."""
    left, top = draw(st.integers(0, WIDTH - 12)), draw(st.integers(0, HEIGHT - 12))
    wide, high = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    right, bottom = left + wide, top + high
    match draw(st.sampled_from(LABELS)):
        case "word":
            return box(left, top, right, bottom)
        case "outline":
            return polygon(left, top, right, top, right, bottom, left, bottom)
        case "region":
            bits = np.zeros((HEIGHT, WIDTH), np.bool_)
            chosen = draw(st.lists(st.booleans(), min_size=wide * high, max_size=wide * high))
            bits[top:bottom, left:right] = np.array(chosen).reshape(high, wide)
            bits[top, left] = True
            return mask(bits)
        case "joints":
            return Shape("joints", ShapeType.POINTS, (left, top, right, bottom), occluded=draw(st.booleans()))
        case _:
            return SCENE


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(shapes(), max_size=4), max_size=3), st.integers())
def test_pycocotools_sees_the_box_area_and_pixels_that_are_said(found: list[list[Shape]], seed: int) -> None:
    images = [released(f"image{number}", drawn) for number, drawn in enumerate(found)]
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        contents = write_release(Path(one), images, LABELS, TRAIN)
        assert check_release(Path(one)) == []
        coco = load(Path(one))
        mixed = [replace(i, annotations=tuple(Random(seed).sample(i.annotations, len(i.annotations)))) for i in images]
        assert write_release(Path(other), mixed, LABELS, TRAIN) == contents
        assert (Path(one) / "annotations/train.json").read_bytes() == (
            Path(other) / "annotations/train.json"
        ).read_bytes()
    objects = [a for a in coco.anns.values() if "keypoints" not in a]
    for annotation in objects:  # corners and edges are whole numbers, so that drawing rounds nothing
        runs = coco.annToRLE(annotation)
        assert annotation["area"] == coco_mask.area(runs)
        assert annotation["bbox"] == coco_mask.toBbox(runs).tolist()
    tags = sum(len(image.get("tags", [])) for image in coco.imgs.values())
    assert len(coco.anns) + tags == sum(map(len, found)) == sum(contents.annotations["train"].values())


def test_objects_by_hand(tmp_path: Path) -> None:
    drawn = [polygon(10, 10, 30, 10, 10.004, 40), mask(RING), JOINTS, SCENE]
    write_release(tmp_path, [released("a", drawn), released("b")], LABELS, TRAIN)
    coco = load(tmp_path)
    assert [image.get("tags") for image in coco.imgs.values()] == [
        [{"category_id": 5, "attributes": {"caption": "A road."}, "accepted": "person"}],
        None,
    ]
    joints, outline, region = coco.anns.values()
    assert {key: outline[key] for key in ("bbox", "area", "segmentation", "category_id")} == {
        "bbox": [10, 10, 20, 30], "area": 300, "segmentation": [[10, 10, 30, 10, 10, 40]], "category_id": 2
    }  # fmt: skip
    assert "keypoints" not in outline
    assert (region["bbox"], region["area"], region["iscrowd"]) == ([10, 20, 20, 20], 375, 0)
    assert coco.annToRLE(region) == coco_mask.encode(np.asfortranarray(RING.astype(np.uint8)))
    assert region["segmentation"]["size"] == [80, 100]
    assert {key: joints[key] for key in ("bbox", "area", "segmentation", "keypoints", "num_keypoints")} == {
        "bbox": [10, 5.25, 20.5, 64.75], "area": 1327.375, "segmentation": [],
        "keypoints": [10, 20, 2, 30.5, 5.25, 2, 12, 70, 2], "num_keypoints": 3,
    }  # fmt: skip


def test_what_is_occluded_is_labelled_and_not_visible(tmp_path: Path) -> None:
    write_release(tmp_path, [released("a", [replace(JOINTS, occluded=True)])], LABELS, TRAIN)
    assert load(tmp_path).anns[1]["keypoints"][2::3] == [1, 1, 1]


def test_an_outline_that_crosses_itself_has_the_area_that_coco_fills(tmp_path: Path) -> None:
    """Two triangles of 20 x 10 that meet in their tips."""
    write_release(tmp_path, [released("a", [polygon(10, 10, 30, 30, 10, 30, 30, 10)])], LABELS, TRAIN)
    coco = load(tmp_path)
    assert coco.anns[1]["area"] == 200
    assert coco_mask.area(coco.annToRLE(coco.anns[1])) == pytest.approx(200, abs=20)


def test_the_same_pixels_in_another_box_are_the_same_contents() -> None:
    digests = {release_digest([released("a", [mask(RING, tight=tight)])], LABELS, TRAIN) for tight in (True, False)}
    assert len(digests) == 1


@pytest.mark.parametrize("shape", [JOINTS, SCENE])
def test_yolo_does_not_hold_points_and_tags(shape: Shape) -> None:
    with pytest.raises(ValueError, match=f"a {shape.type}, and yolo holds mask, polygon, rectangle alone"):
        contents_of([released("a", [shape])], LABELS, YOLO)


@pytest.mark.parametrize("shape", [polygon(1, 1, 5, 1, 5, 5), mask(RING)])
def test_voc_holds_rectangles_alone(shape: Shape) -> None:
    with pytest.raises(ValueError, match="and voc holds rectangle alone"):
        contents_of([released("a", [shape])], LABELS, replace(TRAIN, formats=("coco", "voc")))


def yolo(folder: Path, images: list[ReleasedImage], **changes: Any) -> str:
    write_release(folder, images, LABELS, replace(YOLO, **changes))
    assert check_release(folder) == []
    with zipfile.ZipFile(folder / "yolo" / "train.zip") as archive:
        return archive.read("labels/incoming/a.txt").decode()


def test_yolo_has_outlines_where_all_are_polygons(tmp_path: Path) -> None:
    """Class, then x and y as shares of 100 and 80 pixels: docs.ultralytics.com/datasets/segment."""
    images = [released("a", [polygon(10, 20, 50, 20, 100, 80), polygon(0, 0, 25, 0, 25, 40, 0, 40, label="word")])]
    assert yolo(tmp_path, images, segments=True) == (
        "1 0.100000 0.250000 0.500000 0.250000 1.000000 1.000000\n"
        "0 0.000000 0.000000 0.250000 0.000000 0.250000 0.500000 0.000000 0.500000\n"
    )
    with pytest.raises(ValueError, match="a rectangle, and yolo holds polygon alone"):
        contents_of([released("a", [box(1, 1, 4, 4)])], LABELS, replace(YOLO, segments=True))


def test_otherwise_yolo_has_the_boxes_around_them(tmp_path: Path) -> None:
    images = [released("a", [polygon(10, 20, 50, 20, 50, 60), mask(RING), box(0, 0, 50, 40)])]
    assert yolo(tmp_path, images) == (
        "1 0.300000 0.500000 0.400000 0.500000\n"
        "2 0.200000 0.375000 0.200000 0.250000\n"
        "0 0.250000 0.250000 0.500000 0.500000\n"
    )


def change(number: int, **values: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["annotations"][number].update(values)


DAMAGE: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (
        change(0, num_keypoints=2),
        "annotation 1 (incoming/a.jpg, 100x80): it has 9 numbers for 2 keypoints, not 3 for each.",
    ),
    (
        change(0, keypoints=[1, 2, 0, 3, 4, 2, 5, 6, 2]),
        "annotation 1 (incoming/a.jpg, 100x80): a keypoint is neither visible (2) nor hidden (1).",
    ),
    (
        change(0, segmentation=[[1, 1, 5, 1, 5, 5]]),
        "annotation 1 (incoming/a.jpg, 100x80): it has keypoints, and an outline or a mask.",
    ),
    (
        change(1, segmentation=[[1, 1, 5, 1]]),
        "annotation 2 (incoming/a.jpg, 100x80): its outline is no ring of three points or more.",
    ),
    (
        change(1, segmentation=[]),
        "annotation 2 (incoming/a.jpg, 100x80): it has neither an outline nor a mask nor keypoints.",
    ),
    (change(2, area=374), "annotation 3 (incoming/a.jpg, 100x80): its mask has 375 pixels, and its area is 374."),
    (
        change(2, segmentation={"counts": [0, 375], "size": [80, 100]}),
        "annotation 3 (incoming/a.jpg, 100x80): its mask is of 100x80 pixels, and has 375.",
    ),
    (lambda document: document["images"][0]["tags"][0].update(category_id=9), "a tag of incoming/a.jpg is of category"),
    (lambda document: document["images"][0].pop("tags"), "it has 0 annotations of 'scene', not 1."),
]


@pytest.mark.parametrize(("spoil", "problem"), DAMAGE, ids=[problem for _, problem in DAMAGE])
def test_damaged_objects(tmp_path: Path, spoil: Callable[[dict[str, Any]], object], problem: str) -> None:
    write_release(
        tmp_path, [released("a", [polygon(10, 10, 30, 10, 10, 40), mask(RING), JOINTS, SCENE])], LABELS, TRAIN
    )
    path = tmp_path / "annotations" / "train.json"
    document = json.loads(path.read_text())
    spoil(document)
    path.write_text(json.dumps(document))
    assert any(problem in found for found in check_release(tmp_path))
