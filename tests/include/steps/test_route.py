"""Route: as planned, and nothing that people have touched."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from include.clients.cvat import UnknownOutcomeError
from include.lifecycle.batches import Stage
from include.lifecycle.routing import Route
from include.steps.route import UnknownAssignee
from tests.include.steps.world import World

ACCEPTED = {"accept_above": 0.8, "audit_share": 1e-12}
AUDITED = {"accept_above": 0.8, "audit_share": 1}
NewWorld = Callable[..., World]


def in_cvat(world: World) -> list[tuple[str, str, str | None]]:
    """Stage, state and assignee of each job, in the order of the ledger."""
    rows = [world.server.get(f"/api/jobs/{job.cvat_id}") for job in world.jobs()]
    return [(row["stage"], row["state"], row["assignee"] and row["assignee"]["username"]) for row in rows]


@pytest.mark.parametrize(
    ("routing", "first"),
    [(ACCEPTED, (Route.ACCEPT, "acceptance", "completed")), (AUDITED, (Route.AUDIT, "annotation", "new"))],
)
def test_sure_jobs_are_accepted_save_the_audited_and_the_others_are_given_to_people_in_turn(
    new_world: NewWorld, routing: dict[str, float], first: tuple[Route, str, str]
) -> None:
    names = [f"anna-{uuid4().hex[:6]}", f"boris-{uuid4().hex[:6]}"]
    world = new_world(routing=routing, batches={"size": 6, "job_size": 2, "max_wait": 0}, cvat={"assignees": names})
    for name in names:
        world.server.user(name)
    world.land(2, score=0.9)
    world.land(4, score=0.5, first=2)
    world.carry()
    assert world.stages() == [Stage.ROUTED]
    found = in_cvat(world)
    routed = [(job.route, stage, state) for job, (stage, state, _) in zip(world.jobs(), found, strict=True)]
    assert routed == [first, (Route.REVIEW, "annotation", "new"), (Route.REVIEW, "annotation", "new")]
    assignees = [assignee for _, _, assignee in found]
    assert {assignees[1], assignees[2]} == set(names)
    assert (assignees[0] in names) == (first[0] is Route.AUDIT)  # people cannot tell an audited job from another


def test_without_assignees_nobody_is_given_a_job(world: World) -> None:
    world.land(2)
    world.carry()
    assert in_cvat(world) == [("annotation", "new", None)]


def test_a_job_that_people_have_touched_is_left_as_it_is(new_world: NewWorld) -> None:
    world = new_world(routing=ACCEPTED, batches={"size": 6, "job_size": 2, "max_wait": 0})
    person = f"clara-{uuid4().hex[:6]}"
    world.server.user(person)
    world.land(6, score=0.9)
    world.carry(Stage.ANNOTATED)
    begun, taken, _ = world.jobs()
    world.server.patch(f"/api/jobs/{begun.cvat_id}", {"state": "in progress"})
    world.server.patch(f"/api/jobs/{taken.cvat_id}", {"assignee": world.cvat.user_id(person)})
    world.route()
    assert in_cvat(world) == [
        ("annotation", "in progress", None),
        ("annotation", "new", person),
        ("acceptance", "completed", None),
    ]


def test_an_unknown_assignee_is_said_with_what_to_correct_before_anything_is_routed(new_world: NewWorld) -> None:
    world = new_world(routing=ACCEPTED, cvat={"assignees": ["nobody-at-all"]})
    world.land(2, score=0.9)
    world.carry(Stage.ANNOTATED)
    with pytest.raises(UnknownAssignee, match=r"'nobody-at-all'.*correct cvat\.assignees in the project's file"):
        world.route()
    assert in_cvat(world) == [("annotation", "new", None)]
    assert world.stages() == [Stage.ANNOTATED]


def test_a_lost_answer_is_looked_after_by_the_next_run(new_world: NewWorld) -> None:
    world = new_world(routing=ACCEPTED)
    world.land(4, score=0.9)
    world.carry(Stage.ANNOTATED)
    world.server.fault("PATCH", "/api/jobs/", status=502, when="after")
    with pytest.raises(UnknownOutcomeError):
        world.route()
    assert world.stages() == [Stage.ANNOTATED]
    world.route()
    assert world.stages() == [Stage.ROUTED]
    assert in_cvat(world) == [("acceptance", "completed", None)] * 2


def test_a_task_that_is_gone_costs_only_its_batch(world: World) -> None:
    world.land(8)
    first, _ = world.carry(Stage.ANNOTATED)
    world.cvat.delete_task(first.task_id or 0)
    assert world.route() == 1
    assert sorted(world.stages()) == [Stage.FAILED, Stage.ROUTED]
