"""Select and plan: waiting images with predictions become batches, jobs homogeneous by route."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.clients.ledger.images import WaitingImage
from include.lifecycle.assignment import Asked, Version, assigned
from include.lifecycle.batches import BatchRules, Candidate, Stage, plan
from include.lifecycle.images import Reason
from include.lifecycle.looks import farthest_first, known_before, near_duplicates
from include.lifecycle.predictions import Prediction
from include.lifecycle.routing import Certainty, Route, Verdict, check_scores, verdict
from include.lifecycle.selection import interleaved, uncertainty
from include.projects.model import Project
from include.steps.batches import log
from include.steps.calibrations import Calibrations
from include.steps.predict import read_predictions

_LEASE = timedelta(minutes=10)
_AT_ONCE = 2000  # images whose predictions are in memory
_UNLIKE = 1000  # images that are chosen to be unlike each other; each costs a look at all that wait

Answers = Mapping[str, Sequence[Prediction]]  # by `name@version`


def plan_batches(
    project: Project, versions: Sequence[Version], store: BulkStore, ledger: Ledger, now: datetime, holder: str
) -> int:
    """Record the batches that may close now, and say how many; the other images go on waiting.

    The versions are those of the project's annotators, in the file's order. One run plans a project at a time: raises
    LeaseTakenError where another does. Raises NoScoresError where scores that say nothing would decide.
    """
    with ledger.leases.hold(f"plan/{project.name}", holder, _LEASE):
        judge_looks(project, ledger)
        found = candidates(project, versions, store, ledger)
        planned = plan(found, rules_of(project, ledger, now), now)
        return ledger.batches.add(project.name, project.batches.job_size, planned, now)


def judge_looks(project: Project, ledger: Ledger) -> None:
    """Put waiting images into quarantine that look like one that is in a batch or came before them, if the project
    wants that. Those that were set aside so are judged anew, and wait again where it does not hold any more: what they
    looked like is gone, or the project wants something else."""
    said = ledger.looks.look_alikes(project.name)
    alike = _look_alikes(project, said, ledger)
    over = {image.image_id for image, detail in said.items() if alike.get(image.image_id) != detail}
    ledger.looks.release(project.name, over)
    fresh = alike.keys() - {image.image_id for image in said} | alike.keys() & over
    for image_id in fresh:
        ledger.images.quarantine(project.name, image_id, Reason.NEAR_DUPLICATE, alike[image_id])
    if fresh or over:
        message = "project %s: %d images look like others, and are set aside; %d do no longer, and wait again"
        log.info(message, project.name, len(fresh), len(over - alike.keys()))


def _look_alikes(project: Project, set_aside: Iterable[WaitingImage], ledger: Ledger) -> dict[str, str]:
    """Of the waiting images and those that were set aside, by id, what each looks like that is not to be shown."""
    bits = project.routing.near_duplicates
    if bits is None:
        return {}
    unbatched = [*ledger.images.waiting(project.name, (), unpredicted=True), *set_aside]
    in_order = sorted(unbatched, key=lambda image: (image.discovered_at, image.uri))
    uris = {image.image_id: image.uri for image in in_order}
    looks = {image.image_id: image.look for image in in_order if image.look}
    alike = known_before(looks.items(), ledger.looks.of_batched(project.name), bits) if looks else {}
    left = ((image_id, look) for image_id, look in looks.items() if image_id not in alike)
    alike |= {image_id: uris[first] for image_id, first in near_duplicates(left, bits)}
    return {image_id: f"it looks like {other}" for image_id, other in alike.items()}


def candidates(project: Project, versions: Sequence[Version], store: BulkStore, ledger: Ledger) -> list[Candidate]:
    """The waiting images that have the predictions of all annotators that are asked about them, save those that are
    asked in CVAT; in the order in which people should see them."""
    calibrations = Calibrations(project, store, ledger)
    scores: dict[str, list[float]] = {version.id: [] for version in versions if version.scored}
    found, features = [], dict[str, bytes]()
    for image, asked, answers in _answered(project, versions, store, ledger):
        for id_, objects in answers.items():
            scores.get(id_, []).extend(one.score for one in objects)
        worth = {id_: calibrations.applied(id_, objects) for id_, objects in answers.items()}
        found.append(_candidate(project, image, asked, worth, versions))
        if image.look:
            features[image.image_id] = image.look.features
    doubted = {id_ for id_, given in scores.items() if not check_scores(id_, given, project.routing)}
    return _in_order([_doubting(one, doubted) for one in found], project.routing.diversity, features)


def _doubting(candidate: Candidate, doubted: Collection[str]) -> Candidate:
    """The candidate, for people where it would go by scores that are not believed."""
    blind = next((one.id for one in candidate.asked if one.draws and one.id in doubted), None)
    if blind is None or candidate.verdict.certainty is Certainty.UNSURE:
        return candidate
    return replace(candidate, verdict=Verdict(Certainty.UNSURE, f"all scores of {blind} are 1.0"))


def _answered(
    project: Project, versions: Sequence[Version], store: BulkStore, ledger: Ledger
) -> Iterator[tuple[WaitingImage, tuple[Asked, ...], Answers]]:
    now = [version.id for version in versions if not version.deferred]
    waiting = ledger.images.waiting(project.name, now, unpredicted=len(now) < len(versions))
    for start in range(0, len(waiting), _AT_ONCE):
        images = waiting[start : start + _AT_ONCE]
        ids = [image.image_id for image in images]
        read = {id_: read_predictions(project, id_, ids, store, ledger) for id_ in now}
        for image in images:
            asked = asked_about(project, versions, image.image_id)
            mine = [one.id for one in asked if one.id in read]
            if all(image.image_id in read[id_] for id_ in mine):
                yield image, asked, {id_: read[id_][image.image_id].objects for id_ in mine}


def asked_about(project: Project, versions: Sequence[Version], image_id: str) -> tuple[Asked, ...]:
    """The annotator versions that are asked about an image."""
    chosen = assigned(image_id, project.annotators, project.routing.seed)
    return tuple(Asked(versions[index].id, project.annotators[index].draws) for index in chosen)


def _candidate(
    project: Project, image: WaitingImage, asked: tuple[Asked, ...], answers: Answers, versions: Sequence[Version]
) -> Candidate:
    """Only what draws decides about the route: nothing else is accepted."""
    blind = {version.id for version in versions if not version.scored}
    drawing = [one.id for one in asked if one.draws]
    unscored = sorted(blind & set(drawing))
    found = [one for id_ in drawing for one in answers.get(id_, ())]
    said = Verdict(Certainty.UNSURE, f"{unscored[0]} gives no scores") if unscored else verdict(found, project.routing)
    scored = [objects for id_, objects in answers.items() if id_ not in blind]
    heard = list(answers.values()) if project.routing.order == "disagreement" else scored
    urgency = uncertainty(project.routing.order, image.image_id, heard, project.routing.seed)
    return Candidate(image.image_id, image.uri, said, image.discovered_at, asked, urgency)


def _in_order(found: Sequence[Candidate], diversity: float, features: Mapping[str, bytes]) -> list[Candidate]:
    """By falling urgency; a share of them instead by how unlike they are to all before them."""
    ordered = sorted(found, key=lambda candidate: (-candidate.urgency, candidate.uri))
    if diversity:
        seen = [candidate for candidate in ordered if candidate.image_id in features]
        places = farthest_first([features[candidate.image_id] for candidate in seen], _UNLIKE)
        ordered = list(interleaved(ordered, [seen[place] for place in places], diversity))
    return [replace(candidate, place=place) for place, candidate in enumerate(ordered)]


def rules_of(project: Project, ledger: Ledger, now: datetime) -> BatchRules:
    """A project's rules for its batches, with what is left of the day (in UTC)."""
    routing = project.routing
    planned = ledger.batches.planned_since(project.name, now.replace(hour=0, minute=0, second=0, microsecond=0))
    reviewed = planned.get(Route.REVIEW, 0) + planned.get(Route.AUDIT, 0)
    return BatchRules(
        size=project.batches.size,
        job_size=project.batches.job_size,
        max_wait=project.batches.max_wait,
        audit_share=routing.audit_share,
        between_share=routing.between_share,
        seed=routing.seed,
        accept_left=_left(routing.accept_a_day, planned.get(Route.ACCEPT, 0)),
        review_left=_left(routing.review_a_day, reviewed),
    )


def _left(most: int | None, done: int) -> int | None:
    return None if most is None else max(0, most - done)


def batch_shards(project: Project, ledger: Ledger, size: int) -> list[list[str]]:
    """All batches on their way, whatever run planned them, cut into shards of batch ids."""
    moving = [stage for stage in Stage if stage not in (Stage.ROUTED, Stage.FAILED)]
    ids = [batch.id for batch in ledger.batches.at(project.name, *moving)]
    return [ids[start : start + size] for start in range(0, len(ids), size)]
