"""Refresh: jobs that wait show the newer version's shapes, each once, and nothing that people did is undone.

The n-th dot of a picture is at 4 n, 3.25 px wide: one that a newer version finds 1 px further is the same object.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, product

import pytest

from include.clients.cvat import UnknownOutcomeError
from include.clients.ledger.batches import Applied, Job
from include.lifecycle.assignment import Asked, Version
from include.projects.annotators import Annotator
from include.steps.collect import collect_revisions
from include.steps.refresh import Refresher, newest, refresh_shards
from include.steps.reviewed import finished_by_annotator, reviewed_images
from tests.include.emulated import calls_to
from tests.include.steps.dots import picture
from tests.include.steps.world import DOTS, Killed, World, dying_before_write, killed, project_of

pytestmark = pytest.mark.slow

JOBS = "/api/jobs/"


def dots(version: int, **settings: object) -> dict[str, object]:
    return {"model": DOTS, "name": "dots", "settings": {"version": str(version), **settings}}


def with_people(new_world: Callable[..., World], images: int, **settings: object) -> World:
    """So many pictures of three dots, with the first version's shapes in CVAT; two pictures a job."""
    world = new_world(annotators=[dots(1, **settings)])
    world.land(images, objects=3)
    world.carry()
    world.server.advance(60)
    return world


def release(world: World, version: int, **settings: object) -> None:
    """From now on the project has this version."""
    annotator = Annotator.model_validate(dots(version, **settings))
    world.project = world.project.model_copy(update={"annotators": (annotator,)})


def refresh(world: World, *, wanted: bool = True) -> int:
    refresher = Refresher(world.project, world.annotators, world.cvat, world.bucket, world.store, world.ledger)
    return refresher.refresh(world.ids(), wanted=wanted)


def lefts(world: World, job: Job) -> list[float]:
    return sorted(shape["points"][0] for shape in world.drawn(job))


def shown(world: World) -> list[str]:
    """The annotators whose predictions the waiting jobs show."""
    return [one.id for job in world.ledger.refreshes.waiting(world.project.name) for one in job.asked]


def is_whole(world: World, job: Job) -> bool:
    """Whether the ledger knows exactly what is in a job, and nothing is on its way."""
    recorded = world.ledger.refreshes.applied(job.batch_id, job.index)
    ids = sorted(shape["id"] for shape in world.drawn(job))
    return sorted(recorded.values()) == ids and not world.ledger.refreshes.under_way(world.project.name)


def test_what_nobody_touched_is_replaced_and_what_was_never_there_is_added(new_world: Callable[..., World]) -> None:
    world = with_people(new_world, 4, first=1)
    release(world, 2, shift=1)
    with calls_to(world.server) as calls:
        assert refresh(world) == 2
    assert [lefts(world, job) for job in world.jobs()] == [[1, 1, 5, 5, 9, 9]] * 2
    assert all(is_whole(world, job) for job in world.jobs())
    assert shown(world) == ["dots@2", "dots@2"]
    assert calls.count("PATCH") == 4  # in and out, of two jobs
    shape = world.drawn(world.jobs()[0])[0]
    assert (shape["source"], shape["score"]) == ("auto", 0.5)
    with calls_to(world.server) as calls:
        assert refresh(world) == 0
    assert calls.count("PATCH") == 0


def test_what_the_newer_version_sees_alike_stays_and_what_it_does_not_see_goes(new_world: Callable[..., World]) -> None:
    world = with_people(new_world, 1)
    (job,) = world.jobs()
    before = {shape["points"][0]: shape["id"] for shape in world.drawn(job)}
    release(world, 2, first=1)
    assert refresh(world) == 1
    assert {shape["points"][0]: shape["id"] for shape in world.drawn(job)} == {4: before[4], 8: before[8]}
    assert is_whole(world, job)


def test_only_jobs_that_wait_for_people_are_looked_at(new_world: Callable[..., World]) -> None:
    world = with_people(new_world, 8)
    begun, finished, collected, waiting = world.jobs()
    world.server.patch(f"/api/jobs/{begun.cvat_id}", {"state": "in progress"})
    world.finish(collected)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    world.finish(finished)
    release(world, 2, shift=1)
    assert refresh(world) == 1
    assert [lefts(world, job)[0] for job in (begun, finished, collected, waiting)] == [0, 0, 0, 1]
    assert shown(world) == ["dots@1", "dots@1", "dots@2"]


