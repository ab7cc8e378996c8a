"""Runs an annotator over images in S3, and makes of every image either predictions or a failure with its reason."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import PIL.Image
from cvat_sdk.auto_annotation import DetectionFunctionContext

from include.annotators.answers import Answers, BadAnswer
from include.annotators.opened import Undecodable, open_picture
from include.annotators.registry import Annotator
from include.clients.ahead import ahead
from include.clients.images import ImageBucket
from include.clients.storage import ObjectChanged, ObjectMissing
from include.lifecycle.images import Image, Reason
from include.lifecycle.predictions import ImagePredictions

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_REPORTS = 5.0


@dataclass(frozen=True, slots=True)
class FailedImage:
    """An image that has no predictions, and why; the detail is a sentence for people."""

    image_id: str
    reason: Reason
    detail: str


Result = ImagePredictions | FailedImage


def predict(
    annotator: Annotator, images: Sequence[Image], bucket: ImageBucket, *, workers: int = 4
) -> Iterator[Result]:
    """A result for each image, in their order.

    Threads fetch and decode up to `workers` images ahead (so many pictures are in memory); the annotator is asked for
    one at a time, in the caller's thread. What is wrong with one image is its FailedImage. Raises StorageError where
    the bucket cannot be read at all: nothing is said then about the images that were not yielded.
    """
    answers = Answers(annotator.function.spec)
    progress = _Progress(annotator.id, len(images))
    fetched = ahead(lambda image: _fetch(bucket, image), images, workers=workers)
    for image, picture in zip(images, fetched, strict=True):
        yield picture if isinstance(picture, FailedImage) else _detect(annotator, answers, image, picture)
        progress.one_more()


def _fetch(bucket: ImageBucket, image: Image) -> PIL.Image.Image | FailedImage:
    try:
        return open_picture(bucket.read(image.uri, image.etag), image.header)
    except Undecodable as error:
        return FailedImage(image.id, Reason.UNDECODABLE, str(error))
    except ObjectChanged as error:
        return FailedImage(image.id, Reason.REPLACED, str(error))
    except ObjectMissing as error:
        return FailedImage(image.id, Reason.MISSING, str(error))


def _detect(annotator: Annotator, answers: Answers, image: Image, picture: PIL.Image.Image) -> Result:
    try:
        answer = annotator.function.detect(_Context(image.uri), picture)
        return answers.predictions(answer, image, annotator.id)
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
