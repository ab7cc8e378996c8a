"""The images of finished jobs as people, or the model alone, left them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.clients.ledger.reviews import RevisionRecord
from include.clients.tables import revision_from
from include.evaluation.reviewed import FinalImage
from include.lifecycle.labels import current_names, revision_today
from include.lifecycle.reviews import Annotation
from include.projects.model import Project


def final_images(
    project: Project, records: Sequence[RevisionRecord], store: BulkStore, ledger: Ledger
) -> Iterator[FinalImage]:
    """The images of these revisions under today's names of labels, read a batch at a time."""
    names = current_names(project)
    for batch_id, of_batch in groupby(records, key=lambda record: record.batch_id):
        sizes = {image.id: (image.header.width, image.header.height) for image in ledger.images.of_batch(batch_id)}
        for record in of_batch:
            revision = revision_today(revision_from(store.read(record.uri)), names)
            drawn = defaultdict[str, list[Annotation]](list)
            for annotation in revision.annotations:
                drawn[annotation.image_id].append(annotation)
            yield from (FinalImage(id_, sizes[id_], tuple(drawn[id_])) for id_ in revision.image_ids)
