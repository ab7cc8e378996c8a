"""Collect: what people finished is read once, kept for ever, and one bad job costs only itself."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from include.clients.cvat import UnreachableError
from include.clients.cvat.records import NewTask
from include.clients.ledger.batches import Job
from include.clients.tables import revision_from
from include.lifecycle.reviews import Acceptance, Revision
from include.steps.collect import collect_revisions
from tests.include.emulated import calls_to, until
from tests.include.steps.world import World, killed


@pytest.fixture
def routed(world: World) -> World:
    """Two jobs of two images with an object each, which wait for people."""
    world.land(4)
    world.carry()
    return world


def collect(world: World) -> int:
    return collect_revisions(world.project, world.cvat, world.store, world.ledger)


def revisions(world: World) -> list[Revision]:
    """The current ones, by job."""
    return [revision_from(world.store.read(record.uri)) for record in world.ledger.reviews.current(world.project.name)]


def draw(world: World, job: Job, frame: int, **values: Any) -> None:
    shape = {**world.drawn(job)[0], "frame": frame, "source": "manual", **values}
    world.change_shapes(job, "create", [{key: value for key, value in shape.items() if key != "id"}])


def test_only_finished_jobs_are_collected(routed: World) -> None:
    first, second = routed.jobs()
    routed.server.patch(f"/api/jobs/{second.cvat_id}", {"state": "in progress"})
    assert collect(routed) == 0
    routed.finish(first)
    assert collect(routed) == 1
    (revision,) = revisions(routed)
    assert (revision.job_index, revision.accepted, revision.probability) == (0, Acceptance.PERSON, 1.0)


def test_a_revision_holds_what_is_drawn_under_its_names(routed: World) -> None:
    (first, _) = routed.jobs()
    person = routed.server.user(f"dora-{routed.project.name}")
    draw(routed, first, 1, points=[9.5, 9.5, 20.25, 30.0], occluded=True)
    routed.finish(first, assignee=person)
    collect(routed)
    (revision,) = revisions(routed)
    images = [image.id for image in routed.ledger.images.of_batch(routed.batch().id)]
    assert revision.image_ids == tuple(images[:2])
    assert revision.finished_by == f"dora-{routed.project.name}"
    (record,) = routed.ledger.reviews.current(routed.project.name)
    assert (record.finished_by, record.finished_at.isoformat()) == (revision.finished_by, revision.finished_at)
    assert record.assigned_at is not None
    assert record.assigned_at <= record.finished_at
    found = {(a.image_id, a.shape.label, a.shape.points, a.shape.occluded, a.source) for a in revision.annotations}
    assert found == {
        (images[0], "dot", (0.0, 2.5, 3.25, 9.75), False, "auto"),
        (images[1], "dot", (0.0, 2.5, 3.25, 9.75), False, "auto"),
        (images[1], "dot", (9.5, 9.5, 20.25, 30.0), True, "manual"),
    }
    assert {a.shape.attributes for a in revision.annotations if a.image_id == images[0]} == {
        (("seen", "false"), ("text", "0.0"))
    }


def test_a_job_that_did_not_change_is_not_read_again(routed: World) -> None:
    (first, _) = routed.jobs()
    routed.finish(first)
    collect(routed)
    with calls_to(routed.server) as calls:
        assert collect(routed) == 0
    assert calls.count("GET /api/jobs/") == 0
    assert len(calls.made) == 3  # the project, its finished jobs, its labels


def test_two_calls_a_job(routed: World) -> None:
    for job in routed.jobs():
        routed.finish(job)
    with calls_to(routed.server) as calls:
        assert collect(routed) == 2
    assert calls.count("GET /api/jobs/") == 2 * 2
    assert len(calls.made) == 3 + 4


def test_a_job_that_is_changed_after_it_was_finished_gets_another_revision_and_the_first_one_stays(
    routed: World,
) -> None:
    (first, _) = routed.jobs()
    routed.finish(first)
    collect(routed)
    (before,) = routed.ledger.reviews.current(routed.project.name)
    draw(routed, first, 0, points=[30.0, 30.0, 40.0, 40.0])
    assert collect(routed) == 1
    (after,) = routed.ledger.reviews.current(routed.project.name)
    assert after.id != before.id
    assert [len(revision_from(routed.store.read(record.uri)).annotations) for record in (before, after)] == [2, 3]


def test_a_change_of_nothing_that_counts_leaves_the_revision(routed: World) -> None:
    (first, _) = routed.jobs()
    routed.finish(first)
    collect(routed)
    (before,) = routed.ledger.reviews.current(routed.project.name)
    routed.finish(first, assignee=routed.server.user(f"emil-{routed.project.name}"))
    assert collect(routed) == 1
    assert [record.id for record in routed.ledger.reviews.current(routed.project.name)] == [before.id]


def test_the_project_says_which_stage_is_done(new_world: Callable[..., World]) -> None:
    world = new_world(done={"stage": "validation"})
    world.land(4)
    world.carry()
    first, second = world.jobs()
    world.finish(first)
    assert collect(world) == 0
    world.server.patch(f"/api/jobs/{second.cvat_id}", {"stage": "acceptance", "state": "completed"})
    assert collect(world) == 1


def test_jobs_that_were_accepted_unseen_are_marked_so(new_world: Callable[..., World]) -> None:
    world = new_world(routing={"accept_above": 0.8, "audit_share": 1e-12})
    world.land(2, score=0.9)
    world.carry()
    assert collect(world) == 1
    (revision,) = revisions(world)
    assert (revision.accepted, revision.probability) == (Acceptance.AUTOMATIC, 0.0)


def test_jobs_of_strangers_are_passed_over(routed: World) -> None:
    stranger = routed.cvat.create_task(NewTask("by hand", routed.tasks()[0]["project_id"], segment_size=2))
    storage = routed.cvat.find_or_create_storage(routed.project.name, routed.access)
    manifest = f"labelcycle-{routed.batch().id}.manifest.jsonl"
    routed.cvat.attach_link(stranger.id, storage, manifest, ["in/0.png"])
    jobs = until(lambda: list(routed.cvat.jobs(task_id=stranger.id)))
    routed.server.patch(f"/api/jobs/{jobs[0].id}", {"state": "completed"})
    assert collect(routed) == 0


def test_a_frame_that_people_took_out_is_in_no_revision(routed: World) -> None:
    (first, _) = routed.jobs()
    routed.server.patch(f"/api/jobs/{first.cvat_id}/data/meta", {"deleted_frames": [1]})
    routed.finish(first)
    collect(routed)
    (revision,) = revisions(routed)
    kept = routed.ledger.images.of_batch(routed.batch().id)[0].id
    assert revision.image_ids == (kept,)
    assert [annotation.image_id for annotation in revision.annotations] == [kept]


# What cannot be kept


def on_another_frame(world: World, job: Job) -> None:
    draw(world, job, 3)


def on_no_frame(world: World, job: Job) -> None:
    draw(world, job, 99)


def of_another_form(world: World, job: Job) -> None:
    draw(world, job, 0, type="polygon", points=[1, 1, 9, 1, 9, 9])


def a_tag(world: World, job: Job) -> None:
    tags = [{"frame": 0, "label_id": world.drawn(job)[0]["label_id"], "source": "manual", "attributes": []}]
    body = {"version": 0, "tags": tags, "tracks": [], "shapes": []}
    world.server.patch(f"/api/jobs/{job.cvat_id}/annotations", body, action="create")


def a_track(world: World, job: Job) -> None:
    seen = {"frame": 0, "type": "rectangle", "points": [5, 5, 20, 20], "outside": False}
    track = {"frame": 0, "label_id": world.drawn(job)[0]["label_id"], "source": "manual", "shapes": [seen]}
    body = {"version": 0, "tags": [], "tracks": [track], "shapes": []}
    world.server.patch(f"/api/jobs/{job.cvat_id}/annotations", body, action="create")


BAD = [
    (on_another_frame, "is on frame 3, and the job ends at 1"),
    (on_no_frame, "is on frame 99, and the job ends at 1"),
    (of_another_form, "is a polygon, and 'dot' is a label for a rectangle"),
    (a_tag, "is a tag, and 'dot' is a label for a rectangle"),
    (a_track, "it has 1 tracks, and only shapes and tags are carried: draw each of their objects as a shape"),
]


@pytest.mark.parametrize(("spoil", "reason"), BAD)
def test_a_job_that_cannot_be_kept_is_set_aside_with_its_reason_and_the_others_go_on(
    routed: World, spoil: Callable[[World, Job], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = routed.jobs()
    spoil(routed, first)
    routed.finish(first)
    routed.finish(second)
    assert (collect(routed), collect(routed)) == (1, 0)
    assert [revision.job_index for revision in revisions(routed)] == [1]
    subjects = [row.subject for row in routed.ledger.audit.of(routed.project.name) if row.action == "set aside"]
    assert subjects == [f"{first.batch_id}/0"]
    assert reason in (routed.jobs()[0].note or "")
    where = f"project {routed.project.name} batch {first.batch_id} task {routed.batch().task_id} job {first.cvat_id}: "
    assert [r.getMessage().startswith(where) for r in caplog.records if r.levelno == logging.ERROR] == [True] * 2


def test_a_job_that_was_set_aside_is_tried_by_every_run_and_kept_once_it_is_mended(routed: World) -> None:
    first, second = routed.jobs()
    on_another_frame(routed, first)
    routed.finish(first)
    routed.server.advance(3600)  # far beyond the overlap of two looks
    routed.finish(second)
    assert collect(routed) == 1
    routed.change_shapes(first, "delete", [shape for shape in routed.drawn(first) if shape["frame"] == 3])
    assert collect(routed) == 1
    assert [revision.job_index for revision in revisions(routed)] == [0, 1]
    assert [job.note for job in routed.jobs()] == [None, None]


def test_a_job_on_which_cvat_breaks_costs_only_itself_and_is_tried_again(routed: World) -> None:
    first, second = routed.jobs()
    routed.finish(first)
    routed.server.advance(3600)  # far beyond the overlap of two looks
    routed.finish(second)
    routed.server.fault("GET", f"/api/jobs/{first.cvat_id}/annotations", status=500)
    assert collect(routed) == 1
    assert collect(routed) == 1
    assert [revision.job_index for revision in revisions(routed)] == [0, 1]


def test_a_job_whose_task_was_deleted_under_way_costs_only_itself(routed: World) -> None:
    first, second = routed.jobs()
    routed.finish(first)
    routed.finish(second)
    routed.server.fault("GET", f"/api/jobs/{first.cvat_id}/data", status=404)
    assert collect(routed) == 1


def test_a_server_that_is_down_fails_the_run_and_the_next_one_goes_on(routed: World) -> None:
    first, second = routed.jobs()
    routed.finish(second)
    routed.server.advance(3600)
    routed.finish(first)
    routed.server.fault("GET", f"/api/jobs/{first.cvat_id}/", status=503, count=4)
    with pytest.raises(UnreachableError, match="503"):
        collect(routed)
    assert len(revisions(routed)) == 1
    assert collect(routed) == 1
    assert len(revisions(routed)) == 2


def test_a_kill_between_two_jobs_loses_none_however_far_apart_they_were_finished(routed: World) -> None:
    first, second = routed.jobs()
    routed.finish(second)  # the later job was finished first
    routed.server.advance(3600)
    routed.finish(first)
    with killed(routed.ledger, "INSERT INTO revisions", nth=2):
        collect(routed)
    assert collect(routed) == 1
    assert [revision.job_index for revision in revisions(routed)] == [0, 1]


def test_a_label_that_somebody_deleted_takes_its_shapes_along_and_stops_nothing(routed: World) -> None:
    for job in routed.jobs():
        routed.finish(job)
    label = routed.drawn(routed.jobs()[0])[0]["label_id"]
    routed.server.http.delete(f"/api/labels/{label}").raise_for_status()
    assert collect(routed) == 2
    assert [revision.annotations for revision in revisions(routed)] == [(), ()]


def test_a_project_that_is_not_in_cvat_yet_has_no_revisions(world: World) -> None:
    assert collect(world) == 0
