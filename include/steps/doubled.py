"""What several people drew on one image, and what they drew blind: read from kept revisions, a batch at a time."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.clients.ledger.blind import BlindJob, BlindKind
from include.clients.tables import revision_from
from include.evaluation.doubled import BlindImage, DoubledImage, DrawnBy
from include.lifecycle.labels import completed, current_names, default_values, revision_today
from include.lifecycle.reviews import Acceptance, Annotation
from include.projects.model import Project


def blind_images(project: Project, store: BulkStore, ledger: Ledger) -> Iterator[BlindImage]:
    """Each image of the finished ground truths, under today's names of labels."""
    for job, uri in _kept(project, ledger):
        if job.key.kind is BlindKind.GROUND_TRUTH:
            for image_id, annotations in _by_image(project, uri, store):
                yield BlindImage(image_id, annotations, job.probability)


def doubled_images(project: Project, store: BulkStore, ledger: Ledger) -> Iterator[DoubledImage]:
    """Each image that two or more people have finished: in an ordinary job that was not accepted unseen, a ground
    truth, or a replica. Of what one person drew twice on an image the first counts."""
    ordinary = defaultdict(list)
    for record in ledger.reviews.current(project.name):
        if record.accepted is not Acceptance.AUTOMATIC:
            ordinary[record.batch_id].append(record)
    for batch_id, blind in groupby(_kept(project, ledger), key=lambda one: one[0].key.batch_id):
        cvat_ids = {job.index: job.cvat_id for job in ledger.batches.jobs(batch_id)}
        sources = [(record.uri, record.finished_by, cvat_ids[record.job_index]) for record in ordinary[batch_id]]
        sources += [(uri, job.finished_by or "", job.cvat_id) for job, uri in blind]
        drawn: dict[str, dict[str, DrawnBy]] = defaultdict(dict)
        for uri, name, cvat_id in sources:
            person = name or f"job {cvat_id}"
            for image_id, annotations in _by_image(project, uri, store):
                drawn[image_id].setdefault(person, DrawnBy(person, annotations))
        sizes = {image.id: (image.header.width, image.header.height) for image in ledger.images.of_batch(batch_id)}
        for image_id, people in drawn.items():
            if len(people) > 1:
                yield DoubledImage(image_id, sizes[image_id], tuple(people.values()))


def _kept(project: Project, ledger: Ledger) -> Iterator[tuple[BlindJob, str]]:
    """The finished blind jobs by batch, each with where it is kept."""
    for job in ledger.blind.of_project(project.name):
        if job.uri is not None:
            yield job, job.uri


def _by_image(project: Project, uri: str, store: BulkStore) -> Iterator[tuple[str, tuple[Annotation, ...]]]:
    """What is drawn on each image of a revision, under today's names and with all attributes of its labels."""
    revision = revision_today(revision_from(store.read(uri)), current_names(project))
    defaults, found = default_values(project), defaultdict[str, list[Annotation]](list)
    for annotation in revision.annotations:
        found[annotation.image_id].append(replace(annotation, shape=completed(annotation.shape, defaults)))
    for image_id in revision.image_ids:
        yield image_id, tuple(found[image_id])
