"""Releases as files: pycocotools reads them, and the same contents are the same bytes."""

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask
from pycocotools.coco import COCO

from include.datasets.checks import check_release
from include.datasets.contents import ReleasedImage, from_json
from include.datasets.release import read_manifest, write_release
from include.lifecycle.reviews import Acceptance
from include.lifecycle.shapes import ShapeType
from tests.include.datasets.objects import ALL_FORMATS, LABELS, SETTINGS, box, released, releases

ONE_SPLIT = replace(SETTINGS, splits={"train": 1.0})


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def load(folder: Path, split: str = "train") -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / "annotations" / f"{split}.json"))


@settings(max_examples=50)
@given(releases(), st.integers())
def test_the_same_contents_are_the_same_bytes(images: list[ReleasedImage], seed: int) -> None:
    random = Random(seed)
    mixed = [
        replace(image, annotations=tuple(random.sample(image.annotations, len(image.annotations))))
        for image in random.sample(images, len(images))
    ]
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        contents = write_release(Path(one), images, LABELS, ALL_FORMATS)
        assert write_release(Path(other), mixed, LABELS, ALL_FORMATS) == contents
        assert files(Path(one)) == files(Path(other))
        assert check_release(Path(one)) == []


@settings(max_examples=50)
@given(releases())
def test_pycocotools_reads_back_every_object(images: list[ReleasedImage]) -> None:
    with TemporaryDirectory() as folder:
        contents = write_release(Path(folder), images, LABELS, SETTINGS)
        read = {split: load(Path(folder), split) for split in SETTINGS.splits}
    for split, coco in read.items():
        assert len(coco.imgs) == contents.images[split]
        for label in LABELS:
            found = coco.getAnnIds(catIds=coco.getCatIds(catNms=[label]))
            assert len(found) == contents.annotations[split][label]
    names = {image["file_name"] for coco in read.values() for image in coco.imgs.values()}
    assert names == {f"incoming/image{number}.jpg" for number in range(len(images))}


def test_an_object_by_hand(tmp_path: Path) -> None:
    shape = replace(box(10, 20.004, 30, 25, "number"), occluded=True, attributes=(("text", "42"),))
    write_release(tmp_path, [released("a", [shape], accepted=Acceptance.AUTOMATIC)], LABELS, ONE_SPLIT)
    coco = load(tmp_path)
    assert coco.loadCats([1, 2]) == [
        {"id": 1, "name": "word", "supercategory": ""},
        {"id": 2, "name": "number", "supercategory": ""},
    ]
    assert coco.imgs == {
        1: {
            "id": 1,
            "file_name": "incoming/a.jpg",
            "coco_url": "s3://photos/incoming/a.jpg",
            "width": 100,
            "height": 80,
        }
    }
    assert coco.anns == {
        1: {
            "id": 1, "image_id": 1, "category_id": 2, "bbox": [10, 20, 20, 5], "area": 100, "iscrowd": 0,
            "segmentation": [[10, 20, 30, 20, 30, 25, 10, 25]],
            "attributes": {"text": "42", "occluded": True, "rotation": 0},
            "accepted": "automatic",
        }
    }  # fmt: skip


def test_a_rotated_rectangle_has_the_box_of_its_corners_and_keeps_its_rotation(tmp_path: Path) -> None:
    write_release(tmp_path, [released("a", [box(40, 30, 60, 40, rotation=90)])], LABELS, ONE_SPLIT)
    coco = load(tmp_path)
    annotation = coco.anns[1]
    assert annotation["bbox"] == [45, 25, 10, 20]
    assert annotation["segmentation"] == [[55, 25, 55, 45, 45, 45, 45, 25]]
    assert annotation["attributes"]["rotation"] == 90
    assert annotation["area"] == mask.area(coco.annToRLE(annotation)) == 200


def test_ids_count_from_one_by_key(tmp_path: Path) -> None:
    images = [released("b", [box(5, 5, 9, 9), box(1, 1, 4, 4)]), released("a", [box(2, 2, 4, 4)])]
    write_release(tmp_path, images, LABELS, ONE_SPLIT)
    coco = load(tmp_path)
    assert [(n, image["file_name"]) for n, image in coco.imgs.items()] == [(1, "incoming/a.jpg"), (2, "incoming/b.jpg")]
    assert [(n, a["image_id"], a["bbox"][0]) for n, a in coco.anns.items()] == [(1, 1, 2), (2, 2, 1), (3, 2, 5)]


