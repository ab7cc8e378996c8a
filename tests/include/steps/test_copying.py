"""Copy: CVAT gets the bytes, once and in order, whatever is lost or killed; what it may not get, it does not keep."""

import io
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import PIL.Image
import pytest

from include.clients.cvat import UnknownOutcomeError
from include.lifecycle.batches import Stage
from include.projects.model import Project
from tests.include.steps.dots import picture
from tests.include.steps.world import Killed, World, killed

LOST = [{"status": 500}, {"status": 504}, {"drop": True}]
START, FORM, FINISH = 0, 1, 2  # the calls that bring a task its data


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world(cvat={"data": "copy"})


@contextmanager
def at_object(world: World, number: int, act: Callable[[str], None]) -> Iterator[None]:
    """Just before the object of that number, from 1, is asked for, something happens; several are at a time."""
    asked = itertools.count(1)

    def note(params: dict[str, Any], **_: Any) -> None:
        if next(asked) == number:
            act(unquote(params["url_path"].partition("/in/")[2]))

    world.s3.meta.events.register("before-call.s3.GetObject", note)
    try:
        yield
    finally:
        world.s3.meta.events.unregister("before-call.s3.GetObject", note)


def die(key: str) -> None:
    raise Killed(f"in the middle of the upload, at {key}")


def frames(world: World) -> list[tuple[str, int, int]]:
    meta = world.server.get(f"/api/tasks/{world.batch().task_id}/data/meta")
    return [(frame["name"], frame["width"], frame["height"]) for frame in meta["frames"]]


def content(world: World, number: int) -> bytes:
    query: dict[str, str | int] = {"type": "frame", "quality": "original", "number": number}
    return world.server.http.get(f"/api/tasks/{world.batch().task_id}/data", params=query).content


def sizes(world: World) -> list[int]:
    return [row.get("size", 0) for row in world.tasks()]


def test_the_frames_are_the_images_bytes_in_the_order_of_the_batch(new_world: Callable[..., World]) -> None:
    world = new_world(cvat={"data": "copy"}, routing={"accept_above": 0.8})
    landed = {"b/1.png": 0.9, "a/1.png": 0.5, 'a/"10" & ü.png': 0.5, "c/1.png": 0.9}  # sure ones come first
    for key, score in landed.items():
        world.put(f"in/{key}", picture(len(key) + ord(key[0]), score=score))
    world.carry(Stage.CHECKED)
    assert world.stages() == [Stage.CHECKED]
    assert [name for name, _, _ in frames(world)] == [
        "000000_1.png",
        "000001_1.png",
        "000002__10_ _ ü.png",
        "000003_1.png",
    ]
    for number, image in enumerate(world.ledger.images.of_batch(world.batch().id)):
        assert content(world, number) == world.bucket.read(image.uri, image.etag)
    names = [image.uri.rpartition("/in/")[2] for image in world.ledger.images.of_batch(world.batch().id)]
    assert names == ["b/1.png", "c/1.png", 'a/"10" & ü.png', "a/1.png"]


def test_a_day_goes_from_the_bucket_to_people_and_nothing_is_written_to_it(world: World) -> None:
    world.land(6, objects=2)
    assert {batch.stage for batch in world.carry()} == {Stage.ROUTED}
    assert [len(world.drawn(job)) for job in world.jobs()] == [4, 4, 4]
    written = [row.uri for row in world.bucket.list(f"s3://{world.bucket_name}/labelcycle-")]
    assert written == []


def test_a_turned_photograph_has_the_size_that_people_see(world: World) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    target = io.BytesIO()
    PIL.Image.new("RGB", (64, 48)).save(target, "JPEG", exif=exif)
    world.put("in/turned.jpg", target.getvalue())
    world.carry(Stage.CHECKED)
    assert world.stages() == [Stage.CHECKED]
    assert frames(world) == [("000000_turned.jpg", 48, 64)]


