"""Select and plan: waiting images with predictions become batches, jobs homogeneous by route."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from include.clients.ledger import Ledger
from include.clients.ledger.images import WaitingImage
from include.lifecycle.assignment import Asked, assigned
from include.lifecycle.batches import BatchRules, Candidate, Stage, plan
from include.lifecycle.routing import is_sure
from include.projects.model import Project

_LEASE = timedelta(minutes=10)


def plan_batches(project: Project, versions: Sequence[str], ledger: Ledger, now: datetime, holder: str) -> int:
    """Record the batches that may close now, and say how many; the other images go on waiting.

    The versions are those (`name@version`) of the project's annotators, in the file's order. One run plans a project
    at a time: raises LeaseTakenError where another does.
    """
    with ledger.leases.hold(f"plan/{project.name}", holder, _LEASE):
        planned = plan(candidates(project, versions, ledger), rules_of(project), now)
        return ledger.batches.add(project.name, project.batches.job_size, planned, now)


def candidates(project: Project, versions: Sequence[str], ledger: Ledger) -> list[Candidate]:
    """The waiting images that have the predictions of all annotators that are asked about them."""
    found = []
    for image in ledger.images.waiting(project.name, versions):
        asked = asked_about(project, versions, image.image_id)
        if all(one.id in image.lowest for one in asked):
            found.append(_candidate(project, image, asked))
    return found


def asked_about(project: Project, versions: Sequence[str], image_id: str) -> tuple[Asked, ...]:
    """The annotator versions that are asked about an image."""
    chosen = assigned(image_id, project.annotators, project.routing.seed)
    return tuple(Asked(versions[index], project.annotators[index].draws) for index in chosen)


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


def _candidate(project: Project, image: WaitingImage, asked: tuple[Asked, ...]) -> Candidate:
    drawn = [image.lowest[one.id] for one in asked if one.draws]
    scores = [score for score in drawn if score is not None]
    sure = is_sure(scores, project.routing.accept_above)
    return Candidate(image.image_id, image.uri, sure, image.discovered_at, asked)