def test_a_job_counts_for_the_version_that_it_shows(new_world: Callable[..., World]) -> None:
    world = with_people(new_world, 4)
    early, late = world.jobs()
    world.finish(early)
    release(world, 2, shift=1)
    refresh(world)
    world.finish(late)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    found = {one.annotator: one for one in finished_by_annotator(world.project, world.ledger)}
    assert {name: [record.job_index for record in one.records] for name, one in found.items()} == {
        "dots@1": [0],
        "dots@2": [1],
    }
    images = list(reviewed_images(world.project, found["dots@2"], world.store, world.ledger))
    drawn = {shape["id"] for shape in world.drawn(late)}
    assert {id_ for image in images for id_ in image.applied.values()} == drawn
    assert all(image.applied.keys() == {one.id for one in image.predictions} for image in images)


# What people did


def test_what_people_did_stays_through_every_version(new_world: Callable[..., World]) -> None:
    """In a job that is still new one dot was deleted, one moved, and another drawn by hand."""
    world = with_people(new_world, 1)
    (job,) = world.jobs()
    first, second, _ = sorted(world.drawn(job), key=lambda shape: shape["points"][0])
    world.change_shapes(job, "delete", [first])
    moved = {**second, "points": [4.0, 20.0, 8.0, 30.0], "source": "semi-auto"}
    world.change_shapes(job, "update", [moved])
    by_hand = {"frame": 0, "label_id": first["label_id"], "type": "rectangle", "points": [30, 30, 40, 40]}
    world.change_shapes(job, "create", [{**by_hand, "source": "manual"}])
    for version, shift in ((2, 1.0), (3, 0.0), (4, 1.0)):
        release(world, version, shift=shift)
        assert refresh(world) == 1
        assert lefts(world, job) == [4.0, 8 + shift, 30.0]
        assert shown(world) == [f"dots@{version}"]
    kept = {shape["id"]: shape["points"] for shape in world.drawn(job)}
    assert kept[second["id"]] == moved["points"]


def test_a_frame_that_people_took_out_is_left_alone(new_world: Callable[..., World]) -> None:
    world = with_people(new_world, 4)
    first, second = world.jobs()
    world.server.patch(f"/api/tasks/{world.batch().task_id}/data/meta", {"deleted_frames": [1]})
    world.project = world.project.model_copy(
        update={"images": world.project.images.model_copy(update={"max_failed_share": 0.5})}
    )
    release(world, 2, shift=1)
    assert refresh(world) == 2
    assert [lefts(world, job) for job in (first, second)] == [[0, 1, 4, 5, 8, 9], [1, 1, 5, 5, 9, 9]]


def begin(world: World, job: Job) -> None:
    world.server.patch(f"/api/jobs/{job.cvat_id}", {"state": "in progress"})


def delete_one(world: World, job: Job) -> None:
    world.change_shapes(job, "delete", world.drawn(job)[:1])


def save(world: World, job: Job) -> None:
    label = world.drawn(job)[0]["label_id"]
    shape = {"frame": 0, "label_id": label, "type": "rectangle", "points": [30, 30, 40, 40], "source": "manual"}
    world.change_shapes(job, "create", [shape])


@pytest.mark.parametrize("meddle", [begin, delete_one, save])
def test_people_who_come_while_both_versions_are_there_are_asked(
    new_world: Callable[..., World], meddle: Callable[[World, Job], None]
) -> None:
    world = with_people(new_world, 1)
    (job,) = world.jobs()
    release(world, 2, shift=1)
    with killed(world.ledger, "UPDATE refreshes", nth=3):  # before the older version is taken out
        refresh(world)
    world.server.advance(60)
    meddle(world, job)
    left = world.drawn(job)
    assert refresh(world) == 0
    assert world.drawn(job) == left
    (job,) = world.jobs()
    assert job.applied is Applied.ATTENTION
    assert "dots@2: " in (job.note or "")
    assert refresh(world) == 0
    assert "need attention" in [row.action for row in world.ledger.audit.of(world.project.name)]


@pytest.mark.parametrize("meddle", [begin, delete_one, save])
def test_people_who_come_before_anything_was_done_are_left_alone(
    new_world: Callable[..., World], meddle: Callable[[World, Job], None]
) -> None:
    world = with_people(new_world, 1)
    (job,) = world.jobs()
    release(world, 2, shift=1)
    with killed(world.ledger, "UPDATE refreshes"):  # before the first call
        refresh(world)
    meddle(world, job)
    left = world.drawn(job)
    assert refresh(world, wanted=False) == 0
    assert world.drawn(job) == left
    assert world.jobs()[0].applied is Applied.APPLIED
    assert (world.ledger.refreshes.under_way(world.project.name), shown(world)) == ([], ["dots@1"])


