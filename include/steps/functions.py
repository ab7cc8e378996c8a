"""Functions: annotators that live in CVAT are asked about the frames of a batch, once CVAT has its images.

Nothing is stored there by that: what they find is kept as predictions, and drawn as those of others are.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from include.annotators.answers import numbered
from include.annotators.nuclio import MODEL, Nuclio, Settings
from include.annotators.registry import UnknownAnnotator, load
from include.clients.bulk import BulkStore
from include.clients.cvat import CvatClient, InvalidError, LabelRow, NewShape, ProjectLabels
from include.clients.cvat.serverless import FunctionFailed, WrongFunction, checked_mapping
from include.clients.cvat.shapes import shape_of
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch, Job
from include.lifecycle.images import Image
from include.lifecycle.labels import current_names
from include.lifecycle.predictions import ImagePredictions
from include.lifecycle.shapes import Shape
from include.projects.model import Project
from include.steps.batches import BatchError, log, task_of, words
from include.steps.predict import keep_predictions

_CHECKPOINT = 25  # frames
Failure = FunctionFailed | InvalidError


class Functions:
    """A project's annotators that are functions in CVAT."""

    def __init__(
        self, project: Project, labels: ProjectLabels, cvat: CvatClient, store: BulkStore, ledger: Ledger
    ) -> None:
        self._project, self._labels = project, labels
        self._cvat, self._store, self._ledger = cvat, store, ledger
        self._known = _functions(project)
        self._mappings: dict[str, Mapping[str, str]] = {}

    def ask(self, batch: Batch) -> None:
        """Ask the functions that were planned for a batch about its frames, each once, and keep their answers.

        A frame that a function fails on, twice, counts as answered with nothing, and the audit says so. Beyond the
        project's share its failure is raised: InvalidError, or FunctionFailed, which another run may mend; what was
        answered is kept. Raises FunctionFailed also after the project's request_timeout, UnknownAnnotator where a
        function or its mapping is not what CVAT has.
        """
        for one in batch.asked:
            if function := self._known.get(one.id):
                self._ask(batch, one.id, function)

    def _ask(self, batch: Batch, annotator: str, function: Nuclio) -> None:
        images = self._ledger.images.of_batch(batch.id)
        answered = self._ledger.predictions.uris(self._project.name, annotator, [image.id for image in images])
        frames = [frame for frame, image in enumerate(images) if image.id not in answered]
        if not frames:
            return
        jobs = self._ledger.batches.jobs(batch.id)
        asking = _Asking(batch, jobs, images, annotator, function.settings, self._mapping(annotator, function.settings))
        said = "%s: CVAT drops the scores of function %s: all that it finds has score 1, and is for people"
        log.warning(said, words(batch), function.settings.function)
        timeout = self._project.cvat.request_timeout
        deadline = time.monotonic() + timeout.total_seconds()
        failed = self._answers(asking, frames, deadline)
        failed = self._answers(asking, list(failed), deadline)
        self._leave_empty(asking, failed)

    def _mapping(self, annotator: str, stated: Settings) -> Mapping[str, str]:
        if annotator not in self._mappings:
            self._mappings[annotator] = _mapping(self._project, annotator, stated, list(self._labels), self._cvat)
        return self._mappings[annotator]

    def _answers(self, asking: "_Asking", frames: Sequence[int], deadline: float) -> dict[int, Failure]:
        """Keep the answers about frames; say which failed."""
        failed: dict[int, Failure] = {}
        for start in range(0, len(frames), _CHECKPOINT):
            if time.monotonic() >= deadline:
                timeout = self._project.cvat.request_timeout
                raise FunctionFailed(f"{asking.annotator} has not answered about all of {asking.batch.id} in {timeout}")
            part = frames[start : start + _CHECKPOINT]
            found = {frame: self._look(asking, frame) for frame in part}
            failed |= {frame: error for frame, error in found.items() if isinstance(error, Failure)}
            self._keep(asking, [answer for answer in found.values() if isinstance(answer, ImagePredictions)])
        return failed

    def _look(self, asking: "_Asking", frame: int) -> ImagePredictions | Failure:
        stated, task = asking.function, task_of(asking.batch)
        try:
            seen, request = self._cvat.serverless.look(
                stated.function, task, frame, mapping=asking.mapping, threshold=stated.threshold
            )
        except (FunctionFailed, InvalidError) as error:
            log.warning("%s: frame %d: %s", words(asking.batch), frame, error)
            return error
        found = [(_shape(shape, self._labels), 1.0) for shape in seen.shapes]
        row = {"request": request, "function": stated.function, "task": task, "job": asking.job(frame), "frame": frame}
        log.info("%s", json.dumps({**row, "image": asking.images[frame].id, "shapes": len(found)}))
        if others := len(seen.tags) + len(seen.tracks):
            log.warning("%s: frame %d: %d tags and tracks are left out", words(asking.batch), frame, others)
        return numbered(found, asking.images[frame].id, asking.annotator)

    def _keep(self, asking: "_Asking", answers: Sequence[ImagePredictions]) -> None:
        if answers:
            keep_predictions(self._project, asking.annotator, answers, self._store, self._ledger)

    def _leave_empty(self, asking: "_Asking", failed: Mapping[int, Failure]) -> None:
        """Frames that failed count as answered, unless they are too many: then the first failure is raised."""
        if len(failed) > len(asking.images) * self._project.images.max_failed_share:
            raise next(iter(failed.values()))
        for frame, error in failed.items():
            subject = f"{asking.batch.id}/{frame}"
            self._ledger.audit.add(self._project.name, "annotator failed", subject, f"{asking.annotator}: {error}")
        self._keep(asking, [numbered((), asking.images[frame].id, asking.annotator) for frame in failed])


