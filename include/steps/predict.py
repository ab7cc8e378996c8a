"""Predict: the annotator's answers for every waiting image, kept in the ledger before anything else sees them."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from include.annotators.driver import AnsweredImage, predict
from include.annotators.registry import Annotator, AnnotatorUnavailable
from include.clients.bulk import BulkStore
from include.clients.images import ImageBucket
from include.clients.ledger import Ledger
from include.clients.tables import predictions_from, predictions_table
from include.lifecycle.assignment import Version, assigned
from include.lifecycle.images import Image, Reason
from include.lifecycle.labels import current_names, predictions_today
from include.lifecycle.predictions import ImagePredictions
from include.projects.model import Project
from include.steps.discover import check_share

log = logging.getLogger(__name__)
_NEXT_DISCOVERY = (Reason.REPLACED, Reason.MISSING)  # changed since it was listed: the next discovery records it


@dataclass(frozen=True, slots=True)
class PredictionShard:
    """Waiting images whose URIs come after one and are not after another, for one of the project's annotators (its
    place in the file)."""

    annotator: int
    after: str
    last: str
    images: int


def prediction_shards(
    project: Project, versions: Sequence[Version], ledger: Ledger, size: int
) -> list[PredictionShard]:
    """The images without an annotator's answers, cut into shards that can run side by side; the versions
    are those of the project's annotators, in the file's order. Those that are asked in CVAT are left out; of the others
    each has the first images alone, where it has a limit for a run."""
    shards: list[PredictionShard] = []
    for place, version in enumerate(versions):
        if version.deferred:
            continue
        after, left = "", project.annotators[place].images_a_run
        while left != 0 and (images := ledger.images.unpredicted(project.name, version.id, after, size)):
            if asked := _assigned_to(place, images, project)[:left]:
                shards.append(PredictionShard(place, after, asked[-1].uri, len(asked)))
            left = None if left is None else left - len(asked)
            after = images[-1].uri
    return shards


def _assigned_to(place: int, images: Sequence[Image], project: Project) -> list[Image]:
    return [image for image in images if place in assigned(image.id, project.annotators, project.routing.seed)]


def predict_shard(
    project: Project,
    annotator: Annotator,
    shard: PredictionShard,
    bucket: ImageBucket,
    store: BulkStore,
    ledger: Ledger,
    *,
    checkpoint: int = 200,
    seconds: float = 60.0,
) -> int:
    """Predict a shard and keep the answers, so many images or seconds at a time; say how many images could not be
    decoded.

    What was kept before a kill is not predicted again. An image that fails goes to quarantine with its reason; the
    first annotator that sees an image records its look. Raises TooManyFailuresError beyond the project's share, and
    AnnotatorUnavailable, which says nothing about any image: what was answered until then is kept.
    """
    waiting = ledger.images.unpredicted(project.name, annotator.id, shard.after, None, shard.last)
    images = _assigned_to(shard.annotator, waiting, project)
    failed = predict_images(project, annotator, images, bucket, store, ledger, checkpoint=checkpoint, seconds=seconds)
    check_share(project, failed, len(images), "cannot be decoded, or the annotator failed on them")
    return failed


def predict_images(
    project: Project,
    annotator: Annotator,
    images: Sequence[Image],
    bucket: ImageBucket,
    store: BulkStore,
    ledger: Ledger,
    *,
    checkpoint: int = 200,
    seconds: float = 60.0,
) -> int:
    """Ask an annotator about images and keep the answers, as predict_shard does; say how many could not be decoded.

    One that fails goes to quarantine if it waits; if it is in a batch, it stays there, without an answer.
    """
    without_look = ledger.looks.lacking(project.name, [image.id for image in images])
    failed, answers, kept_at = 0, list[AnsweredImage](), time.monotonic()
    try:
        for result in predict(annotator, images, bucket, without_look=without_look):
            if isinstance(result, AnsweredImage):
                answers.append(result)
            elif result.reason not in _NEXT_DISCOVERY:
                failed += 1
                ledger.images.quarantine(project.name, result.image_id, result.reason, result.detail)
                log.warning("project %s: image %s: %s: %s", project.name, result.image_id, result.reason, result.detail)
            if len(answers) >= checkpoint or time.monotonic() - kept_at >= seconds:
                _keep(project, annotator.id, answers, store, ledger)
                answers, kept_at = [], time.monotonic()
    except AnnotatorUnavailable:
        _keep(project, annotator.id, answers, store, ledger)
        raise
    _keep(project, annotator.id, answers, store, ledger)
    return failed


def _keep(
    project: Project, annotator: str, answered: Sequence[AnsweredImage], store: BulkStore, ledger: Ledger
) -> None:
    """Looks first: an image whose predictions are recorded is not looked at again."""
    if not answered:
        return
    ledger.looks.record(project.name, {one.predictions.image_id: one.look for one in answered if one.look})
    keep_predictions(project, annotator, [one.predictions for one in answered], store, ledger)


def keep_predictions(
    project: Project, annotator: str, answers: Sequence[ImagePredictions], store: BulkStore, ledger: Ledger
) -> None:
    """Keep an annotator's answers and record where they are."""
    uri = store.write(f"predictions/{project.name}", predictions_table(answers))
    ledger.predictions.record(project.name, annotator, uri, [answer.image_id for answer in answers])


def read_predictions(
    project: Project, annotator: str, image_ids: Sequence[str], store: BulkStore, ledger: Ledger
) -> dict[str, ImagePredictions]:
    """The kept answers for images, by image, under today's names of labels; an image without any is left out."""
    uris = ledger.predictions.uris(project.name, annotator, image_ids)
    wanted, names = set(image_ids), current_names(project)
    found: dict[str, ImagePredictions] = {}
    for uri in sorted(set(uris.values())):
        answers = predictions_from(store.read(uri))
        mine = (answer for answer in answers if answer.image_id in wanted and uris[answer.image_id] == uri)
        found |= {answer.image_id: predictions_today(answer, names) for answer in mine}
    return found
