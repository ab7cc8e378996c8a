"""Versions: the table of what follows what."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.datasets.contents import ReleaseContents, contents_of
from include.datasets.versions import Version, format_tag, next_version, parse_tag
from tests.include.datasets.objects import LABELS, SETTINGS, box, released

FIRST, SECOND = released("first", [box(1, 1, 4, 4)]), released("second")
OLD = contents_of([FIRST, SECOND], LABELS, SETTINGS)
EDITED = released("first", [box(1, 1, 4, 5)])


@pytest.mark.parametrize(
    ("contents", "version"),
    [
        (contents_of([SECOND, FIRST], LABELS, SETTINGS), None),
        (contents_of([EDITED, SECOND], LABELS, SETTINGS), "1.4.3"),
        (contents_of([FIRST, SECOND], LABELS, replace(SETTINGS, name="signs")), "1.4.3"),
        (contents_of([FIRST, SECOND, released("third")], LABELS, SETTINGS), "1.5.0"),
        (contents_of([FIRST], LABELS, SETTINGS), "1.5.0"),
        (contents_of([FIRST, released("second", content="new")], LABELS, SETTINGS), "1.5.0"),
        (contents_of([FIRST, SECOND], (*LABELS, "sign"), SETTINGS), "1.5.0"),
        (contents_of([EDITED], (*LABELS, "sign"), SETTINGS), "1.5.0"),
        (contents_of([FIRST, SECOND], LABELS, replace(SETTINGS, formats=("coco", "yolo"))), "1.5.0"),
        (contents_of([EDITED, SECOND], LABELS, replace(SETTINGS, formats=("coco", "voc"))), "1.5.0"),
        (contents_of([FIRST, SECOND], ("word",), SETTINGS), "2.0.0"),
        (contents_of([FIRST, SECOND], ("word", "digit"), SETTINGS), "2.0.0"),
        (contents_of([FIRST, SECOND], ("number", "word"), SETTINGS), "2.0.0"),
        (contents_of([FIRST, SECOND], ("sign", *LABELS), SETTINGS), "2.0.0"),
        (contents_of([FIRST, SECOND], LABELS, replace(SETTINGS, seed="1")), "2.0.0"),
        (contents_of([FIRST, SECOND], LABELS, replace(SETTINGS, splits={"train": 1.0})), "2.0.0"),
    ],
)
def test_what_follows_1_4_2(contents: ReleaseContents, version: str | None) -> None:
    following = next_version("1.4.2", OLD, contents)
    assert following == (Version.parse(version) if version else None)


def test_outlines_instead_of_boxes_are_major_where_both_are_yolo() -> None:
    boxes, outlines = (replace(SETTINGS, formats=("coco", "yolo"), segments=segments) for segments in (False, True))
    old, new = (contents_of([replace(FIRST, annotations=())], LABELS, one) for one in (boxes, outlines))
    assert str(next_version("1.4.2", old, new)) == "2.0.0"
    without = contents_of([replace(FIRST, annotations=())], LABELS, SETTINGS)
    assert str(next_version("1.4.2", without, new)) == "1.5.0"
    assert str(next_version("1.4.2", new, without)) == "1.5.0"


def test_the_order_of_formats_makes_no_version() -> None:
    one, other = (
        contents_of([FIRST, SECOND], LABELS, replace(SETTINGS, formats=formats))
        for formats in (("coco", "yolo", "voc"), ("voc", "coco", "yolo"))
    )
    assert next_version("1.4.2", one, other) is None
    fewer = next_version("1.4.2", one, contents_of([FIRST, SECOND], LABELS, SETTINGS))
    assert str(fewer) == "1.5.0"


def test_the_first_version() -> None:
    assert str(next_version(None, None, OLD)) == "1.0.0"


def test_a_version_without_its_contents_is_refused() -> None:
    with pytest.raises(ValueError, match="complete its release record first"):
        next_version("1.0.0", None, OLD)


def test_versions_are_ordered_as_numbers() -> None:
    assert Version.parse("1.10.0") > Version.parse("1.9.9")


@given(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), st.tuples(*[st.integers(0, 10**6)] * 3))
def test_a_tag_is_read_back(project: str, numbers: tuple[int, int, int]) -> None:
    version = Version(*numbers)
    assert parse_tag(format_tag(project, version)) == (project, version)


def test_tags_look_as_people_expect() -> None:
    assert format_tag("street_signs", Version(1, 1, 0)) == "street_signs-v1.1.0"
    assert parse_tag("a-v2-v1.0.0") == ("a-v2", Version(1, 0, 0))


@pytest.mark.parametrize("tag", ["v1.0.0", "-v1.0.0", "signs-1.0.0", "signs-v1.0", "signs-v01.0.0", "signs-v1.0.0-rc1"])
def test_other_tags_are_none_of_ours(tag: str) -> None:
    with pytest.raises(ValueError, match="it must look like"):
        parse_tag(tag)