def test_people_who_come_where_an_outcome_is_unknown_are_asked(new_world: Callable[..., World]) -> None:
    """The call may have come, and all of it been deleted."""
    world = with_people(new_world, 1)
    (job,) = world.jobs()
    release(world, 2, shift=1)
    world.server.fault("PATCH", JOBS, status=504, when="before")
    with pytest.raises(UnknownOutcomeError):
        refresh(world)
    save(world, job)
    left = world.drawn(job)
    assert refresh(world) == 0
    assert world.drawn(job) == left
    assert world.jobs()[0].applied is Applied.ATTENTION


# What is lost or killed


@contextmanager
def killed_after_call(nth: int) -> Iterator[None]:
    """The process dies when it has the n-th answer of CVAT's: whatever was asked for is done."""
    left = count(1)

    class Dying(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said = record.getMessage()  # `http://… "GET /api/jobs/7 HTTP/1.1" 200 …`
            if f" {JOBS}" in said and next(left) == nth:
                raise Killed(said)

    logger, handler = logging.getLogger("urllib3.connectionpool"), Dying()
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


@pytest.mark.parametrize("how", ["before each statement", "after each call"])
def test_killed_anywhere_and_run_again_leaves_one_set(new_world: Callable[..., World], how: str) -> None:
    """Version after version, each killed a step later than the one before it, until one ends by itself."""
    world = with_people(new_world, 1)
    (job,) = world.jobs()
    for nth in count(1):
        shift = float(nth % 2)
        release(world, nth + 1, shift=shift)
        dying = dying_before_write(world.ledger, nth) if how == "before each statement" else killed_after_call(nth)
        try:
            with dying:
                refresh(world)
            break
        except Killed:
            refresh(world)
        assert lefts(world, job) == [shift, 4 + shift, 8 + shift], nth
        assert is_whole(world, job), nth
        assert shown(world) == [f"dots@{nth + 1}"], nth
    assert nth > 6
    assert [job.applied for job in world.jobs()] == [Applied.APPLIED]


def test_a_lost_answer_is_looked_for(new_world: Callable[..., World]) -> None:
    world = with_people(new_world, 1)
    (job,) = world.jobs()
    ways: list[dict[str, object]] = [{"status": 504}, {"drop": True}]
    losses = product((0, 1), ("before", "after"), ways)
    for version, (skip, when, how) in enumerate(losses, 2):
        shift = float(version % 2 == 0)
        release(world, version, shift=shift)
        world.server.fault("PATCH", JOBS, skip=skip, when=when, **how)
        with pytest.raises(UnknownOutcomeError):
            refresh(world)
        assert refresh(world, wanted=False) == 1
        assert lefts(world, job) == [shift, 4 + shift, 8 + shift]
        assert is_whole(world, job)


def test_what_came_twice_is_there_once(new_world: Callable[..., World]) -> None:
    world = with_people(new_world, 1)
    (job,) = world.jobs()
    before = {shape["id"] for shape in world.drawn(job)}
    release(world, 2, shift=1)
    world.server.fault("PATCH", JOBS, status=504, when="after")
    with pytest.raises(UnknownOutcomeError):
        refresh(world)
    new = [shape for shape in world.drawn(job) if shape["id"] not in before]
    again = [{key: value for key, value in shape.items() if key != "id"} for shape in new]
    world.change_shapes(job, "create", again)
    assert refresh(world) == 1
    assert lefts(world, job) == [1, 5, 9]
    assert is_whole(world, job)


def test_a_job_of_more_than_one_part_that_is_killed_after_each(new_world: Callable[..., World]) -> None:
    """21 pictures of 250 dots: parts of 20 frames and of one."""
    world = new_world(annotators=[dots(1)], batches={"size": 21, "job_size": 21, "max_wait": 0})
    for number in range(21):
        world.put(f"in/{number}.png", picture(number, 250, 0.5, size=(1008, 48)))
    world.carry()
    (job,) = world.jobs()
    release(world, 2, shift=1)
    for nth in (2, 3):  # when the first part has come, and when the second has: before either outcome is recorded
        with killed(world.ledger, "UPDATE refreshes", nth=nth):
            refresh(world)
    with calls_to(world.server) as calls:
        assert refresh(world) == 1
    assert calls.count("PATCH") == 1  # what is left is to take the older version out
    assert {left % 4 for left in lefts(world, job)} == {1}
    assert len(world.drawn(job)) == 21 * 250
    assert is_whole(world, job)


def test_a_version_that_comes_while_another_is_on_its_way_comes_after_it(new_world: Callable[..., World]) -> None:
    world = with_people(new_world, 1)
    (job,) = world.jobs()
    release(world, 2, shift=1)
    with killed(world.ledger, "UPDATE refreshes", nth=2):
        refresh(world)
    release(world, 3)
    assert refresh(world) == 2
    assert (lefts(world, job), shown(world)) == ([0, 4, 8], ["dots@3"])
    assert is_whole(world, job)


# What cannot be done


def test_a_job_with_an_image_that_cannot_be_asked_about_stays_as_it_is(
    new_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    world = with_people(new_world, 4)
    (first, second) = world.jobs()
    gone = world.ledger.images.of_batch(first.batch_id)[first.start]
    world.s3.delete_object(Bucket=world.bucket_name, Key=gone.uri.removeprefix(f"s3://{world.bucket_name}/"))
    release(world, 2, shift=1)
    assert refresh(world) == 1
    assert [lefts(world, job)[0] for job in (first, second)] == [0, 1]
    assert f"job {first.cvat_id}: not brought up to date: an image of it has no predictions" in caplog.text


def test_what_cvat_refuses_costs_its_batch_alone_which_stays_with_people(new_world: Callable[..., World]) -> None:
    world = with_people(new_world, 8)
    refused, other = world.batches()
    world.server.fault("GET", f"/api/tasks/{refused.task_id}/data/meta", status=400)
    release(world, 2, shift=1)
    assert refresh(world) == 2
    assert {batch.stage for batch in world.batches()} == {"routed"}
    (row,) = [row for row in world.ledger.audit.of(world.project.name) if row.action == "not refreshed"]
    assert row.subject == refused.id
    assert [lefts(world, job)[0] for job in world.ledger.batches.jobs(other.id)] == [1, 1]
    assert refresh(world) == 2


# Which jobs, and with which versions


def test_batches_are_due_that_show_older_versions_if_wanted_and_those_that_are_halfway(
    new_world: Callable[..., World],
) -> None:
    world = with_people(new_world, 8)

    def due(*, wanted: bool = True) -> list[list[str]]:
        return refresh_shards(world.project, world.versions, world.ledger, 1, wanted=wanted)

    first, second = world.ids()
    assert due() == []
    release(world, 2, shift=1)
    assert due() == [[first], [second]]
    assert due(wanted=False) == []
    with killed(world.ledger, "INSERT INTO job_annotators"):
        refresh(world)
    assert due(wanted=False) == [[first]]
    refresh(world)
    assert due() == []


EYE = {"model": DOTS, "name": "eye", "settings": {"version": "5"}}
HALF = {"share": 0.5}


@pytest.mark.parametrize(
    ("annotators", "versions", "newer"),
    [
        ([dots(2)], ["dots@2"], ["dots@2", "eye@1"]),
        ([dots(2), EYE], ["dots@2", "eye@5"], ["dots@2", "eye@5"]),
        ([{**dots(1), **HALF}, {**dots(2), **HALF}], ["dots@1", "dots@2"], ["dots@1", "eye@1"]),
        ([{**dots(2), "name": "other"}], ["other@2"], ["dots@1", "eye@1"]),
        ([{**dots(2), "images_a_run": 10}], ["dots@2"], ["dots@1", "eye@1"]),
    ],
    ids=["newer", "both", "split", "gone", "limited"],
)
def test_which_versions_are_to_be_shown(
    annotators: list[dict[str, object]], versions: list[str], newer: list[str]
) -> None:
    project = project_of("birds", "bucket", annotators=annotators)
    asked = (Asked("dots@1"), Asked("eye@1", draws=False))
    found = newest(project, [Version(id_) for id_ in versions], "birds-1", asked)
    assert [one.id for one in found] == newer
    assert [one.draws for one in found] == [True, False]


def test_functions_in_cvat_are_not_asked_again() -> None:
    project = project_of("birds", "bucket", annotators=[dots(2)])
    asked = (Asked("dots@1"),)
    assert newest(project, [Version("dots@2", deferred=True)], "birds-1", asked) == asked
