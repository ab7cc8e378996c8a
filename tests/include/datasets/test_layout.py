"""Layout: YOLO and VOC find everything, or a release says what they would not find."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.datasets.contents import contents_of
from include.datasets.layout import check_names, voc_annotation, voc_name, yolo_image, yolo_labels
from tests.include.datasets.objects import ALL_FORMATS, LABELS, SETTINGS, released


@pytest.mark.parametrize(
    ("key", "labels"),
    [
        ("a.jpg", "labels/a.txt"),
        ("incoming/day 1/a.b.JPG", "labels/incoming/day 1/a.b.txt"),
        ("v1.0/a.png", "labels/v1.0/a.txt"),
        ("camera/images/a.jpg", "images/camera/labels/a.txt"),  # the last folder called images gives way
        ("images/a.jpg", "images/labels/a.txt"),
        ("images/b/images/a.jpg", "images/images/b/labels/a.txt"),
        ("my_images/a.jpg", "labels/my_images/a.txt"),
    ],
)
def test_labels_are_where_ultralytics_looks_for_them(key: str, labels: str) -> None:
    assert yolo_labels(key) == labels


_FOLDERS = st.lists(st.sampled_from(["images", "labels", "a.b", "c"]), max_size=4)


@given(_FOLDERS, st.sampled_from(["x.jpg", "x.y.png"]))
def test_that_is_its_documented_rule(folders: list[str], name: str) -> None:
    """The label's path is the image's absolute one with its last /images/ as /labels/, and .txt for the suffix."""
    image = f"{os.sep}data{os.sep}{yolo_image('/'.join([*folders, name]))}"
    parts = image.split("/")
    last = max(number for number, part in enumerate(parts[:-1]) if part == "images")
    parts[last] = "labels"
    assert f"/data/{yolo_labels('/'.join([*folders, name]))}" == os.path.splitext("/".join(parts))[0] + ".txt"  # noqa: PTH122


def test_voc_keeps_the_keys_folders() -> None:
    assert voc_name("v1.0/day/a.b.jpg") == "v1.0/day/a.b"
    assert voc_annotation("v1.0/day/a.b.jpg") == "Annotations/v1.0/day/a.b.xml"


@pytest.mark.parametrize("name", ["yolo", "voc"])
@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (["in/a.png", "in/b.jpg", "in/a.jpg"], "in/a.jpg and in/a.png would share the file "),
        (["in//a.jpg"], "'in//a.jpg' is no path of a file"),
        (["in/../a.jpg"], "is no path of a file"),
        (["./a.jpg"], "is no path of a file"),
        ([" a.jpg"], "is no path of a file"),
        (["a\nb.jpg"], "has a character that"),
        (["a\u2028b.jpg"], "has a character that"),
        (["a\\b.jpg"], "has a character that"),
    ],
)
def test_images_that_a_format_would_lose_are_refused(name: str, keys: list[str], problem: str) -> None:
    with pytest.raises(ValueError, match=r"name it otherwise, or leave the format out of release\.formats") as caught:
        check_names(keys, LABELS, ("coco", name))  # type: ignore[arg-type]
    assert problem in str(caught.value)
    assert name in str(caught.value)
    check_names(keys, LABELS, ("coco",))


def test_a_label_that_xml_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="has a character that voc cannot hold"):
        check_names([], ["a\x07b"], ("coco", "voc"))


def test_one_basename_in_two_folders_is_two_files() -> None:
    check_names(["a/1.jpg", "b/1.jpg", "Straße & <x>/1.jpg"], LABELS, ("yolo", "voc"))


def test_contents_are_refused_before_anything_is_pinned() -> None:
    images = [released("a"), released("a", suffix=".png")]
    contents_of(images, LABELS, SETTINGS)
    with pytest.raises(ValueError, match=r"incoming/a\.jpg and incoming/a\.png would share"):
        contents_of(images, LABELS, replace(ALL_FORMATS, formats=("coco", "yolo")))
