"""What a batch costs in calls to CVAT: so many, however many batches and images there are."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.include.emulated import calls_to
from tests.include.steps.world import World

ONCE = {"create": 2, "attach": 1, "check": 0, "annotate": 2, "route": 1}  # project, labels, storage, assignee
A_BATCH = {
    "create": 2,  # look for the task, make it
    "attach": 2,  # look whether it has data, attach it
    "check": 2,  # frames, jobs
    "annotate": 3,  # frames, and one a job, of which a batch has two here
    "route": 3,  # its jobs, and one for each
}


def calls_of(world: World, first: int, batches: int) -> dict[str, int]:
    """How many calls each step makes for so many new batches, from the first-th picture on."""
    world.land(4 * batches, objects=5, first=first)
    world.plan()
    made = {}
    for name in A_BATCH:
        with calls_to(world.server) as calls:
            assert getattr(world, name)() == batches
        made[name] = len(calls.made)
        if name == "attach":
            world.settle()
    return made


@pytest.mark.slow
def test_calls_grow_with_the_batches_and_their_jobs_only(new_world: Callable[..., World]) -> None:
    person = f"fritz-{uuid4().hex[:6]}"
    world = new_world(cvat={"assignees": [person]})
    world.server.user(person)
    world.land(1)
    world.carry()  # which makes the project and the storage
    for first, batches in ((10, 1), (20, 3)):
        expected = {name: ONCE[name] + batches * calls for name, calls in A_BATCH.items()}
        assert calls_of(world, first, batches) == expected
