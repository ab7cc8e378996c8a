"""Predict: the annotator's answers for every waiting image, kept in the ledger before anything else sees them."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from include.annotators.driver import AnsweredImage, Result, predict
from include.annotators.registry import Annotator
from include.clients.bulk import BulkStore
from include.clients.images import ImageBucket
from include.clients.ledger import Ledger
from include.clients.tables import predictions_from, predictions_table
from include.lifecycle.assignment import Version, assigned
from include.lifecycle.images import Image, Reason
from include.lifecycle.labels import current_names, predictions_today
from include.lifecycle.predictions import ImagePredictions
from include.projects.model import Project
from include.steps.discover import TooManyFailuresError, check_share

log = logging.getLogger(__name__)
_HOPELESS = 50  # images: an annotator that fails on each of the first is asked no further, for that may cost
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


@dataclass(frozen=True, slots=True)
class Predicted:
    """Of so many images that one of the project's annotators (its place in the file) was to be asked about, so many
    went to quarantine: they cannot be decoded, or it failed on them."""

    annotator: int
    images: int
    failed: int


def judge_failures(project: Project, predicted: Iterable[Predicted]) -> None:
    """Raise TooManyFailuresError where of the images of all of a run's shards more failed than the project's share.

    An image counts once: versions of one name have images of their own, and annotators of other names the same ones.
    """
    images, failed = Counter[str](), 0
    for shard in predicted:
        images[project.annotators[shard.annotator].called] += shard.images
        failed += shard.failed
    check_share(project, failed, max(images.values(), default=0), "cannot be decoded, or the annotator failed on them")


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
) -> Predicted:
    """Predict a shard and keep the answers, so many images or seconds at a time; say how many images failed.

    What was kept before a kill is not predicted again; whatever error is raised, what was answered until then is kept.
    An image that fails goes to quarantine with its reason; the first annotator that sees an image records its look.
    Raises TooManyFailuresError where the annotator fails on each of the first 50 images that it is asked about, and
    AnnotatorUnavailable, which says nothing about any image.
    """
    waiting = ledger.images.unpredicted(project.name, annotator.id, shard.after, None, shard.last)
    images = _assigned_to(shard.annotator, waiting, project)
    failed = predict_images(
        project,
        annotator,
        images,
        bucket,
        store,
        ledger,
        checkpoint=checkpoint,
        seconds=seconds,
        give_up_after=_HOPELESS,
    )
    return Predicted(shard.annotator, shard.images, failed)


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
    give_up_after: int | None = None,
) -> int:
    """Ask an annotator about images and keep the answers, as predict_shard does; say how many went to quarantine.

    One that fails goes there if it waits; if it is in a batch, it stays there, without an answer. Raises
    TooManyFailuresError where the annotator fails on each of the first `give_up_after` images that it is asked about.
    """
    without_look = ledger.looks.lacking(project.name, [image.id for image in images])
    aside, answers, kept_at = 0, list[AnsweredImage](), time.monotonic()
    results = predict(annotator, images, bucket, without_look=without_look)
    try:
        for result in _unless_hopeless(results, annotator.id, give_up_after):
            if isinstance(result, AnsweredImage):
                answers.append(result)
            elif result.reason not in _NEXT_DISCOVERY:
                aside += ledger.images.quarantine(project.name, result.image_id, result.reason, result.detail)
                log.warning("project %s: image %s: %s: %s", project.name, result.image_id, result.reason, result.detail)
            if len(answers) >= checkpoint or time.monotonic() - kept_at >= seconds:
                _keep(project, annotator.id, answers, store, ledger)
                answers, kept_at = [], time.monotonic()
    except Exception:  # answers may have been paid for
        _keep(project, annotator.id, answers, store, ledger)
        raise
    _keep(project, annotator.id, answers, store, ledger)
    return aside


def _unless_hopeless(results: Iterator[Result], annotator: str, give_up_after: int | None) -> Iterator[Result]:
    answered, failures = False, 0
    for result in results:
        yield result
        if isinstance(result, AnsweredImage):
            answered = True
        elif result.reason is Reason.ANNOTATOR_FAILED:
            failures += 1
        if not answered and failures == give_up_after:
            raise TooManyFailuresError(
                f"{annotator} failed on each of the first {failures} images that it was asked about, and is asked no "
                "further: mend it, or its settings, then run ingest with 'Try again what was set aside'; the ledger's "
                "images have the reasons"
            )


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
