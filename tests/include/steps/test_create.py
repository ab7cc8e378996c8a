"""Create: a batch has one CVAT task, whatever is lost or killed on the way."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from include.clients.cvat import UnknownOutcomeError
from include.clients.cvat.records import NewTask
from include.clients.ledger import LeaseTakenError
from include.lifecycle.batches import Stage
from include.steps.create import find_or_create_project
from tests.include.emulated import calls_to
from tests.include.steps.world import World, killed

LOST = [{"status": 500}, {"status": 502}, {"status": 504}, {"drop": True}]


def one_task_is_recorded(world: World) -> bool:
    (task,) = world.tasks()
    batch = world.batch()
    return (batch.stage, batch.task_id, task["name"]) == (Stage.CREATED, task["id"], batch.id)


# The project


def test_the_project_is_made_with_its_labels_and_found_the_next_time(world: World) -> None:
    project_id = find_or_create_project(world.project, world.cvat, world.ledger)
    labels = world.server.rows("/api/labels", project_id=project_id)
    assert [(label["name"], label["type"]) for label in labels] == [("dot", "rectangle"), ("other", "rectangle")]
    assert [(a["name"], a["input_type"], a["mutable"]) for a in labels[0]["attributes"]] == [
        ("text", "text", False),
        ("seen", "checkbox", False),
    ]
    with calls_to(world.server) as calls:
        assert find_or_create_project(world.project, world.cvat, world.ledger) == project_id
    assert calls.count("GET") == len(calls.made)


def test_two_shards_do_not_make_the_project_twice(world: World) -> None:
    with (
        world.ledger.leases.hold(f"cvat/{world.project.name}", "another shard", timedelta(minutes=1)),
        pytest.raises(LeaseTakenError, match="another shard"),
    ):
        find_or_create_project(world.project, world.cvat, world.ledger)
    assert world.server.rows("/api/projects", name=world.project.name) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_project_whose_making_was_lost_is_made_once(world: World, when: str) -> None:
    world.server.fault("POST", "/api/projects", status=504, when=when)
    project_id = find_or_create_project(world.project, world.cvat, world.ledger)
    assert [row["id"] for row in world.server.rows("/api/projects", name=world.project.name)] == [project_id]


# The tasks


def test_each_batch_gets_a_task_of_its_name_and_job_size(world: World) -> None:
    world.land(6)
    world.plan()
    assert world.create() == 2
    tasks = {task["id"]: task for task in world.tasks()}
    assert {batch.task_id: batch.id for batch in world.batches()} == {id_: t["name"] for id_, t in tasks.items()}
    assert {task["segment_size"] for task in tasks.values()} == {2}
    assert world.create() == 0


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_leaves_one_task(world: World, fault: dict[str, object], when: str) -> None:
    world.land(1)
    world.plan()
    world.server.fault("POST", "/api/tasks", when=when, **fault)
    assert world.create() == 1
    assert one_task_is_recorded(world)


def test_a_task_that_appears_late_is_found_before_the_servers_time_runs_out(new_world: Callable[..., World]) -> None:
    world = new_world(cvat={"server_timeout": 3})
    world.land(1)
    world.plan()
    project_id = find_or_create_project(world.project, world.cvat, world.ledger)
    batch = world.batch()
    world.ledger.batches.ask(batch.id, datetime.now(UTC))  # as a killed run has left it, whose call is still under way
    body = {"name": batch.id, "project_id": project_id}
    late = threading.Timer(0.5, lambda: world.server.post("/api/tasks", body))
    late.start()
    assert world.create() == 1
    late.join()
    assert one_task_is_recorded(world)


def test_two_lost_answers_leave_one_task_after_the_next_run(world: World) -> None:
    world.land(1)
    world.plan()
    world.server.fault("POST", "/api/tasks", status=504, count=2)
    with pytest.raises(UnknownOutcomeError):
        world.create()
    assert world.stages() == [Stage.PLANNED]
    assert world.create() == 1
    assert one_task_is_recorded(world)


@pytest.mark.parametrize("statement", ["UPDATE batches SET stage", "INSERT INTO audit"])
def test_a_kill_after_the_call_leaves_one_task(world: World, statement: str) -> None:
    world.land(1)
    world.plan()
    with killed(world.ledger, statement):
        world.create()
    intent_is_known = world.batch().asked_at is not None
    assert intent_is_known == (statement == "UPDATE batches SET stage")  # until the outcome is
    world.create()
    assert one_task_is_recorded(world)


def test_a_kill_between_intent_and_call_leaves_one_task_and_costs_the_servers_time(world: World) -> None:
    world.land(1)
    batch = world.plan()[0]
    world.ledger.batches.ask(batch.id, datetime.now(UTC))
    begun = datetime.now(UTC)
    assert world.create() == 1
    assert datetime.now(UTC) - begun >= 0.9 * world.project.cvat.server_timeout
    assert one_task_is_recorded(world)


def test_of_two_tasks_the_lowest_with_data_stays_and_the_empty_ones_go(world: World) -> None:
    world.land(1)
    batch = world.plan()[0]
    project_id = find_or_create_project(world.project, world.cvat, world.ledger)
    ids = [world.cvat.create_task(NewTask(batch.id, project_id, segment_size=2)).id for _ in range(3)]
    world.put("m.jsonl", b'{"version": "1.1"}\n{"type": "images"}\n')
    storage = world.cvat.find_or_create_storage("s", world.access)
    world.cvat.attach_link(ids[1], storage, "m.jsonl", [])
    world.create()
    assert [task["id"] for task in world.tasks()] == [ids[1]]
    assert one_task_is_recorded(world)


def test_of_two_empty_tasks_the_lowest_stays(world: World) -> None:
    world.land(1)
    batch = world.plan()[0]
    project_id = find_or_create_project(world.project, world.cvat, world.ledger)
    ids = [world.cvat.create_task(NewTask(batch.id, project_id, segment_size=2)).id for _ in range(2)]
    world.create()
    assert [task["id"] for task in world.tasks()] == ids[:1]
    assert one_task_is_recorded(world)


def test_one_batch_that_cvat_does_not_answer_leaves_the_others_their_progress(world: World) -> None:
    world.land(12)
    world.plan()
    world.server.fault("POST", "/api/tasks", status=502, count=2)
    with pytest.raises(UnknownOutcomeError):
        world.create()
    assert world.stages() == [Stage.PLANNED, Stage.CREATED, Stage.CREATED]
    assert world.create() == 1


def test_a_server_that_is_down_is_given_up_after_a_few_batches(world: World) -> None:
    world.land(24)
    world.plan()
    find_or_create_project(world.project, world.cvat, world.ledger)
    world.server.fault("GET", "/api/tasks", status=500, count=100)
    with calls_to(world.server) as calls, pytest.raises(Exception, match="500"):
        world.create()
    assert calls.count("GET /api/tasks") == 3
    assert set(world.stages()) == {Stage.PLANNED}


def test_an_account_that_may_not_do_it_fails_the_run_and_sets_nothing_aside(world: World) -> None:
    world.land(1)
    world.plan()
    world.server.fault("POST", "/api/tasks", status=403)
    with pytest.raises(Exception, match="403"):
        world.create()
    assert world.stages() == [Stage.PLANNED]


def test_every_line_of_the_log_says_project_and_batch(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.land(1)
    world.plan()
    world.server.fault("POST", "/api/tasks", status=504)
    with caplog.at_level("INFO", "include.steps.batches"):
        world.create()
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name in ("include.steps.batches", "include.clients.cvat.asking")
    ]
    batch = world.batch()
    assert [line.partition(": ")[0] for line in lines] == [
        f"project {world.project.name} batch {batch.id}",
        f"project {world.project.name} batch {batch.id} task {batch.task_id}",
    ]
