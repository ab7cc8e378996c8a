"""Check: where frames are not exactly the batch's images, nothing is drawn."""

from collections.abc import Callable, Sequence

import pytest

from include.clients.cvat.records import NewTask
from include.lifecycle.batches import Stage
from include.lifecycle.images import Header, Image
from include.lifecycle.manifest import manifest
from tests.include.emulated import until
from tests.include.steps.world import World

Frames = Sequence[Image]


def other_size(image: Image) -> Image:
    return Image(image.id, image.uri, image.etag, image.size, Header("PNG", 640, 480, 1, "RGB"))


def attach_other(world: World, change: Callable[[Frames], Frames]) -> None:
    """Attach other frames than the batch's images, as a CVAT would that reads its bucket in another way."""
    world.land(3)
    batch = world.carry(Stage.CREATED)[0]
    frames = change(world.ledger.images.of_batch(batch.id))
    world.put("other.jsonl", manifest(frames))
    storage = world.cvat.find_or_create_storage("s", world.access)
    keys = [frame.uri.partition("/in/")[2] for frame in frames]
    request = world.cvat.attach_link(batch.task_id or 0, storage, "other.jsonl", [f"in/{key}" for key in keys])
    until(lambda: world.cvat.request(request).status == "finished")
    world.ledger.batches.advance(batch.id, Stage.ATTACHED)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frames: (*frames[1:], frames[0]), "task {}: frame 0 is in/1.png, not in/0.png"),
        (lambda frames: frames[:2], "task {}: frame 2 is missing"),
        (
            lambda frames: (*frames, Image("x", "s3://b/in/more.png", "e", 1, frames[0].header)),
            "is in/more.png, one more",
        ),
        (
            lambda frames: (frames[0], other_size(frames[1]), frames[2]),
            "task {}: frame 1 has 640 x 480 pixels, not 64",
        ),
    ],
    ids=["shifted", "missing", "extra", "another size"],
)
def test_a_task_of_other_frames_is_set_aside_and_nothing_is_drawn(
    world: World, change: Callable[[Frames], Frames], reason: str
) -> None:
    attach_other(world, change)
    assert world.check() == 0
    assert world.annotate() == 0
    batch = world.batch()
    assert batch.stage is Stage.FAILED
    assert reason.format(batch.task_id) in (batch.reason or "")
    assert world.server.get(f"/api/tasks/{batch.task_id}/annotations")["shapes"] == []


def test_jobs_of_other_frames_are_set_aside(world: World) -> None:
    world.land(4)
    batch = world.plan()[0]
    world.create()
    other = world.cvat.create_task(NewTask("by hand", world.tasks()[0]["project_id"], segment_size=3))
    world.cvat.delete_task(world.batch().task_id or 0)
    world.ledger.batches.advance(batch.id, Stage.CREATED, task_id=other.id)
    world.attach()
    world.settle()
    assert world.check() == 0
    assert f"task {other.id} has jobs of frames [(0, 3), (3, 4)], not [(0, 2), (2, 4)]" in (world.batch().reason or "")


def test_right_frames_are_recorded_with_their_jobs(world: World) -> None:
    world.land(3)
    world.carry(Stage.ATTACHED)
    assert world.check() == 1
    jobs = world.jobs()
    in_cvat = [world.server.get(f"/api/jobs/{job.cvat_id}") for job in jobs]
    assert [(job.start, job.stop) for job in jobs] == [(0, 2), (2, 3)]
    assert [(row["start_frame"], row["stop_frame"]) for row in in_cvat] == [(0, 1), (2, 2)]
    assert {row["task_id"] for row in in_cvat} == {world.batch().task_id}
    assert world.stages() == [Stage.CHECKED]


def test_a_task_that_is_gone_costs_only_its_batch(world: World) -> None:
    world.land(8)
    first, _ = world.carry(Stage.ATTACHED)
    world.cvat.delete_task(first.task_id or 0)
    assert world.check() == 1
    assert sorted(world.stages()) == [Stage.CHECKED, Stage.FAILED]
