"""Pin: what the model is least certain of, as CVAT issues, in jobs that go to people."""

import time
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime

from include.clients.bulk import BulkStore
from include.clients.cvat import CvatClient
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch, Job
from include.lifecycle.assignment import Asked
from include.lifecycle.boxes import Box
from include.lifecycle.pins import Pin, pins_of, place
from include.lifecycle.predictions import Prediction
from include.lifecycle.shapes import ShapeType
from include.projects.model import Project
from include.steps.batches import log, seconds_left, words
from include.steps.calibrations import Calibrations
from include.steps.draw import cvat_job
from include.steps.predict import read_predictions


class Pins:
    """Pins uncertain objects of a project's jobs, if the project asks for it. Scores count for what they are worth."""

    def __init__(self, project: Project, cvat: CvatClient, store: BulkStore, ledger: Ledger) -> None:
        self._project, self._cvat, self._store, self._ledger = project, cvat, store, ledger
        self._calibrations = Calibrations(project, store, ledger)

    def pin(self, batch: Batch, jobs: Sequence[Job]) -> None:
        """Make the pins of these jobs of a batch that are not there yet, found by frame and place: the score in a pin's
        words may have become worth something else since.

        The intent is recorded before each, so that a run after a kill waits until CVAT cannot be making it any more.
        Raises UnknownOutcomeError where an answer is lost.
        """
        below = self._project.routing.pin_below
        if below is None or not jobs:
            return
        drawn = self._drawn(batch, batch.asked, self._ledger.batches.applied_shapes(batch.id).keys())
        self._make(batch, {job: _of(job, drawn, below) for job in jobs})

    def renew(self, batch: Batch, job: Job, asked: Sequence[Asked], kept: Set[str]) -> None:
        """Bring a job's pins up to date that shows these annotators by now; `kept` are those predictions that it showed
        before, under other names. What only an older version gave reason for is resolved, unless somebody has answered.
        """
        below = self._project.routing.pin_below
        if below is None:
            return
        there = self._ledger.batches.applied_shapes(batch.id).keys() | kept
        wanted = _of(job, self._drawn(batch, asked, there), below)
        self._resolve(batch, job, {(one.frame, one.box) for one in wanted})
        self._make(batch, {job: wanted})

    def _resolve(self, batch: Batch, job: Job, wanted: Set[tuple[int, Box]]) -> None:
        images = self._ledger.images.of_batch(batch.id)
        frames = {images[frame].id: frame for frame in range(job.start, job.stop)}
        ever: set[tuple[int, tuple[float, ...]]] = set()
        for annotator in self._ledger.predictions.annotators(self._project.name, list(frames)):
            answers = read_predictions(self._project, annotator, list(frames), self._store, self._ledger)
            ever |= {
                (frames[id_], place(one))
                for id_, answer in answers.items()
                for one in answer.objects
                if one.shape.type is not ShapeType.TAG
            }
        open_ones = self._cvat.issues.unanswered(cvat_job(job))
        gone = [one for one in open_ones if (one.frame, one.position) in ever - wanted]
        for issue in gone:
            self._cvat.issues.resolve(issue.id)
        if gone:
            log.info("%s: %d pins resolved, for which the newer version gives no reason", words(batch, job), len(gone))

    def _make(self, batch: Batch, wanted: Mapping[Job, Sequence[Pin]]) -> None:
        time.sleep(seconds_left(batch.asked_at, self._project))
        for job, pins in wanted.items():
            missing = self._missing(job, pins)
            for pin in missing:
                self._ledger.batches.ask(batch.id, datetime.now(UTC))
                self._cvat.issues.create(cvat_job(job), pin.frame, pin.box, pin.message)
            if missing:
                log.info("%s: %d uncertain objects pinned", words(batch, job), len(missing))

    def _drawn(self, batch: Batch, asked: Sequence[Asked], there: Set[str]) -> list[tuple[int, Prediction]]:
        """All objects of these annotators that are in the batch's jobs, each with its frame."""
        image_ids = [image.id for image in self._ledger.images.of_batch(batch.id)]
        frames = {image_id: frame for frame, image_id in enumerate(image_ids)}
        found: list[tuple[int, Prediction]] = []
        for annotator in (one.id for one in asked if one.draws):
            answers = read_predictions(self._project, annotator, image_ids, self._store, self._ledger)
            for image_id, answer in answers.items():
                worth = self._calibrations.applied(annotator, answer.objects)
                found += [(frames[image_id], one) for one in worth if one.id in there]
        return found

    def _missing(self, job: Job, wanted: Sequence[Pin]) -> list[Pin]:
        if not wanted:
            return []
        there = {(issue.frame, issue.position) for issue in self._cvat.issues.of_job(cvat_job(job))}
        return [one for one in wanted if (one.frame, one.box) not in there]


def _of(job: Job, drawn: Sequence[tuple[int, Prediction]], below: float) -> list[Pin]:
    return pins_of([one for one in drawn if job.start <= one[0] < job.stop], below)
