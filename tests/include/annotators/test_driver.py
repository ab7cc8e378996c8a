import io
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cvat_sdk.auto_annotation as cvataa
import PIL.Image
import pytest

from include.annotators.driver import AnsweredImage, FailedImage, Result, ask_blank, predict
from include.annotators.looks import look_of
from include.annotators.opened import open_picture
from include.annotators.registry import Annotator, AnnotatorUnavailable
from include.clients.images import ImageBucket
from include.clients.storage import BucketNotFound
from include.lifecycle.headers import read_header
from include.lifecycle.images import Image, Reason, image_id

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass
class Frame:
    """Marks the whole picture, and remembers who asked for what."""

    version: str = "1"
    asked: list[tuple[str, tuple[int, int], str]] = field(default_factory=list)
    spec = cvataa.DetectionFunctionSpec(labels=[cvataa.label_spec("frame", 0)])

    def detect(self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image) -> list[Any]:
        self.asked.append((context.frame_name, image.size, threading.current_thread().name))
        if "raise" in context.frame_name:
            raise ZeroDivisionError("a bug of the model")
        width, height = image.size
        beyond = 10 if "beyond" in context.frame_name else 0
        return [cvataa.rectangle(0, [0, 0, width + beyond, height], score=0.75)]


@dataclass
class Frames(Frame):
    """Takes several at once, but none that are too wide; asked about those alone it raises as Frame does."""

    batch_size: int = 3
    at_once: list[int] = field(default_factory=list)
    answers_too_many: bool = False

    def detect_batch(self, images: Sequence[PIL.Image.Image]) -> list[list[Any]]:
        self.at_once.append(len(images))
        if any(image.width >= WIDE for image in images):
            raise MemoryError("too wide for all of them together")
        found = [[cvataa.rectangle(0, [0, 0, image.width, image.height], score=0.25)] for image in images]
        return found + [[]] * self.answers_too_many


class Away(Frames):
    def detect(self, *_: Any) -> list[Any]:
        raise AnnotatorUnavailable("http://models:8000 does not answer")

    detect_batch = detect


WIDE = 500


@pytest.fixture
def images(s3: "S3Client") -> ImageBucket:
    return ImageBucket(s3)


def put(images: ImageBucket, uri: str, data: bytes, cut: int | None = None) -> Image:
    """An image as discovery knows it; `cut` bytes at the end are then never uploaded."""
    stored = images.write(uri, data[:cut], "image/jpeg")
    return Image(image_id(uri, stored.etag), uri, stored.etag, stored.size, read_header(data, complete=True))


def jpeg(width: int, height: int = 40, **options: Any) -> bytes:
    file = io.BytesIO()
    PIL.Image.effect_noise((width, height), 80).save(file, "JPEG", **options)
    return file.getvalue()


def run(images: ImageBucket, known: list[Image], **options: int) -> list[Result]:
    return list(predict(Annotator("frame", "1", Frame()), known, images, **options))


@pytest.mark.parametrize("workers", [1, 3])
def test_each_image_has_its_predictions_in_order(images: ImageBucket, bucket: str, workers: int) -> None:
    known = [put(images, f"s3://{bucket}/{width}.jpg", jpeg(width)) for width in range(20, 30)]
    results = run(images, known, workers=workers)
    assert [result.predictions.image_id for result in results] == [image.id for image in known]
    for width, result in zip(range(20, 30), results, strict=True):
        assert isinstance(result, AnsweredImage)
        assert result.predictions.annotator == "frame@1"
        assert [(one.shape.label, one.shape.points, one.score) for one in result.predictions.objects] == [
            ("frame", (0, 0, width, 40), 0.75)
        ]


def test_the_model_is_asked_in_the_callers_thread_with_the_upright_picture(images: ImageBucket, bucket: str) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    image = put(images, f"s3://{bucket}/a.jpg", jpeg(60, exif=exif))
    frame = Frame()
    (result,) = predict(Annotator("frame", "1", frame), [image], images)
    assert frame.asked == [(image.uri, (40, 60), threading.current_thread().name)]
    assert isinstance(result, AnsweredImage)
    assert result.predictions.objects[0].shape.points == (0, 0, 40, 60)


def test_a_bad_image_costs_itself_alone(images: ImageBucket, bucket: str) -> None:
    good = [put(images, f"s3://{bucket}/{name}.jpg", jpeg(60)) for name in ("first", "last")]
    truncated = put(images, f"s3://{bucket}/truncated.jpg", jpeg(60), cut=-300)
    changed = put(images, f"s3://{bucket}/changed.jpg", jpeg(60))
    images.write(changed.uri, jpeg(61), "image/jpeg")
    missing = replace(good[0], id="missing", uri=f"s3://{bucket}/missing.jpg")
    raising = put(images, f"s3://{bucket}/raise.jpg", jpeg(60))
    beyond = put(images, f"s3://{bucket}/beyond.jpg", jpeg(60))
    results = run(images, [good[0], truncated, changed, missing, raising, beyond, good[1]])

    assert [type(result) for result in results] == [AnsweredImage, *[FailedImage] * 5, AnsweredImage]
    failed = [result for result in results if isinstance(result, FailedImage)]
    assert [(one.image_id, one.reason) for one in failed] == [
        (truncated.id, Reason.UNDECODABLE),
        (changed.id, Reason.REPLACED),
        (missing.id, Reason.MISSING),
        (raising.id, Reason.ANNOTATOR_FAILED),
        (beyond.id, Reason.ANNOTATOR_FAILED),
    ]
    assert "truncated" in failed[0].detail
    assert failed[3].detail == "frame@1 raised ZeroDivisionError: a bug of the model"
    assert failed[4].detail.startswith("frame@1 answered a rectangle that is inverted or not inside 60 x 40 pixels")


