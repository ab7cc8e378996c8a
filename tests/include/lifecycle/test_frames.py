"""Frames' names: whole keys where images are linked; unlike, short and harmless where they are copied."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.frames import frame_name
from include.lifecycle.images import Header, Image


def image(key: str) -> Image:
    return Image("1", f"s3://b/{key}", "e", 9, Header("JPEG", 640, 480, 1, "RGB"))


def test_a_linked_frame_is_named_by_its_key() -> None:
    assert frame_name(image("in/2026/a b.jpg"), 12, "link") == "in/2026/a b.jpg"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("in/street.jpg", "000012_street.jpg"),
        ("in/2026.03/Straße 7 – 東京.PNG", "000012_Straße 7 _ 東京.PNG"),
        ('in/a"b\\c&amp;d;%2F.jpg', "000012_a_b_c_amp_d__2F.jpg"),  # each of these means something in a form's header
        ("in/.jpg", "000012_.jpg"),
        (f"in/{'x' * 300}.jpeg", f"000012_{'x' * 180}.jpeg"),
    ],
)
def test_a_copied_frame_is_named_by_its_number_and_the_end_of_its_key(key: str, name: str) -> None:
    assert frame_name(image(key), 12, "copy") == name


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300), min_size=1, max_size=20))
def test_copied_frames_are_files_of_different_names_that_sort_as_the_frames_do(keys: list[str]) -> None:
    names = [frame_name(image(f"{key}.tiff"), frame, "copy") for frame, key in enumerate(keys)]
    assert names == sorted(set(names))
    for name in names:
        assert PurePosixPath(name).name == name
        assert PurePosixPath(name).suffix == ".tiff"
        assert len(name.encode()) <= 255  # Linux's limit
