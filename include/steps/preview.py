"""Preview: what an ingest run would do, without doing any of it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from include.clients.bulk import BulkStore
from include.clients.images import ImageBucket
from include.clients.ledger import Ledger
from include.lifecycle.assignment import Version
from include.lifecycle.batches import Candidate, plan
from include.lifecycle.images import image_id
from include.lifecycle.routing import Certainty, Verdict
from include.projects.model import Project
from include.steps.discover import Discovery, Scope, foresee
from include.steps.plan import asked_about, candidates, rules_of

_UNKNOWN = Verdict(Certainty.UNSURE, "not predicted yet")


@dataclass(frozen=True, slots=True)
class IngestPreview(Discovery):
    """What discovery would find, the images that would then be predicted, and the batches that would be planned.

    Also counted are images beyond what an annotator is asked about in a run (images_a_run): they wait for a later one.
    Batches are as many as if no image that is to be predicted were sure: which images come together hangs on the
    predictions, and so it does, where a batch is not full, whether it waits.
    """

    to_predict: int = 0
    batches: int = 0


def preview_ingest(
    project: Project,
    versions: Sequence[Version],
    bucket: ImageBucket,
    store: BulkStore,
    ledger: Ledger,
    now: datetime,
    scope: Scope,
) -> IngestPreview:
    """What a run would do now. Looks at the same objects as a run does; writes nothing anywhere."""
    foreseen = foresee(project, bucket, ledger, scope)
    going = set(foreseen.going)
    unpredicted = _unpredicted(project, versions, ledger)
    coming = [(image_id(stored.uri, stored.etag), stored.uri) for stored in foreseen.coming]
    to_predict = {id_: uri for id_, uri in (*unpredicted, *coming) if id_ not in going}
    waiting = [
        candidate for candidate in candidates(project, versions, store, ledger) if candidate.image_id not in going
    ]
    waiting += [
        Candidate(id_, uri, _UNKNOWN, now, asked_about(project, versions, id_)) for id_, uri in to_predict.items()
    ]
    batches = sum(1 for _ in plan(waiting, rules_of(project, ledger, now), now))
    return IngestPreview(**asdict(foreseen.discovery), to_predict=len(to_predict), batches=batches)


def _unpredicted(project: Project, versions: Sequence[Version], ledger: Ledger) -> Iterator[tuple[str, str]]:
    for version in (one for one in versions if not one.deferred):
        for image in ledger.images.unpredicted(project.name, version.id, "", None):
            if version.id in [one.id for one in asked_about(project, versions, image.id)]:
                yield image.id, image.uri