def scores(results: Sequence[Result]) -> list[float | str]:
    """What each image got: the score tells how the model was asked, a reason that it failed."""
    return [
        result.predictions.objects[0].score if isinstance(result, AnsweredImage) else result.reason
        for result in results
    ]


def test_a_model_is_asked_about_as_many_pictures_at_once_as_it_likes(images: ImageBucket, bucket: str) -> None:
    known = [put(images, f"s3://{bucket}/{width}.jpg", jpeg(width)) for width in range(20, 27)]
    frames = Frames()
    results = list(predict(Annotator("frames", "1", frames), known, images))
    assert frames.at_once == [3, 3]
    assert [name for name, _, _ in frames.asked] == [known[-1].uri]  # what is left alone
    assert [one.predictions.objects[0].shape.points[2] for one in results if isinstance(one, AnsweredImage)] == [
        *range(20, 27)
    ]


def test_what_cannot_be_read_leaves_the_others_in_their_batch(images: ImageBucket, bucket: str) -> None:
    known = [put(images, f"s3://{bucket}/{number}.jpg", jpeg(60 + number)) for number in range(3)]
    truncated = put(images, f"s3://{bucket}/truncated.jpg", jpeg(60), cut=-300)
    frames = Frames(batch_size=4)
    results = list(predict(Annotator("frames", "1", frames), [known[0], truncated, *known[1:]], images))
    assert frames.at_once == [3]
    assert scores(results) == [0.25, Reason.UNDECODABLE, 0.25, 0.25]


@pytest.mark.parametrize(("name", "expected"), [("wide", 0.75), ("raise", Reason.ANNOTATOR_FAILED)])
def test_a_batch_that_fails_is_asked_again_one_by_one(
    images: ImageBucket, bucket: str, name: str, expected: float | str
) -> None:
    known = [put(images, f"s3://{bucket}/{number}.jpg", jpeg(60 + number)) for number in range(5)]
    known.insert(1, put(images, f"s3://{bucket}/{name}.jpg", jpeg(WIDE)))
    frames = Frames()
    results = list(predict(Annotator("frames", "1", frames), known, images))
    assert frames.at_once == [3, 3]
    assert scores(results) == [0.75, expected, 0.75, 0.25, 0.25, 0.25]


def test_answers_that_are_not_one_a_picture_are_none(images: ImageBucket, bucket: str) -> None:
    known = [put(images, f"s3://{bucket}/{number}.jpg", jpeg(60 + number)) for number in range(3)]
    results = predict(Annotator("frames", "1", Frames(answers_too_many=True)), known, images)
    assert scores(list(results)) == [0.75, 0.75, 0.75]


@pytest.mark.parametrize("count", [1, 2])
def test_a_model_that_is_away_says_nothing_about_the_images(images: ImageBucket, bucket: str, count: int) -> None:
    known = [put(images, f"s3://{bucket}/{number}.jpg", jpeg(60 + number)) for number in range(count)]
    with pytest.raises(AnnotatorUnavailable, match="http://models:8000 does not answer"):
        next(predict(Annotator("away", "1", Away()), known, images))


def test_an_image_is_looked_at_where_its_look_is_not_known(images: ImageBucket, bucket: str) -> None:
    known = [put(images, f"s3://{bucket}/{width}.jpg", jpeg(width)) for width in (60, 70)]
    results = list(predict(Annotator("frame", "1", Frame()), known, images, without_look={known[1].id}))
    looks = [result.look for result in results if isinstance(result, AnsweredImage)]
    opened = open_picture(images.read(known[1].uri, known[1].etag), known[1].header)
    assert looks == [None, look_of(opened)]


def test_a_bucket_that_is_gone_ends_the_run(images: ImageBucket, bucket: str) -> None:
    image = put(images, f"s3://{bucket}/a.jpg", jpeg(60))
    elsewhere = replace(image, uri="s3://no-such-bucket-here/a.jpg")
    with pytest.raises(BucketNotFound, match=r"s3://no-such-bucket-here/a\.jpg: there is no such bucket"):
        run(images, [elsewhere])


def test_twice_is_the_same(images: ImageBucket, bucket: str) -> None:
    known = [put(images, f"s3://{bucket}/{width}.jpg", jpeg(width)) for width in (20, 21)]
    assert run(images, known) == run(images, known)


def test_no_images_are_no_work(images: ImageBucket) -> None:
    assert run(images, []) == []


def test_progress_is_told(images: ImageBucket, bucket: str, caplog: pytest.LogCaptureFixture) -> None:
    image = put(images, f"s3://{bucket}/a.jpg", jpeg(60))
    with caplog.at_level(logging.INFO, logger="include.annotators.driver"):
        run(images, [image, image])
    assert "frame@1: 2 of 2 images" in caplog.messages[-1]
    assert "about 0 s remain" in caplog.messages[-1]


class Broken(Frame):
    def detect(self, *_: Any) -> list[Any]:
        raise ZeroDivisionError("a bug of the model")


def test_a_blank_picture_shows_whether_an_annotator_answers() -> None:
    assert ask_blank(Annotator("frame", "1", Frame())) is None
    wrong = ask_blank(Annotator("frame", "1", Broken()))
    assert wrong == "asked about a blank picture: frame@1 raised ZeroDivisionError: a bug of the model"
    with pytest.raises(AnnotatorUnavailable, match="models:8000 does not answer"):
        ask_blank(Annotator("frame", "1", Away()))
