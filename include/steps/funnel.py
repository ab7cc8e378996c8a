"""How far a project's images have come."""

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.clients.ledger.funnel import Waiting
from include.evaluation.snapshot import FunnelStage, StageCount
from include.lifecycle.batches import Stage
from include.lifecycle.images import ImageState
from include.projects.model import Project
from include.steps.release import released_revisions

_OF_BATCHES = {
    Stage.PLANNED: FunnelStage.BATCHED,
    Stage.CREATED: FunnelStage.BATCHED,
    Stage.SUBMITTED: FunnelStage.BATCHED,
    Stage.FAILED: FunnelStage.BATCHED,
    Stage.ATTACHED: FunnelStage.IN_CVAT,
    Stage.CHECKED: FunnelStage.IN_CVAT,
    Stage.ANNOTATED: FunnelStage.ANNOTATED,
}


def funnel(project: Project, store: BulkStore, ledger: Ledger) -> tuple[StageCount, ...]:
    """Each stage, in order, with its images; what is released waits for nothing."""
    own = ledger.funnel.images(project.name)
    counts = {
        FunnelStage.WAITING: own[ImageState.WAITING],
        FunnelStage.QUARANTINED: own[ImageState.QUARANTINED],
        FunnelStage.IN_REVIEW: ledger.funnel.in_review(project.name),
    }
    for stage, waiting in ledger.funnel.batches(project.name).items():
        counts[_OF_BATCHES[stage]] = counts.get(_OF_BATCHES[stage], Waiting()) + waiting
    accepted, released = ledger.funnel.accepted(project.name, released_revisions(project, store, ledger))
    counts |= {FunnelStage.ACCEPTED: accepted, FunnelStage.RELEASED: released}
    none = Waiting()
    return tuple(
        StageCount(stage, counts.get(stage, none).images, counts.get(stage, none).since) for stage in FunnelStage
    )
