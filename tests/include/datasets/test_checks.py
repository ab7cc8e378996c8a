"""Checks: each kind of damage is told in a sentence."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.datasets.checks import check_release
from include.datasets.release import write_release
from tests.include.datasets.objects import ALL_FORMATS, LABELS, SETTINGS, box, released

TRAIN = replace(SETTINGS, splits={"train": 1.0})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = [released("a", [box(1, 1, 4, 4), box(5, 5, 9, 9, "number")]), released("b", [box(0, 0, 100, 80)])]
    write_release(tmp_path, images, LABELS, TRAIN)
    return tmp_path


def test_a_sound_release_has_no_problems(folder: Path) -> None:
    assert check_release(folder) == []


def damage(document: dict[str, Any], where: str, **change: object) -> None:
    document[where][0] |= change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: d["images"].pop(), "b.jpg is in the manifest, but not in the annotations."),
        (lambda d: d["images"].pop(), "train: it has 1 images, not 2."),
        (lambda d: d["images"].pop(), "train: annotation 3 is of image 2, which there is not."),
        (lambda d: d["annotations"].pop(), "train: it has 1 annotations of 'word', not 2."),
        (lambda d: damage(d, "categories", name="text"), "not the labels ('word', 'number') in order."),
        (
            lambda d: damage(d, "annotations", category_id=9),
            "train: annotation 1 is of category 9, which there is not.",
        ),
        (lambda d: damage(d, "annotations", id=2), "train: annotation id 2 is there 2 times."),
        (lambda d: damage(d, "images", id=2), "train: image id 2 is there 2 times."),
        (
            lambda d: damage(d, "images", coco_url="s3://photos/x.jpg"),
            "x.jpg is in the annotations, but not in the man",
        ),
        (lambda d: damage(d, "images", width=99), "a.jpg has another size or split in the manifest"),
        (lambda d: damage(d, "images", coco_url="s3://photos/incoming/b.jpg"), "is in 2 places of the annotations."),
        (lambda d: damage(d, "annotations", bbox=[90, 1, 10.1, 3]), "(90.0, 1.0, 10.1, 3.0) is not inside the image."),
        (lambda d: damage(d, "annotations", bbox=[-0.1, 1, 3, 3]), "is not inside the image."),
        (lambda d: damage(d, "annotations", bbox=[1, 78, 3, 3]), "is not inside the image."),
        (lambda d: damage(d, "annotations", bbox=[1, 1, 0, 3]), "has no size."),
        (lambda d: d["annotations"][0].pop("bbox"), "The release cannot be read: 1 validation error"),
    ],
)
def test_damaged_annotations(folder: Path, change: Callable[[dict[str, Any]], object], problem: str) -> None:
    path = folder / "annotations" / "train.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    assert any(problem in found for found in check_release(folder))


def test_an_image_twice_in_the_manifest(folder: Path) -> None:
    path = folder / "manifest.jsonl"
    path.write_text(path.read_text() + path.read_text().splitlines()[0])
    assert check_release(folder) == ["The manifest names s3://photos/incoming/a.jpg 2 times."]


@pytest.mark.parametrize("name", ["dataset.json", "manifest.jsonl", "annotations/train.json"])
def test_a_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (problem,) = check_release(folder)
    assert name in problem


def test_a_rotated_box_may_reach_over_the_edge_but_its_centre_may_not(tmp_path: Path) -> None:
    over, beyond = box(0, 1, 20, 5, rotation=90), box(95, 1, 115, 11, rotation=10)
    write_release(tmp_path / "over", [released("a", [over])], LABELS, TRAIN)
    assert check_release(tmp_path / "over") == []
    write_release(tmp_path / "beyond", [released("a", [beyond])], LABELS, TRAIN)
    (problem,) = check_release(tmp_path / "beyond")
    assert "is not inside the image" in problem


def test_a_box_that_a_person_drew_beyond_the_edge(tmp_path: Path) -> None:
    write_release(tmp_path, [released("a", [box(90, 70, 100.04, 80.5)])], LABELS, TRAIN)
    (problem,) = check_release(tmp_path)
    assert problem.startswith("train: annotation 1 (incoming/a.jpg, 100x80): box (90.0, 70.0, 10.04, 10.5)")


@pytest.fixture
def formats(tmp_path: Path) -> Path:
    images = [released("a", [box(1, 1, 4, 4), box(5, 5, 9, 9, "number")]), released("b", [box(0, 0, 9, 9)])]
    write_release(tmp_path, images, LABELS, replace(ALL_FORMATS, splits={"train": 1.0}))
    assert check_release(tmp_path) == []
    return tmp_path


def rewrite(path: Path, changes: dict[str, str | None]) -> None:
    """Replace files of an archive, or take them out (None)."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (files | changes).items():
            if content is not None:
                archive.writestr(name, content)


