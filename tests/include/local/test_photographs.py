"""The demo's input, checked with Pillow and with the real detector."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from include.local.photographs import Day, Photograph, day, load_truth, save_truth

SEED = 7
Box = tuple[float, float, float, float]


@pytest.fixture(scope="module")
def first() -> Day:
    return day(1, SEED)


@pytest.fixture(scope="module")
def second() -> Day:
    return day(2, SEED)


def _oriented(photograph: Photograph) -> Image.Image:
    with Image.open(io.BytesIO(photograph.content)) as stored:
        return ImageOps.exif_transpose(stored)


def test_the_days_bring_what_the_demo_promises(first: Day, second: Day) -> None:
    assert (len(first.photographs), len(first.broken)) == (48, 0)
    assert (len(second.photographs), len(second.broken)) == (24, 3)
    assert day(3, SEED) == Day(3, (), ())
    fourth, fifth = day(4, SEED), day(5, SEED)
    assert [len(one.photographs) for one in (fourth, fifth)] == [12, 12]
    names = [
        file.name.split(".")[0] for one in (first, second, fourth, fifth) for file in (*one.photographs, *one.broken)
    ]
    assert len(set(names)) == len(names)
    with pytest.raises(ValueError, match="day 0"):
        day(0, SEED)


def test_no_name_and_no_content_comes_twice_but_the_duplicate(first: Day, second: Day) -> None:
    files = [*first.photographs, *second.photographs, *second.broken]
    digests = [hashlib.md5(file.content).hexdigest() for file in files]
    assert len({file.name for file in files}) == 48 + 24 + 3
    assert len(set(digests)) == 48 + 24 + 2


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(second: Day) -> None:
    assert day(2, SEED) == second
    other = day(2, SEED + 1)
    assert not {p.content for p in other.photographs} & {p.content for p in second.photographs}


def test_every_photograph_is_an_image_whose_truth_lies_inside(first: Day, second: Day) -> None:
    for photograph in (*first.photographs, *second.photographs):
        width, height = _oriented(photograph).size
        assert 480 <= width <= 640
        assert width * 3 == height * 4
        assert len(photograph.objects) <= 5
        for one in photograph.objects:
            x1, y1, x2, y2 = one.box
            assert 0 <= x1 < x2 <= width
            assert 0 <= y1 < y2 <= height
            assert (one.label == "word") == one.text.isalpha()
            assert one.label == "word" or set(one.text) <= set("0123456789.,-%")


def test_the_files_are_of_many_kinds(first: Day) -> None:
    orientations, formats, modes = set(), set(), set()
    for photograph in first.photographs:
        with Image.open(io.BytesIO(photograph.content)) as stored:
            orientations.add(stored.getexif().get(0x0112, 1))
            formats.add((stored.format, Path(photograph.name).suffix))
            modes.add(stored.mode)
    assert orientations == {1, 3, 6, 8}
    assert formats == {("JPEG", ".jpg"), ("PNG", ".png")}
    assert modes == {"RGB", "L"}
    assert sum(not photograph.objects for photograph in first.photographs) == 4


def test_the_broken_files_are_broken_as_they_say(first: Day, second: Day) -> None:
    truncated, text, duplicate = second.broken
    with Image.open(io.BytesIO(truncated.content)) as header:
        assert header.format == "JPEG"
        with pytest.raises(OSError, match="truncated"):
            header.load()
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(text.content))
    assert duplicate.content in {photograph.content for photograph in first.photographs}


def test_truth_survives_its_file(first: Day, tmp_path: Path) -> None:
    truth = {photograph.name: photograph.objects for photograph in first.photographs}
    save_truth(tmp_path / "truth.json", truth)
    assert load_truth(tmp_path / "truth.json") == truth


@pytest.fixture(scope="module")
def read(first: Day) -> list[tuple[Photograph, list[tuple[str, Box, float]]]]:
    """What the demo's detector reads on nine photographs: text, box, score."""
    from rapidocr import RapidOCR

    engine = RapidOCR()
    found = []
    for photograph in first.photographs[:9]:
        result = engine(np.asarray(_oriented(photograph).convert("RGB"))[:, :, ::-1])
        found.append((photograph, list(_texts(result)) if result.boxes is not None else []))
    return found


def _texts(result: object) -> Iterator[tuple[str, Box, float]]:
    for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True):  # type: ignore[attr-defined]
        x, y = corners[:, 0], corners[:, 1]
        yield text, (x.min(), y.min(), x.max(), y.max()), score


def _iou(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@pytest.mark.slow
def test_the_detector_finds_the_clear_texts_where_the_truth_says(
    read: list[tuple[Photograph, list[tuple[str, Box, float]]]],
) -> None:
    """Photograph 3 is stored turned: its truth fits only if it is in the oriented image's pixels."""
    by_name = {photograph.name: (photograph, texts) for photograph, texts in read}
    for name in ("street-001.jpg", "street-003.jpg", "street-006.jpg", "street-008.png"):
        photograph, texts = by_name[name]
        for one in photograph.objects:
            assert max(_iou(one.box, box) for text, box, _ in texts if text == one.text) > 0.5


def test_the_detector_errs_on_some_and_is_sure_of_some(
    read: list[tuple[Photograph, list[tuple[str, Box, float]]]],
) -> None:
    objects = [(one, texts) for photograph, texts in read for one in photograph.objects]
    right = sum(any(text == one.text and _iou(one.box, box) >= 0.5 for text, box, _ in texts) for one, texts in objects)
    sure = sum(all(score >= 0.95 for *_, score in texts) for _, texts in read)
    assert 0.5 <= right / len(objects) <= 0.95
    assert 4 <= sure <= 7
