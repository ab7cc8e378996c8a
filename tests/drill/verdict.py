"""What came of a story: what is there twice, and what is missing or was undone, in words."""

import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from include.clients.ledger.batches import Applied, Batch, Job
from include.lifecycle.batches import Stage
from include.lifecycle.routing import Route
from tests.drill.people import Shape, text_of
from tests.drill.story import Story
from tests.include.steps.world import World


@dataclass(frozen=True, slots=True)
class Verdict:
    """Each a list of sentences; all empty where everything is as it should be."""

    duplicates: list[str]
    lost: list[str]
    late: list[str]


def verdict(story: Story) -> Verdict:
    """Look at CVAT itself, not through the proxy, and at the ledger."""
    world, people = story.world, story.people
    shapes = {job.cvat_id: world.drawn(job) for job in world.jobs() if job.cvat_id}
    drawn = [shape for of_job in shapes.values() for shape in of_job]
    lost = [*_lost_images(world, story.landed), *people.undone(drawn), *_lost_routes(world)]
    lost += [*story.damaged, *_lost_export(story, drawn)]
    duplicates = list(_twins(world))
    for batch in world.batches():
        frames = _numbers(world, batch)
        for job in world.ledger.batches.jobs(batch.id):
            more, less = _compared(story, job, frames, shapes.get(job.cvat_id or 0, []))
            duplicates += more
            lost += less
        lost += _lost_ids(world, batch, drawn, people.deleted)
    return Verdict(duplicates, lost, story.late)


def _twins(world: World) -> Iterator[str]:
    """What CVAT has of a name that should be there once."""
    yield from ["a second project"] * (len(world.server.rows("/api/projects", name=world.project.name)) - 1)
    for name, count in Counter(task["name"] for task in world.tasks()).items():
        yield from [f"a second task of batch {name}"] * (count - 1)


def _lost_images(world: World, landed: int) -> Iterator[str]:
    planned = sum(batch.size for batch in world.batches())
    yield from ["an image in no batch"] * (landed - planned)
    tasks = {(task["id"], task["name"], task.get("size", 0)) for task in world.tasks()}
    for batch in world.batches():
        if (batch.task_id, batch.id, batch.size) not in tasks:
            yield f"batch {batch.id} has no task with its data"
        elif batch.stage is not Stage.ROUTED:
            yield f"batch {batch.id} is only {batch.stage}: {batch.reason}"


def _lost_routes(world: World) -> Iterator[str]:
    for job in world.jobs():
        row: dict[str, Any] = world.server.get(f"/api/jobs/{job.cvat_id}") if job.cvat_id else {}
        accepted = job.route is Route.ACCEPT and job.applied is Applied.APPLIED
        wanted = ("acceptance", "completed") if accepted else ("annotation", "new")
        if (found := (row.get("stage"), row.get("state"))) != wanted:
            yield f"job {job.cvat_id} is {found}, not {wanted}"


def _lost_export(story: Story, drawn: list[Shape]) -> Iterator[str]:
    """The last export was made when nobody did anything any more."""
    if [path.name for path in story.exported.parent.iterdir()] != [story.exported.name]:
        yield "there is not one export"
        return
    with zipfile.ZipFile(story.exported) as archive:
        found = json.loads(archive.read("annotations/instances_default.json"))
    if (len(found["images"]), len(found["annotations"])) != (story.landed, len(drawn)):
        yield f"{len(found['annotations'])} shapes on {len(found['images'])} images are exported, not {len(drawn)}"


def _numbers(world: World, batch: Batch) -> list[int]:
    """The pictures' numbers by frame; in the n-th of five are two objects or one (`Story`)."""
    images = world.ledger.images.of_batch(batch.id)
    return [int(image.uri.rpartition("/")[2].removesuffix(".png")) for image in images]


def _compared(story: Story, job: Job, numbers: list[int], drawn: list[Shape]) -> tuple[list[str], list[str]]:
    """What a job has too much and too little of its predictions. Where the outcome of a write was unknown and people
    had been in the job, a person was asked: there they may be missing together."""
    expected = Counter(
        (frame, f"{numbers[frame]}.{index}")
        for frame in range(job.start, job.stop)
        for index in range(2 if numbers[frame] % 5 < 2 else 1)
    )
    found = Counter((shape["frame"], text_of(shape)) for shape in drawn if not text_of(shape).startswith("by "))
    gone = Counter({key: count for key, count in expected.items() if key[1] in story.people.deleted})
    more = [f"{text} on frame {frame} of job {job.cvat_id}, once more" for frame, text in (found - expected).elements()]
    less = [f"{text} on frame {frame} of job {job.cvat_id}" for frame, text in (expected - gone - found).elements()]
    if job.applied is Applied.ATTENTION and job.cvat_id in story.people.been_in and not found:
        less = []
    elif job.applied is not Applied.APPLIED and not (
        job.applied is Applied.ATTENTION and job.cvat_id in story.people.been_in
    ):
        less.append(f"job {job.cvat_id} is {job.applied}: {job.note}")
    return more, less


def _lost_ids(world: World, batch: Batch, drawn: list[Shape], deleted: set[str]) -> Iterator[str]:
    """Shapes that the ledger knows by another id than CVAT."""
    texts = {shape["id"]: text_of(shape) for shape in drawn}
    recorded = world.ledger.batches.applied_shapes(batch.id)
    gone = [prediction for prediction, shape in recorded.items() if shape not in texts]
    by_people = sum(text.partition(".")[0].isdigit() for text in deleted)
    if len(gone) > by_people:
        yield f"batch {batch.id}: CVAT has no shapes of {len(gone)} recorded ids"
