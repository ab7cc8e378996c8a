"""Runs an annotator over images in S3, and makes of every image either predictions or a failure with its reason."""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import PIL.Image
from cvat_sdk.auto_annotation import DetectionFunctionContext

from include.annotators.answers import Answers, BadAnswer
from include.annotators.looks import look_of
from include.annotators.opened import Undecodable, open_picture
from include.annotators.registry import Annotator, AnnotatorUnavailable, BatchedFunction
from include.annotators.window import Window
from include.clients.images import ImageBucket
from include.clients.storage import ObjectChanged, ObjectMissing
from include.lifecycle.images import Header, Image, Reason
from include.lifecycle.looks import Look
from include.lifecycle.predictions import ImagePredictions

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_REPORTS = 5.0
_BLANK = (640, 480)  # pixels


@dataclass(frozen=True, slots=True)
class AnsweredImage:
    """An image's predictions, and what it looks like where that was asked for."""

    predictions: ImagePredictions
    look: Look | None


@dataclass(frozen=True, slots=True)
class FailedImage:
    """An image that has no predictions, and why; the detail is a sentence for people."""

    image_id: str
    reason: Reason
    detail: str


Result = AnsweredImage | FailedImage


@dataclass(frozen=True, slots=True)
class _Opened:
    picture: PIL.Image.Image
    look: Look | None


def predict(
    annotator: Annotator,
    images: Sequence[Image],
    bucket: ImageBucket,
    *,
    without_look: Collection[str] = (),
    workers: int = 4,
) -> Iterator[Result]:
    """A result for each image, in their order; with a look for those whose ids are `without_look`.

    Threads fetch and decode ahead while the annotator works, within the bounds of a Window. It is asked in the
    caller's thread: a BatchedFunction for as many pictures at once as it likes, others for one at a time. What is wrong
    with one image is its FailedImage; a batch that fails is asked again one by one. Raises AnnotatorUnavailable where
    the annotator says so, and StorageError where the bucket cannot be read at all: nothing is said then about the
    images that were not yielded.
    """
    function = annotator.function
    batch = function.batch_size if isinstance(function, BatchedFunction) else 1
    model, progress = _Model(annotator), _Progress(annotator.id, len(images))

    def fetch(image: Image) -> _Opened | FailedImage:
        return _fetch(bucket, image, image.id in without_look)

    with Window(images, fetch, batch=batch, workers=workers) as window:
        while taken := window.take():
            results = model.results(taken)
            window.release(taken)
            for result in results:
                yield result
                progress.one_more()


def ask_blank(annotator: Annotator) -> str | None:
    """Ask about a blank picture: what is wrong, in a sentence, or None where it answers as it should. Raises
    AnnotatorUnavailable where it is away."""
    picture = PIL.Image.new("RGB", _BLANK, "gray")
    image = Image("blank", "s3://blank/blank.png", "", 0, Header("PNG", *_BLANK, 1, "RGB"))
    (result,) = _Model(annotator).results([(image, _Opened(picture, None))])
    return f"asked about a blank picture: {result.detail}" if isinstance(result, FailedImage) else None


def _fetch(bucket: ImageBucket, image: Image, look: bool) -> _Opened | FailedImage:
    try:
        picture = open_picture(bucket.read(image.uri, image.etag), image.header)
    except Undecodable as error:
        return FailedImage(image.id, Reason.UNDECODABLE, str(error))
    except ObjectChanged as error:
        return FailedImage(image.id, Reason.REPLACED, str(error))
    except ObjectMissing as error:
        return FailedImage(image.id, Reason.MISSING, str(error))
    return _Opened(picture, look_of(picture) if look else None)


class _Model:
    """An annotator, asked for many pictures at once where it can."""

    def __init__(self, annotator: Annotator) -> None:
        self._annotator = annotator
        self._answers = Answers(annotator.function.spec)

    def results(self, taken: Sequence[tuple[Image, _Opened | FailedImage]]) -> list[Result]:
        answers = self._at_once([(image, one) for image, one in taken if isinstance(one, _Opened)])
        return [
            one if isinstance(one, FailedImage) else self._result(image, one, answers.get(image.id))
            for image, one in taken
        ]

    def _at_once(self, opened: Sequence[tuple[Image, _Opened]]) -> dict[str, Sequence[Any]]:
        """The answers by image id; none where the pictures are to be asked about one by one."""
        function = self._annotator.function
        if not isinstance(function, BatchedFunction) or len(opened) < 2:
            return {}
        try:
            answers = function.detect_batch([one.picture for _, one in opened])
            return {image.id: answer for (image, _), answer in zip(opened, answers, strict=True)}
        except AnnotatorUnavailable:
            raise
        except Exception:  # one picture of them is too much for it, or they are together
            message = "annotator %s failed on %d images at once, and is asked about each of them"
            log.warning(message, self._annotator.id, len(opened), exc_info=True)
            return {}

    def _result(self, image: Image, opened: _Opened, answer: Sequence[Any] | None) -> Result:
        annotator = self._annotator
        try:
            if answer is None:
                answer = annotator.function.detect(_Context(image.uri), opened.picture)
            return AnsweredImage(self._answers.predictions(answer, image, annotator.id), opened.look)
        except AnnotatorUnavailable:
            raise
        except BadAnswer as error:
            return FailedImage(image.id, Reason.ANNOTATOR_FAILED, f"{annotator.id} answered {error}")
        except Exception as error:  # the model may be anybody's code, and costs its image alone
            log.warning("annotator %s failed on image %s (%s)", annotator.id, image.id, image.uri, exc_info=True)
            detail = f"{annotator.id} raised {type(error).__name__}: {error}"
            return FailedImage(image.id, Reason.ANNOTATOR_FAILED, detail)


class _Context(DetectionFunctionContext):  # type: ignore[misc]  # cvat-sdk has no types
    """What a function is told besides the picture: no threshold, so that scores are cut by the project's rules."""

    def __init__(self, frame_name: str) -> None:
        self._frame_name = frame_name

    @property
    def frame_name(self) -> str:
        return self._frame_name

    @property
    def conf_threshold(self) -> float | None:
        return None

    @property
    def conv_mask_to_poly(self) -> bool:
        return False


class _Progress:
    """Says in the log, every few seconds, how far the annotator is."""

    def __init__(self, annotator: str, total: int) -> None:
        self._annotator, self._total, self._done = annotator, total, 0
        self._begun = self._reported = time.monotonic()

    def one_more(self) -> None:
        self._done += 1
        now = time.monotonic()
        if self._done < self._total and now - self._reported < _SECONDS_BETWEEN_REPORTS:
            return
        self._reported = now
        rate = self._done / max(now - self._begun, 1e-9)
        left = (self._total - self._done) / rate
        message = "%s: %d of %d images, %.1f a second, about %.0f s remain"
        log.info(message, self._annotator, self._done, self._total, rate, left)