def test_a_project_that_begins_to_copy_carries_on_what_was_linked(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.land(2)
    world.carry(Stage.ATTACHED)
    world.project = Project.model_validate({**world.project.model_dump(mode="json"), "cvat": {"data": "copy"}})
    assert world.check() == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", [START, FORM, FINISH])
def test_a_lost_answer_leaves_data_attached_once(world: World, call: int, when: str, fault: dict[str, object]) -> None:
    world.land(2)
    task = world.carry(Stage.CREATED)[0].task_id
    world.server.fault("POST", f"/api/tasks/{task}/data", when=when, skip=call, **fault)
    assert world.attach() == 1
    assert world.settle() == 1
    assert world.check() == 1
    assert sizes(world) == [2]
    assert (world.batch().task_id == task) == ((call, when) in {(START, "before"), (FINISH, "after")})


def test_answers_lost_twice_are_gone_on_from_by_the_next_run(world: World) -> None:
    world.land(2)
    world.carry(Stage.CREATED)
    world.server.fault("POST", "/api/tasks/", status=504, count=2)
    with pytest.raises(UnknownOutcomeError):
        world.attach()
    assert world.stages() == [Stage.CREATED]
    assert world.attach() == 1
    assert world.settle() == 1
    assert sizes(world) == [2]


def test_a_kill_in_the_middle_of_an_upload_leaves_one_task_with_all_data(world: World) -> None:
    world.land(4)
    task = world.carry(Stage.CREATED)[0].task_id
    with at_object(world, 3, die), pytest.raises(Killed):
        world.attach()
    assert world.attach() == 1
    assert world.settle() == 1
    assert world.check() == 1
    assert sizes(world) == [4]
    assert world.batch().task_id != task


def test_the_next_run_goes_on_where_the_answer_about_the_old_task_was_lost(world: World) -> None:
    world.land(4)
    world.carry(Stage.CREATED)
    with at_object(world, 3, die), pytest.raises(Killed):
        world.attach()
    world.server.fault("DELETE", "/api/tasks/", status=504, when="after")
    with pytest.raises(UnknownOutcomeError):
        world.attach()
    assert world.stages() == [Stage.PLANNED]
    world.carry(Stage.CHECKED)
    assert sizes(world) == [4]


@pytest.mark.slow
@pytest.mark.parametrize("nth", range(1, 6))
def test_a_kill_before_each_record_of_a_new_task_leaves_one_task_with_all_data(world: World, nth: int) -> None:
    """Planned again, asked for a task, created, asked for its data, submitted."""
    world.land(2)
    world.carry(Stage.CREATED)
    with at_object(world, 2, die), pytest.raises(Killed):
        world.attach()
    with killed(world.ledger, "UPDATE batches", nth):
        world.attach()
    world.create()
    assert world.attach() == 1
    assert world.settle() == 1
    assert sizes(world) == [2]


@pytest.mark.parametrize("before", ["UPDATE batches SET stage", "UPDATE batches SET asked_at"])
def test_a_kill_around_the_last_call_leaves_data_attached_once(world: World, before: str) -> None:
    world.land(2)
    world.carry(Stage.CREATED)
    with killed(world.ledger, before):
        world.attach()
    assert world.attach() == 1
    assert world.settle() == 1
    assert sizes(world) == [2]


def test_an_image_that_changes_meanwhile_sets_its_batch_aside_and_leaves_no_task(world: World) -> None:
    world.land(6)
    world.carry(Stage.CREATED)
    with at_object(world, 2, lambda key: world.put(f"in/{key}", picture(99))):
        assert world.attach() == 1
    first, second = world.batches()
    assert (first.stage, second.stage) == (Stage.FAILED, Stage.SUBMITTED)
    assert "png: the object has changed since it was listed" in (first.reason or "")
    assert [row["id"] for row in world.tasks()] == [second.task_id]


def test_an_image_that_is_gone_sets_its_batch_aside_and_leaves_no_task(world: World) -> None:
    world.land(2)
    world.carry(Stage.CREATED)
    world.s3.delete_object(Bucket=world.bucket_name, Key="in/1.png")
    assert world.attach() == 0
    assert "in/1.png: the object is gone" in (world.batch().reason or "")
    assert world.tasks() == []


def test_a_request_that_failed_is_undone_and_all_is_sent_anew(world: World) -> None:
    world.land(2)
    world.server.hold(True)
    world.server.fail_requests(1, "OSError: no space left on device\n")
    world.carry(Stage.SUBMITTED)
    world.server.hold(False)
    assert world.settle() == 0
    world.carry(Stage.CHECKED)
    assert world.stages() == [Stage.CHECKED]
    assert sizes(world) == [2]
