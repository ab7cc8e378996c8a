import io
import logging
import re
import socket
from typing import Any

import cvat_sdk.auto_annotation as cvataa
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from include.annotators.answers import Answers
from include.annotators.opened import open_picture
from include.annotators.rapidocr_text import RapidOcrText, label_of
from include.annotators.registry import Annotator, load
from include.lifecycle.headers import read_header
from include.lifecycle.images import Image
from include.lifecycle.predictions import ImagePredictions

SIDE = {"short_side": 240}  # the test's pictures are small, and their letters large enough


@pytest.fixture(scope="module")
def annotator() -> Annotator:
    return load("rapidocr", SIDE)


class Context(cvataa.DetectionFunctionContext):  # type: ignore[misc]
    frame_name = "a.jpg"
    conf_threshold = None
    conv_mask_to_poly = False


def painted(orientation: int = 1) -> tuple[PIL.Image.Image, dict[str, tuple[float, ...]]]:
    """320 x 240 pixels with two texts, and where each is: (left, top, right, bottom), seen upright."""
    image = PIL.Image.new("RGB", (320, 240), "white")
    draw = PIL.ImageDraw.Draw(image)
    font = PIL.ImageFont.load_default(32)
    places = {"MARKET": (20, 40), "1,250.00": (150, 150)}
    for text, place in places.items():
        draw.text(place, text, fill="black", font=font)
    return image, {text: draw.textbbox(place, text, font=font) for text, place in places.items()}


def predictions(annotator: Annotator, data: bytes) -> ImagePredictions:
    header = read_header(data, complete=True)
    image = Image("i" * 16, "s3://b/a.jpg", "0" * 32, len(data), header)
    answer = annotator.function.detect(Context(), open_picture(data, header))
    return Answers(annotator.function.spec).predictions(answer, image, annotator.id)


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def saved(image: PIL.Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def check(found: ImagePredictions, truth: dict[str, tuple[float, ...]]) -> None:
    by_text = {dict(one.shape.attributes)["text"]: one for one in found.objects}
    assert set(by_text) == set(truth)
    assert {text: one.shape.label for text, one in by_text.items()} == {"MARKET": "word", "1,250.00": "number"}
    for text, one in by_text.items():
        assert iou(one.shape.points, truth[text]) > 0.5
        assert 0.8 < one.score <= 1


def test_words_and_numbers_are_found_where_they_are(annotator: Annotator) -> None:
    image, truth = painted()
    check(predictions(annotator, saved(image)), truth)


def test_boxes_are_in_pixels_of_the_upright_picture(annotator: Annotator) -> None:
    image, truth = painted()
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # seen upright when turned clockwise by 90 degrees, so stored turned the other way
    turned = saved(image.transpose(PIL.Image.Transpose.ROTATE_90), exif=exif)
    with PIL.Image.open(io.BytesIO(turned)) as stored:
        assert stored.size == (240, 320)
    check(predictions(annotator, turned), truth)


def test_a_picture_without_text_has_no_objects_and_no_noise(
    annotator: Annotator, capfd: pytest.CaptureFixture[str]
) -> None:
    assert predictions(annotator, saved(PIL.Image.new("RGB", (320, 240), "navy"))).objects == ()
    assert capfd.readouterr() == ("", "")


def test_a_text_at_the_edge_stays_inside(annotator: Annotator) -> None:
    image = PIL.Image.new("RGB", (320, 240), "white")
    PIL.ImageDraw.Draw(image).text((0, -6), "CORNER", fill="black", font=PIL.ImageFont.load_default(40))
    (found,) = predictions(annotator, saved(image)).objects
    assert min(found.shape.points) >= 0


def test_the_least_score_cuts(annotator: Annotator) -> None:
    image, _ = painted()
    PIL.ImageDraw.Draw(image).text((40, 90), "Exit l2", fill=(190, 190, 190), font=PIL.ImageFont.load_default(20))
    worse, *better = sorted(shape.score for shape in annotator.function.detect(Context(), image))
    assert 0.5 < worse < better[0]
    left = RapidOcrText(**SIDE, min_score=better[0]).detect(Context(), image)
    assert sorted(shape.score for shape in left) == better


def test_it_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    image, _ = painted()
    assert len(RapidOcrText(**SIDE).detect(Context(), image)) == 2


def test_the_version_tells_package_weights_and_settings() -> None:
    version = RapidOcrText().version
    assert re.fullmatch(r"3\.\d+\.\d+-[0-9a-f]{8}-[0-9a-f]{8}", version)
    assert RapidOcrText(min_score=0.5, threads=2).version == version  # the default, and what changes only the speed
    assert RapidOcrText(min_score=0.6).version != version
    assert RapidOcrText(short_side=480).version != version


def test_its_log_is_quiet(annotator: Annotator) -> None:
    assert logging.getLogger("RapidOCR").level >= logging.WARNING


@pytest.mark.parametrize("text", ["7", "1,250.00", "50%", "€3.50", "12:30", "24/7", "+49-30", "２５", " 8 ", "£1"])
def test_numbers(text: str) -> None:
    assert label_of(text) == "number"


@pytest.mark.parametrize("text", ["MARKET", "Exit 12", "A1", "EUR 3,50", "---", "%", "€", "", "1 000", "№5"])
def test_words(text: str) -> None:
    assert label_of(text) == "word"
