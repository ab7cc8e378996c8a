"""Select and plan: waiting images with predictions become batches, jobs homogeneous by route."""

from datetime import datetime, timedelta

from include.clients.ledger import Ledger
from include.clients.ledger.images import WaitingImage
from include.lifecycle.batches import BatchRules, Candidate, Stage, plan
from include.lifecycle.routing import is_sure
from include.projects.model import Project

_LEASE = timedelta(minutes=10)


def plan_batches(project: Project, annotator: str, ledger: Ledger, now: datetime, holder: str) -> int:
    """Record the batches that may close now, and say how many; the other images go on waiting.

    One run plans a project at a time: raises LeaseTakenError where another does.
    """
    with ledger.leases.hold(f"plan/{project.name}", holder, _LEASE):
        planned = plan(candidates(project, annotator, ledger), rules_of(project), now)
        return ledger.batches.add(project.name, annotator, project.batches.job_size, planned, now)


def candidates(project: Project, annotator: str, ledger: Ledger) -> list[Candidate]:
    """The waiting images that have the annotator's predictions."""
    return [_candidate(project, image) for image in ledger.images.waiting(project.name, annotator)]


def rules_of(project: Project) -> BatchRules:
    """A project's rules for its batches."""
    return BatchRules(
        size=project.batches.size,
        job_size=project.batches.job_size,
        max_wait=project.batches.max_wait,
        audit_share=project.routing.audit_share,
        seed=project.routing.seed,
    )


def batch_shards(project: Project, ledger: Ledger, size: int) -> list[list[str]]:
    """All batches on their way, whatever run planned them, cut into shards of batch ids."""
    moving = [stage for stage in Stage if stage not in (Stage.ROUTED, Stage.FAILED)]
    ids = [batch.id for batch in ledger.batches.at(project.name, *moving)]
    return [ids[start : start + size] for start in range(0, len(ids), size)]


def _candidate(project: Project, image: WaitingImage) -> Candidate:
    scores = [] if image.lowest_score is None else [image.lowest_score]
    return Candidate(image.image_id, image.uri, is_sure(scores, project.routing.accept_above), image.discovered_at)
