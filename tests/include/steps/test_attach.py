"""Attach: CVAT reads the bucket itself; what its requests come to is settled, a failed one anew, once."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from include.clients.cvat import UnknownOutcomeError
from include.lifecycle.batches import Stage
from include.lifecycle.images import Header, Image
from include.lifecycle.manifest import manifest
from include.steps.attach import Answer, Outcome, look, pending, settle
from tests.include.emulated import until
from tests.include.steps.dots import picture
from tests.include.steps.world import World, just_before, killed

LOST = [{"status": 500}, {"status": 504}, {"drop": True}]


@contextmanager
def asked_of_the_bucket(world: World) -> Iterator[list[str]]:
    """The operations that this process asks of S3 (CVAT is another process)."""
    asked: list[str] = []

    def note(model: Any, params: dict[str, Any], **_: object) -> None:
        asked.append(f"{model.name} {params['url_path'].rpartition('/')[2]}")

    world.s3.meta.events.register("before-call.s3", note)
    try:
        yield asked
    finally:
        world.s3.meta.events.unregister("before-call.s3", note)


@contextmanager
def failing(world: World) -> Iterator[None]:
    """The request that is made within fails."""
    world.server.hold(True)
    world.server.fail_requests(1, "TimeoutError: the bucket does not answer\n")
    yield
    world.server.hold(False)


def test_the_manifest_is_in_cvats_format() -> None:
    found = manifest(
        [
            Image("1", "s3://b/in/a.tar.jpeg", "e", 9, Header("JPEG", 640, 480, 6, "RGB")),
            Image("2", "s3://b/in/2026.03/ü.PNG", "e", 9, Header("PNG", 3, 4, 1, "RGB")),
        ]
    )
    # as CVAT's own tool writes it: dataset_manifest/create.py
    assert [json.loads(line) for line in found.decode().splitlines()] == [
        {"version": "1.1"},
        {"type": "images"},
        {"name": "in/a.tar", "extension": ".jpeg", "width": 640, "height": 480, "meta": {"related_images": []}},
        {"name": "in/2026.03/ü", "extension": ".PNG", "width": 3, "height": 4, "meta": {"related_images": []}},
    ]


def test_the_frames_are_the_images_in_the_order_of_the_batch_and_none_of_their_bytes_pass_here(
    new_world: Callable[..., World],
) -> None:
    world = new_world(routing={"accept_above": 0.8})
    for key, score in (("b", 0.9), ("a/10", 0.5), ("a/9", 0.5), ("c", 0.9)):  # sure ones come first
        world.put(f"in/{key}.png", picture(ord(key[0]) + len(key), score=score))
    world.carry(Stage.CREATED)
    with asked_of_the_bucket(world) as asked:
        assert world.attach() == 1
    assert world.settle() == 1
    assert asked == [f"PutObject labelcycle-{world.batch().id}.manifest.jsonl"]
    frames = world.server.get(f"/api/tasks/{world.batch().task_id}/data/meta")["frames"]
    assert [frame["name"] for frame in frames] == ["in/b.png", "in/c.png", "in/a/10.png", "in/a/9.png"]
    assert world.stages() == [Stage.ATTACHED]


def test_attaching_again_asks_nothing(world: World) -> None:
    world.land(2)
    world.carry(Stage.SUBMITTED)
    assert world.attach() == 0
    assert world.settle() == 1
    assert world.settle() == 1  # one batch has its data, as before


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_leaves_data_attached_once(world: World, fault: dict[str, object], when: str) -> None:
    world.land(2)
    task = world.carry(Stage.CREATED)[0].task_id
    world.server.fault("POST", f"/api/tasks/{task}/data", when=when, **fault)
    assert world.attach() == 1
    assert world.settle() == 1
    assert [(row["id"], row["size"]) for row in world.tasks()] == [(task, 2)]


def test_two_lost_answers_are_found_by_the_next_run(world: World) -> None:
    world.land(2)
    world.carry(Stage.CREATED)
    world.server.fault("POST", "/api/tasks", status=504, count=2)
    with pytest.raises(UnknownOutcomeError):
        world.attach()
    assert world.attach() == 1
    assert world.settle() == 1


def test_a_call_that_comes_through_after_it_was_given_up_is_no_refusal(world: World) -> None:
    world.land(2)
    task = world.carry(Stage.CREATED)[0].task_id or 0
    storage = world.cvat.find_or_create_storage(world.project.name, world.access)
    key = f"labelcycle-{world.batch().id}.manifest.jsonl"

    def come_through() -> None:
        world.cvat.attach_link(task, storage, key, ["in/0.png", "in/1.png"])

    with just_before(world.ledger, "UPDATE batches SET asked_at", come_through):
        assert world.attach() == 1
    assert world.settle() == 1


def test_a_kill_after_the_call_leaves_data_attached_once(world: World) -> None:
    world.land(2)
    world.carry(Stage.CREATED)
    with killed(world.ledger, "UPDATE batches SET stage"):
        world.attach()
    assert world.attach() == 1
    assert world.settle() == 1
    assert [row["size"] for row in world.tasks()] == [2]


def test_a_request_that_failed_once_is_undone_and_tried_anew(world: World) -> None:
    world.land(2)
    with failing(world):
        world.carry(Stage.SUBMITTED)
    assert world.settle() == 0
    batch = world.batch()
    assert (batch.stage, batch.task_id, batch.request_id, batch.attempts) == (Stage.PLANNED, None, None, 1)
    assert world.tasks() == []
    world.carry(Stage.ATTACHED)
    assert world.stages() == [Stage.ATTACHED]
    assert [row["id"] for row in world.tasks()] == [world.batch().task_id]


def test_a_request_that_fails_twice_sets_the_batch_aside_in_cvats_words_and_costs_only_itself(world: World) -> None:
    world.land(2)
    for _ in range(2):
        with failing(world):
            world.carry(Stage.SUBMITTED)
        world.settle()
    batch = world.batch()
    assert batch.stage is Stage.FAILED
    assert batch.reason == "CVAT could not attach the data, 2 times: failed TimeoutError: the bucket does not answer"
    world.land(6, first=10)
    world.carry(Stage.ATTACHED)
    assert sorted(world.stages()) == [Stage.ATTACHED, Stage.ATTACHED, Stage.FAILED]


def test_an_image_that_is_gone_from_the_bucket_costs_only_its_frame(world: World) -> None:
    world.land(2)
    world.carry(Stage.CREATED)
    world.s3.delete_object(Bucket=world.bucket_name, Key="in/1.png")
    world.attach()
    assert world.settle() == 1  # CVAT takes the manifest's word; the frame itself is then 404


def test_a_kill_between_deleting_the_failed_task_and_its_record_is_gone_on_from(world: World) -> None:
    world.land(2)
    with failing(world):
        world.carry(Stage.SUBMITTED)
    with killed(world.ledger, "UPDATE batches SET stage"):
        world.settle()
    assert world.tasks() == []
    waiting = pending(world.ids(), world.ledger)
    outcomes = look(waiting, world.cvat)  # CVAT answers 400 for the request of a task that is gone
    assert [outcome.answer for outcome in outcomes.values()] == [Answer.EXPIRED]
    world.settle()
    assert world.stages() == [Stage.PLANNED]
    world.carry(Stage.ATTACHED)
    assert world.stages() == [Stage.ATTACHED]


def test_a_request_that_cvat_has_forgotten_is_told_by_the_task(world: World) -> None:
    world.land(2)
    world.carry(Stage.SUBMITTED)
    (wait,) = pending(world.ids(), world.ledger)
    until(lambda: world.cvat.request(wait.request_id).status == "finished")
    world.server.advance(501)
    outcomes = look([wait], world.cvat)
    assert outcomes[wait.request_id].answer is Answer.EXPIRED
    assert settle(outcomes, world.ids(), world.cvat, world.ledger) == 1
    assert world.stages() == [Stage.ATTACHED]


def test_a_wait_that_is_overdue_is_tried_anew_and_says_so(world: World) -> None:
    world.server.hold(True)
    world.land(2)
    world.carry(Stage.SUBMITTED)
    (wait,) = pending(world.ids(), world.ledger)
    assert look([wait], world.cvat) == {}
    overdue = {wait.request_id: Outcome(Answer.OVERDUE, "not done by noon: CVAT says queued")}
    assert settle(overdue, world.ids(), world.cvat, world.ledger) == 0
    assert world.stages() == [Stage.PLANNED]
    rows = [row.detail for row in world.ledger.audit.of(world.project.name) if row.action == "delete task"]
    assert len(rows) == 1
    assert rows[0].endswith("overdue not done by noon: CVAT says queued")


def test_a_batch_whose_request_has_not_ended_stays_where_it_is(world: World) -> None:
    world.server.hold(True)
    world.land(2)
    world.carry(Stage.SUBMITTED)
    assert settle({}, world.ids(), world.cvat, world.ledger) == 0
    assert world.stages() == [Stage.SUBMITTED]


def test_a_look_that_gets_no_answer_says_nothing_of_any_request(world: World) -> None:
    world.land(8)
    world.carry(Stage.SUBMITTED)
    world.server.fault("GET", "/api/requests/", status=500)
    assert look(pending(world.ids(), world.ledger), world.cvat) == {}
    assert world.settle() == 2


def test_one_bad_batch_costs_only_itself(world: World) -> None:
    world.land(12)
    batches = world.carry(Stage.CREATED)
    world.cvat.delete_task(batches[1].task_id or 0)
    assert world.attach() == 2
    assert world.stages() == [Stage.SUBMITTED, Stage.FAILED, Stage.SUBMITTED]
    assert "No Task matches the given query" in (world.batches()[1].reason or "")


def test_every_line_of_the_log_says_project_batch_task_and_request(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.land(2)
    world.carry(Stage.CREATED)
    batch = world.batch()
    caplog.clear()
    with caplog.at_level("INFO", "include.steps.batches"):
        world.attach()
        world.settle()
    lines = [record.getMessage() for record in caplog.records if record.name == "include.steps.batches"]
    request = f"action=create&target=task&target_id={batch.task_id}"
    where = f"project {world.project.name} batch {batch.id} task {batch.task_id} request {request}: "
    assert [line.startswith(where) for line in lines] == [True, True]
