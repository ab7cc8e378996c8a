"""What an annotator version is measured on: images of jobs that people completed, with its predictions on them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.clients.ledger.reviews import RevisionRecord
from include.clients.tables import revision_from
from include.evaluation.reviewed import ReviewedImage
from include.lifecycle.labels import completed, current_names, default_values, revision_today
from include.lifecycle.predictions import ImagePredictions
from include.lifecycle.reviews import Acceptance, Annotation, Revision
from include.projects.model import Project
from include.steps.predict import read_predictions


@dataclass(frozen=True, slots=True)
class Finished:
    """The finished jobs about whose images an annotator version (`name@version`) was asked."""

    annotator: str
    records: tuple[RevisionRecord, ...]

    @property
    def reviewed(self) -> list[RevisionRecord]:
        """Those that people completed (design: invariant 11)."""
        return [record for record in self.records if record.accepted is not Acceptance.AUTOMATIC]

    @property
    def keys(self) -> list[str]:
        """What names each reviewed job's revision."""
        return [f"{record.batch_id}/{record.job_index}/{record.id}" for record in self.reviewed]

    @property
    def shown(self) -> bool:
        """Whether people saw its predictions."""
        return any(one.draws for record in self.reviewed for one in record.asked if one.id == self.annotator)


def finished_by_annotator(project: Project, ledger: Ledger) -> list[Finished]:
    """Each annotator version of which people completed a job at the least, by name."""
    found: dict[str, list[RevisionRecord]] = defaultdict(list)
    for record in ledger.reviews.current(project.name):
        for one in record.asked:
            found[one.id].append(record)
    most = project.evaluation.newest_images
    all_of = (Finished(annotator, newest(records, most)) for annotator, records in sorted(found.items()))
    return [finished for finished in all_of if finished.reviewed]


def newest(records: Sequence[RevisionRecord], most: int) -> tuple[RevisionRecord, ...]:
    """In their order those that were finished last, with so many reviewed images at the most, or one reviewed job: what
    is measured does not grow with the project's age."""
    images, since = 0, None
    for record in sorted(records, key=lambda one: one.finished_at, reverse=True):
        images += 0 if record.accepted is Acceptance.AUTOMATIC else record.images
        if images > most and since is not None:
            break
        since = record.finished_at if images else since
    return tuple(record for record in records if since is None or record.finished_at >= since)


def reviewed_images(project: Project, finished: Finished, store: BulkStore, ledger: Ledger) -> Iterator[ReviewedImage]:
    """The images of its reviewed jobs, read a batch at a time."""
    names = current_names(project)
    for batch_id, records in groupby(finished.reviewed, key=lambda record: record.batch_id):
        revisions = [revision_today(revision_from(store.read(record.uri)), names) for record in records]
        image_ids = [image_id for revision in revisions for image_id in revision.image_ids]
        answers = read_predictions(project, finished.annotator, image_ids, store, ledger)
        applied = ledger.batches.applied_shapes(batch_id)
        headers = {image.id: image.header for image in ledger.images.of_batch(batch_id)}
        sizes = {image_id: (header.width, header.height) for image_id, header in headers.items()}
        for revision in revisions:
            yield from _images(project, revision, answers, applied, sizes)


def _images(
    project: Project,
    revision: Revision,
    answers: Mapping[str, ImagePredictions],
    applied: Mapping[str, int],
    sizes: Mapping[str, tuple[int, int]],
) -> Iterator[ReviewedImage]:
    defaults = default_values(project)
    drawn: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in revision.annotations:
        drawn[annotation.image_id].append(replace(annotation, shape=completed(annotation.shape, defaults)))
    for image_id in revision.image_ids:
        found = answers[image_id].objects
        predictions = tuple(replace(one, shape=completed(one.shape, defaults)) for one in found)
        yield ReviewedImage(
            image_id=image_id,
            predictions=predictions,
            annotations=tuple(drawn[image_id]),
            applied={p.id: applied[p.id] for p in predictions if p.id in applied},
            weight=1 / revision.probability,
            accepted=revision.accepted,
            size=sizes[image_id],
            finished_at=datetime.fromisoformat(revision.finished_at),
            finished_by=revision.finished_by,
        )