def test_the_manifest_pins_the_images(tmp_path: Path) -> None:
    images = [released("b"), released("a", version_id="v1", accepted=Acceptance.AUDIT)]
    write_release(tmp_path, images, LABELS, ONE_SPLIT)
    first, second = (json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines())
    assert first == {
        "uri": "s3://photos/incoming/a.jpg",
        "etag": images[1].image.etag,
        "size": 1000,
        "width": 100,
        "height": 80,
        "split": "train",
        "accepted": "audit",
        "revision": "revision-a",
        "version_id": "v1",
    }
    assert second["uri"] == "s3://photos/incoming/b.jpg"
    assert "version_id" not in second
    assert [row.version_id for row in read_manifest(tmp_path)] == ["v1", None]


def test_the_contents_are_kept_with_the_files(tmp_path: Path) -> None:
    contents = write_release(tmp_path, [released("a", [box(1, 1, 4, 4)])], LABELS, SETTINGS)
    assert from_json((tmp_path / "dataset.json").read_text()) == contents


def test_rotated_annotations_are_counted_where_a_whole_turn_is_none(tmp_path: Path) -> None:
    shapes = [box(40, 30, 60, 40, rotation=degrees) for degrees in (0, 90, -30, 360)]
    contents = write_release(tmp_path, [released("a", shapes)], LABELS, ONE_SPLIT)
    assert contents.rotated == {"train": 2}


def test_few_files_however_many_images_and_formats(tmp_path: Path) -> None:
    write_release(tmp_path / "all", [released(f"image{number}") for number in range(200)], LABELS, ALL_FORMATS)
    archives = {f"{name}/{split}.zip" for name in ("yolo", "voc") for split in SETTINGS.splits}
    annotations = {f"annotations/{split}.json" for split in SETTINGS.splits}
    assert set(files(tmp_path / "all")) == {
        "dataset.json",
        "manifest.jsonl",
        "yolo/data.yaml",
        *archives,
        *annotations,
    }


def test_by_default_there_is_coco_alone(tmp_path: Path) -> None:
    write_release(tmp_path, [released(f"image{number}") for number in range(200)], LABELS, SETTINGS)
    expected = {"dataset.json", "manifest.jsonl", *(f"annotations/{split}.json" for split in SETTINGS.splits)}
    assert files(tmp_path).keys() == expected


def test_identical_content_is_in_one_split(tmp_path: Path) -> None:
    images = [released(f"copy{number}", content="the same") for number in range(20)]
    write_release(tmp_path, images, LABELS, SETTINGS)
    assert len({row.split for row in read_manifest(tmp_path)}) == 1


def test_new_images_move_no_old_ones(tmp_path: Path) -> None:
    old = [released(f"image{number}") for number in range(30)]
    write_release(tmp_path / "1", old, LABELS, SETTINGS)
    write_release(tmp_path / "2", [*old, *(released(f"more{number}") for number in range(30))], LABELS, SETTINGS)
    before = {row.uri: row.split for row in read_manifest(tmp_path / "1")}
    after = {row.uri: row.split for row in read_manifest(tmp_path / "2")}
    assert before.items() <= after.items()


def test_an_older_release_is_not_written_over(tmp_path: Path) -> None:
    write_release(tmp_path, [released("a")], LABELS, SETTINGS)
    before = files(tmp_path)
    with pytest.raises(FileExistsError, match="is not empty"):
        write_release(tmp_path, [released("b")], LABELS, SETTINGS)
    assert files(tmp_path) == before


def test_what_cannot_be_released_writes_nothing(tmp_path: Path) -> None:
    polygon = replace(box(1, 2, 3, 4), type=ShapeType.POLYGON)
    with pytest.raises(ValueError, match="a polygon"):
        write_release(tmp_path / "release", [released("a", [polygon])], LABELS, SETTINGS)
    assert not (tmp_path / "release").exists()


def test_a_release_without_coco_is_refused() -> None:
    with pytest.raises(ValueError, match="every release is in the format coco"):
        replace(SETTINGS, formats=("yolo",))