def check_functions(project: Project, cvat: CvatClient) -> tuple[str, ...]:
    """The functions in CVAT that a project has as annotators. Raises UnknownAnnotator where CVAT has one of them not,
    with those that it has, or where its mapping does not go with the project's labels."""
    labels = [LabelRow(id=0, name=label.name, type=label.type, attributes=[]) for label in project.labels]
    found = _functions(project)
    for id_, function in found.items():
        _mapping(project, id_, function.settings, labels, cvat)
    return tuple(function.settings.function for function in found.values())


def _functions(project: Project) -> dict[str, Nuclio]:
    """By `name@version`."""
    loaded = [load(one.model, one.settings, name=one.name) for one in project.annotators if one.model == MODEL]
    return {one.id: one.function for one in loaded if isinstance(one.function, Nuclio)}


def _mapping(
    project: Project, annotator: str, stated: Settings, labels: list[LabelRow], cvat: CvatClient
) -> Mapping[str, str]:
    """From the function's labels to the project's of today, checked: CVAT's own complaint names neither."""
    names = current_names(project)
    wanted = {theirs: names.get(ours, ours) for theirs, ours in stated.mapping.items()}
    try:
        return checked_mapping(cvat.serverless.function(stated.function), labels, wanted)
    except WrongFunction as error:
        raise UnknownAnnotator(f"annotator {annotator}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Asking:
    """A function that is asked about a batch; the mapping is from its labels to the task's."""

    batch: Batch
    jobs: Sequence[Job]
    images: Sequence[Image]
    annotator: str
    function: Settings
    mapping: Mapping[str, str]

    def job(self, frame: int) -> int | None:
        """CVAT's id of the job that has a frame of the task."""
        return next(job.cvat_id for job in self.jobs if job.start <= frame < job.stop)


def _shape(seen: NewShape, labels: ProjectLabels) -> Shape:
    """Points are rounded to 2 decimals, as CVAT keeps them."""
    label = labels.by_id(seen.label_id)
    if label is None:
        raise BatchError(f"a function answers label {seen.label_id}, which the project in CVAT does not have any more")
    shape = shape_of(seen, label)
    return replace(shape, points=tuple(round(value, 2) + 0.0 for value in shape.points))
