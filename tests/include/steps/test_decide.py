"""Decide: one record, then the job in CVAT, and again from anywhere in between."""

import pytest

from include.clients.cvat import UnknownOutcomeError
from include.lifecycle.batches import Stage
from include.lifecycle.decisions import Choice, Decision
from include.steps.decide import NoSuchJob, decide
from tests.include.steps.world import World, killed

APPROVED = Decision(Choice.APPROVED, by="anna")
REJECTED = Decision(Choice.REJECTED, by="anna", comment="a dot is missing", reviewer="boris")
FLAGGED = Decision(Choice.FLAGGED, by="anna", comment="is this a dot?")


@pytest.fixture
def job(world: World) -> int:
    """CVAT's id of a job that a person has finished."""
    world.land(2)
    world.carry()
    [job] = world.jobs()
    world.finish(job)
    return job.cvat_id or 0


def in_cvat(world: World, job: int) -> tuple[str, str]:
    row = world.server.get(f"/api/jobs/{job}")
    return row["stage"], row["state"]


def recorded(world: World) -> list[str]:
    return [row.detail for row in world.ledger.audit.of(world.project.name) if row.action == "decide"]


@pytest.mark.parametrize(
    ("decision", "left", "words"),
    [
        (APPROVED, ("acceptance", "completed"), "approved by anna"),
        (REJECTED, ("annotation", "rejected"), "rejected by anna, reviewed by boris: a dot is missing"),
        (FLAGGED, ("annotation", "completed"), "flagged by anna: is this a dot?"),
    ],
)
def test_a_decision_is_recorded_once_and_moves_the_job(
    world: World, job: int, decision: Decision, left: tuple[str, str], words: str
) -> None:
    assert [decide(world.project, job, decision, world.cvat, world.ledger).is_new for _ in range(2)] == [True, False]
    assert in_cvat(world, job) == left
    assert recorded(world) == [f"job {job}: {words}"]


def test_somebody_may_think_again(world: World, job: int) -> None:
    for decision in (APPROVED, REJECTED):
        decide(world.project, job, decision, world.cvat, world.ledger)
    assert in_cvat(world, job) == ("annotation", "rejected")
    decide(world.project, job, APPROVED, world.cvat, world.ledger)
    assert in_cvat(world, job) == ("acceptance", "completed")
    assert len(recorded(world)) == 3


def test_killed_before_the_record_nothing_was_done(world: World, job: int) -> None:
    with killed(world.ledger, "INSERT INTO audit"):
        decide(world.project, job, APPROVED, world.cvat, world.ledger)
    assert (recorded(world), in_cvat(world, job)) == ([], ("annotation", "completed"))


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_cvat_was_not_told_it_is_told_by_the_next_try(world: World, job: int, when: str) -> None:
    world.server.fault("PATCH", "/api/jobs/", status=502, when=when)
    with pytest.raises(UnknownOutcomeError):
        decide(world.project, job, APPROVED, world.cvat, world.ledger)
    assert not decide(world.project, job, APPROVED, world.cvat, world.ledger).is_new
    assert in_cvat(world, job) == ("acceptance", "completed")
    assert len(recorded(world)) == 1


def test_there_is_nothing_to_decide_about_other_jobs(world: World, job: int) -> None:
    with pytest.raises(NoSuchJob, match=rf"project {world.project.name} has no job 999999 that has come to people"):
        decide(world.project, 999999, APPROVED, world.cvat, world.ledger)
    batch = world.batch()
    world.cvat.delete_task(batch.task_id or 0)
    with pytest.raises(NoSuchJob, match=rf"job {job} of project {world.project.name} is gone from CVAT"):
        decide(world.project, job, APPROVED, world.cvat, world.ledger)
    world.ledger.batches.advance(batch.id, Stage.ANNOTATED)
    with pytest.raises(NoSuchJob, match="has come to people"):
        decide(world.project, job, APPROVED, world.cvat, world.ledger)
    assert recorded(world) == []