@pytest.mark.parametrize(
    ("archive", "changes", "problem"),
    [
        (
            "yolo",
            {"labels/incoming/b.txt": ""},
            "train: yolo has {} on incoming/b.jpg, and coco {'word': 1}.",
        ),
        (
            "yolo",
            {"labels/incoming/b.txt": "1 0.1 0.1 0.1 0.1\n"},
            "train: yolo has {'number': 1} on incoming/b.jpg, and coco {'word': 1}.",
        ),
        (
            "yolo",
            {"labels/incoming/b.txt": "-1 0.1 0.1 0.1 0.1\n"},
            "train: yolo has {'class -1': 1} on incoming/b.jpg, and coco {'word': 1}.",
        ),
        (
            "yolo",
            {"labels/incoming/b.txt": None},
            "train: yolo cannot be read: it lists incoming/b.jpg and has no labels of it",
        ),
        ("yolo", {"train.txt": "./images/incoming/a.jpg\n"}, "train: yolo does not list incoming/b.jpg."),
        ("voc", {"ImageSets/Main/train.txt": "incoming/a\n"}, "train: voc does not list incoming/b.jpg."),
        (
            "voc",
            {"ImageSets/Main/train.txt": "incoming/a\nincoming/b\nc\n"},
            "train: voc cannot be read: train.zip lists c, which is none of the images",
        ),
        (
            "voc",
            {"Annotations/incoming/b.xml": "<annotation/>"},
            "train: voc has {} on incoming/b.jpg, and coco {'word': 1}.",
        ),
        (
            "voc",
            {"Annotations/incoming/b.xml": "<annotation>"},
            "train: voc cannot be read: Annotations/incoming/b.xml is no XML: no element found: line 1, column 12",
        ),
    ],
)
def test_formats_that_differ_from_coco(
    formats: Path, archive: str, changes: dict[str, str | None], problem: str
) -> None:
    rewrite(formats / archive / "train.zip", changes)
    assert check_release(formats) == [problem]


def test_damaged_archives_and_classes(formats: Path) -> None:
    (formats / "voc" / "train.zip").write_bytes(b"PK")
    (formats / "yolo" / "data.yaml").write_text("names: 3\n")
    assert check_release(formats) == [
        "train: yolo cannot be read: data.yaml has no classes by number under `names`",
        "train: voc cannot be read: train.zip is no whole zip: File is not a zip file",
    ]


def test_a_missing_archive(formats: Path) -> None:
    (formats / "yolo" / "train.zip").unlink()
    (problem,) = check_release(formats)
    assert "yolo cannot be read: [Errno 2]" in problem


def test_a_wrong_count_of_rotated_annotations(formats: Path) -> None:
    path = formats / "dataset.json"
    path.write_text(path.read_text().replace('"rotated": {\n    "train": 0', '"rotated": {\n    "train": 1'))
    assert check_release(formats) == ["train: it has 0 rotated annotations, not 1."]
