"""Pascal VOC: the development kit's form and convention, and what COCO shows."""

import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from include.datasets.coco import read_coco
from include.datasets.contents import ReleasedImage
from include.datasets.release import coco_path, write_release
from tests.include.datasets.objects import ALL_FORMATS, LABELS, box, released, releases

VOC = replace(ALL_FORMATS, splits={"train": 1.0}, formats=("coco", "voc"))

BY_HAND = """\
<annotation>
  <folder>street_signs</folder>
  <filename>incoming/a &amp; b/1.jpg</filename>
  <path>s3://photos/incoming/a &amp; b/1.jpg</path>
  <source>
    <database>street_signs</database>
  </source>
  <size>
    <width>100</width>
    <height>80</height>
    <depth>3</depth>
  </size>
  <segmented>0</segmented>
  <object>
    <name>number</name>
    <pose>Unspecified</pose>
    <truncated>0</truncated>
    <occluded>1</occluded>
    <difficult>0</difficult>
    <bndbox>
      <xmin>11</xmin>
      <ymin>21</ymin>
      <xmax>30</xmax>
      <ymax>25</ymax>
    </bndbox>
  </object>
</annotation>
"""


def read(folder: Path, split: str) -> dict[str, ET.Element]:
    """Annotations by the names that the split's image set lists, in its order."""
    with zipfile.ZipFile(folder / "voc" / f"{split}.zip") as archive:
        names = archive.read(f"ImageSets/Main/{split}.txt").decode().splitlines()
        return {name: ET.fromstring(archive.read(f"Annotations/{name}.xml")) for name in names}


def boxes(annotation: ET.Element) -> list[tuple[str, ...]]:
    return [
        (
            item.findtext("name") or "",
            *(item.findtext(f"bndbox/{end}") or "" for end in ("xmin", "ymin", "xmax", "ymax")),
        )
        for item in annotation.iter("object")
    ]


def test_an_annotation_by_hand(tmp_path: Path) -> None:
    shape = replace(box(10, 20, 30, 25, "number"), occluded=True)
    write_release(tmp_path, [released("a & b/1", [shape]), released("2")], LABELS, VOC)
    with zipfile.ZipFile(tmp_path / "voc" / "train.zip") as archive:
        assert archive.namelist() == [
            "ImageSets/Main/train.txt",
            "Annotations/incoming/2.xml",
            "Annotations/incoming/a & b/1.xml",
        ]
        assert archive.read("ImageSets/Main/train.txt") == b"incoming/2\nincoming/a & b/1\n"
        assert archive.read("Annotations/incoming/a & b/1.xml").decode() == BY_HAND
        assert boxes(ET.fromstring(archive.read("Annotations/incoming/2.xml"))) == []


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ((0, 0, 100, 80), (1, 1, 100, 80)),  # the whole image
        ((0, 0, 1, 1), (1, 1, 1, 1)),  # its first pixel
        ((10.4, 10.5, 19.4, 19.5), (11, 12, 19, 20)),  # to the nearest edge of a pixel, halves up
        ((10.6, 10.6, 10.9, 10.9), (12, 12, 12, 12)),  # less than a pixel is one
        ((99.7, 79.7, 100, 80), (100, 80, 100, 80)),
    ],
)
def test_pixels_count_from_one_and_both_ends_belong_to_the_box(
    tmp_path: Path, points: tuple[float, float, float, float], expected: tuple[int, ...]
) -> None:
    write_release(tmp_path, [released("a", [box(*points)])], LABELS, VOC)
    assert boxes(read(tmp_path, "train")["incoming/a"]) == [("word", *map(str, expected))]


def test_what_reaches_over_the_edge_is_truncated(tmp_path: Path) -> None:
    """The second, 30 x 6 about (85, 73), is turned by a quarter: y from 58 to 88, and the image ends at 80."""
    write_release(tmp_path, [released("a", [box(40, 30, 60, 40), box(70, 70, 100, 76, rotation=90)])], LABELS, VOC)
    annotation = read(tmp_path, "train")["incoming/a"]
    assert [item.text for item in annotation.iter("truncated")] == ["0", "1"]
    assert boxes(annotation)[1] == ("word", "83", "59", "88", "80")


@pytest.mark.parametrize(("mode", "depth"), [("RGB", "3"), ("L", "1"), ("RGBA", "4")])
def test_depth_is_the_number_of_channels(tmp_path: Path, mode: str, depth: str) -> None:
    colour = released("a")
    image = replace(colour.image, header=replace(colour.image.header, mode=mode))
    write_release(tmp_path, [replace(colour, image=image)], LABELS, VOC)
    assert read(tmp_path, "train")["incoming/a"].findtext("size/depth") == depth


@settings(max_examples=25)
@given(releases())
def test_it_shows_what_coco_shows_to_the_pixel(images: list[ReleasedImage]) -> None:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_release(folder, images, LABELS, ALL_FORMATS)
        for split in ALL_FORMATS.splits:
            coco = read_coco(coco_path(folder, split).read_text())
            names = {category.id: category.name for category in coco.categories}
            found = read(folder, split)
            assert [annotation.findtext("filename") for annotation in found.values()] == [
                image.file_name for image in coco.images
            ]
            for image, annotation in zip(coco.images, found.values(), strict=True):
                expected = [a for a in coco.annotations if a.image_id == image.id]
                for (label, *ends), coco_one in zip(boxes(annotation), expected, strict=True):
                    xmin, ymin, xmax, ymax = map(int, ends)
                    x, y, width, height = coco_one.bbox
                    edges = (max(x, 0), max(y, 0), min(x + width, 100), min(y + height, 80))
                    assert label == names[coco_one.category_id]
                    assert (xmin - 1, ymin - 1, xmax, ymax) == pytest.approx(edges, abs=1)
                    assert 1 <= xmin <= xmax <= 100
                    assert 1 <= ymin <= ymax <= 80
