"""Pin: what the model is least certain of is an issue in CVAT, once, however often the step is killed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from include.clients.cvat import UnknownOutcomeError
from include.evaluation.calibrating import calibrate
from include.evaluation.calibration import Calibration, to_json
from include.evaluation.judged import Judged
from include.lifecycle.batches import Stage
from include.projects.routing import CalibrationSettings
from tests.include.emulated import calls_to
from tests.include.steps.world import World, killed

NewWorld = Callable[..., World]
PINNED = {"pin_below": 0.6}


def issues(world: World) -> list[dict[str, Any]]:
    """The issues of all jobs, in the order of the ledger and of their making."""
    return [row for job in world.jobs() for row in world.server.rows("/api/issues", job_id=job.cvat_id or 0, sort="id")]


def said(world: World, issue: dict[str, Any]) -> str:
    [comment] = world.server.rows("/api/comments", issue_id=issue["id"])
    return str(comment["message"])


def places(world: World) -> list[tuple[int, tuple[float, ...]]]:
    return sorted((row["frame"], tuple(row["position"])) for row in issues(world))


def drawn(world: World) -> list[tuple[int, tuple[float, ...]]]:
    return sorted((one["frame"], tuple(one["points"])) for job in world.jobs() for one in world.drawn(job))


def overconfident(annotator: str) -> Calibration:
    """Of what this annotator is sure of, half is wrong."""
    rows = [Judged(f"i{n}", "dot", 0.8 + n % 3 / 10, n % 2 == 0, 1.0) for n in range(300)]
    return calibrate(rows, "c1", annotator, CalibrationSettings())


def test_uncertain_objects_are_pinned_where_they_are_drawn(new_world: NewWorld) -> None:
    world = new_world(routing=PINNED, batches={"size": 4, "job_size": 2, "max_wait": 0})
    world.land(2, objects=2, score=0.5)
    world.land(2, score=0.9, first=2)
    world.carry()
    assert world.stages() == [Stage.ROUTED]
    assert places(world) == [row for row in drawn(world) if row[0] < 2]
    assert len(issues(world)) == 4
    assert {said(world, issue) for issue in issues(world)} == {"dot 0.50, below 0.6: is it right?"}


@pytest.mark.parametrize("routing", [{}, {"pin_below": 0.5}], ids=["not asked for", "nothing is below"])
def test_without_doubt_or_wish_cvat_is_not_asked(new_world: NewWorld, routing: dict[str, float]) -> None:
    world = new_world(routing=routing)
    world.land(2, score=0.5)
    with calls_to(world.server) as calls:
        world.carry()
    assert (world.stages(), calls.count("GET /api/issues"), calls.count("POST /api/issues")) == ([Stage.ROUTED], 0, 0)


def test_a_job_that_is_accepted_or_that_somebody_has_begun_is_not_pinned(new_world: NewWorld) -> None:
    accepted = {"accept_above": 0.8, "audit_share": 1e-12, "pin_below": 0.95}
    world = new_world(routing=accepted, batches={"size": 6, "job_size": 2, "max_wait": 0})
    world.land(2, score=0.9)
    world.land(4, score=0.5, first=2)
    world.carry(Stage.ANNOTATED)
    _, begun, _ = world.jobs()
    world.server.patch(f"/api/jobs/{begun.cvat_id}", {"state": "in progress"})
    world.route()
    assert [frame for frame, _ in places(world)] == [4, 5]


def test_at_most_twenty_a_job(new_world: NewWorld) -> None:
    world = new_world(routing=PINNED)
    world.land(2, objects=15, score=0.5)
    world.carry()
    assert len(drawn(world)) == 30
    assert len(issues(world)) == 20


@pytest.mark.parametrize("nth", [1, 2, 4, 5])
def test_killed_anywhere_and_run_again_it_leaves_one_issue_an_object(new_world: NewWorld, nth: int) -> None:
    world = new_world(routing=PINNED)  # four objects in two jobs: four intents, then the stage
    world.land(4, score=0.5)
    world.carry(Stage.ANNOTATED)
    with killed(world.ledger, "UPDATE batches", nth):
        world.route()
    assert len(issues(world)) == nth - 1
    world.route()
    world.route()
    assert places(world) == drawn(world)
    assert world.stages() == [Stage.ROUTED]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_looked_after_by_the_next_run(new_world: NewWorld, when: str) -> None:
    world = new_world(routing=PINNED)
    world.land(4, score=0.5)
    world.carry(Stage.ANNOTATED)
    world.server.fault("POST", "/api/issues", status=502, when=when)
    with pytest.raises(UnknownOutcomeError):
        world.route()
    world.route()
    assert places(world) == drawn(world)


def test_people_are_given_a_job_once_its_pins_are_there(new_world: NewWorld) -> None:
    person = f"dora-{uuid4().hex[:6]}"
    world = new_world(routing=PINNED, cvat={"assignees": [person]})
    world.server.user(person)
    world.land(2, score=0.5)
    with calls_to(world.server) as calls:
        world.carry()
    jobs = {f"PATCH /api/jobs/{job.cvat_id}": "assigned" for job in world.jobs()}
    steps = {"POST /api/issues": "pinned", **jobs}
    assert [steps[call] for call in calls.made if call in steps] == ["pinned", "pinned", "assigned"]


def test_scores_count_for_what_they_are_worth(new_world: NewWorld) -> None:
    world = new_world(routing=PINNED)
    world.land(2, score=0.9)
    world.carry(Stage.ANNOTATED)
    uri = world.store.write_text("calibrations", to_json(overconfident(world.annotator.id)))
    world.ledger.calibrations.add(world.project.name, "c1", world.annotator.id, uri, datetime.now(UTC))
    world.route()
    assert len(issues(world)) == 2
