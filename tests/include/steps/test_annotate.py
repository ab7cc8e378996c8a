"""Annotate: every job has one set of shapes, and nothing that people did is undone."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from include.clients.cvat import UnknownOutcomeError
from include.clients.ledger.batches import Applied, Job
from include.lifecycle.batches import Stage
from include.steps.batches import BatchError
from tests.include.emulated import calls_to
from tests.include.steps.dots import picture
from tests.include.steps.world import World, killed

LOST = [{"status": 500}, {"status": 504}, {"drop": True}]
ANNOTATIONS = "/api/jobs/"


@pytest.fixture
def checked(world: World) -> World:
    """Two jobs of two images with three objects each, ready to be annotated."""
    world.land(4, objects=3, score=0.75)
    world.carry(Stage.CHECKED)
    return world


def applied_once(world: World) -> bool:
    """Whether each job holds its predictions once, by the ids that the ledger has."""
    shapes = [shape for job in world.jobs() for shape in world.drawn(job)]
    recorded = world.ledger.batches.applied_shapes(world.batch().id)
    places = {(shape["frame"], *shape["points"]) for shape in shapes}
    return (
        world.stages() == [Stage.ANNOTATED]
        and [job.applied for job in world.jobs()] == [Applied.APPLIED] * 2
        and len(shapes) == len(places) == 12
        and sorted(recorded.values()) == sorted(shape["id"] for shape in shapes)
    )


def lose_the_first_answer(world: World) -> None:
    """The first job's write is done, and its answer lost."""
    world.server.fault("PATCH", ANNOTATIONS, status=504, when="after")
    with pytest.raises(UnknownOutcomeError):
        world.annotate()


def test_predictions_arrive_whole_and_are_marked_as_the_models(checked: World) -> None:
    assert checked.annotate() == 1
    labels = {row["id"]: row for row in checked.server.rows("/api/labels", project_id=checked.tasks()[0]["project_id"])}
    first, second = checked.jobs()
    shape = next(s for s in checked.drawn(second) if s["frame"] == 3 and s["points"][0] == 4.0)
    label = labels[shape["label_id"]]
    names = {attribute["id"]: attribute["name"] for attribute in label["attributes"]}
    assert (label["name"], shape["type"], shape["points"]) == ("dot", "rectangle", [4.0, 2.5, 7.25, 9.75])
    assert (shape["source"], shape["score"], shape["rotation"], shape["occluded"]) == ("auto", 0.75, 0.0, False)
    # the model says nothing of `seen`: it has CVAT's default
    assert {names[a["spec_id"]]: a["value"] for a in shape["attributes"]} == {"text": "3.1", "seen": "false"}
    assert {s["frame"] for s in checked.drawn(first)} == {0, 1}
    assert applied_once(checked)


def test_annotating_again_asks_for_no_change(checked: World) -> None:
    checked.annotate()
    checked.ledger.batches.advance(checked.batch().id, Stage.CHECKED)  # killed before the last record
    with calls_to(checked.server) as calls:
        assert checked.annotate() == 1
    assert calls.count("PATCH") == 0
    assert applied_once(checked)


def test_a_job_without_predictions_needs_no_call(world: World) -> None:
    world.land(2, objects=0)
    world.carry(Stage.CHECKED)
    with calls_to(world.server) as calls:
        assert world.annotate() == 1
    assert calls.count("PATCH") == 0
    assert [job.applied for job in world.jobs()] == [Applied.APPLIED]


# What is lost or killed


@pytest.mark.parametrize("statement", ["INSERT INTO applied_shapes", "UPDATE batches"])
def test_a_kill_after_the_write_leaves_one_set(checked: World, statement: str) -> None:
    with killed(checked.ledger, statement):
        checked.annotate()
    checked.annotate()
    assert applied_once(checked)


def test_a_kill_between_intent_and_write_leaves_one_set(checked: World) -> None:
    checked.ledger.batches.intend(checked.batch().id, 0, datetime.now(UTC))
    assert checked.annotate() == 1
    assert applied_once(checked)


@pytest.mark.slow
@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_leaves_one_set(checked: World, fault: dict[str, object], when: str) -> None:
    checked.server.fault("PATCH", ANNOTATIONS, when=when, **fault)
    with pytest.raises(UnknownOutcomeError):
        checked.annotate()
    assert checked.stages() == [Stage.CHECKED]
    assert checked.annotate() == 1
    assert applied_once(checked)


def test_a_write_that_comes_through_after_all_and_its_repetition_leave_one_set(checked: World) -> None:
    lose_the_first_answer(checked)
    (first, _) = checked.jobs()
    again = [{key: value for key, value in shape.items() if key != "id"} for shape in checked.drawn(first)]
    checked.change_shapes(first, "create", again)
    checked.annotate()
    assert applied_once(checked)


@pytest.mark.slow
def test_a_write_that_comes_through_late_is_waited_for_and_not_repeated(new_world: Callable[..., World]) -> None:
    world = new_world(cvat={"server_timeout": 1.5})
    world.land(1)
    world.carry(Stage.CHECKED)
    (job,) = world.jobs()
    world.ledger.batches.intend(job.batch_id, 0, datetime.now(UTC))  # and then the process died, its call under way
    late = threading.Timer(0.5, lambda: world.change_shapes(job, "create", [as_planned(world)]))
    late.start()
    with calls_to(world.server) as calls:
        assert world.annotate() == 1
    late.join()
    assert calls.count("PATCH") == 1  # the late one
    (shape,) = world.drawn(job)
    assert list(world.ledger.batches.applied_shapes(job.batch_id).values()) == [shape["id"]]


def as_planned(world: World) -> dict[str, object]:
    """The one shape of picture 0, as it is sent to CVAT."""
    (dot, _) = world.server.rows("/api/labels", project_id=world.tasks()[0]["project_id"])
    values = {"text": "0.0", "seen": "false"}
    return {
        **{"frame": 0, "label_id": dot["id"], "type": "rectangle", "points": [0, 2.5, 3.25, 9.75]},
        **{"source": "auto", "score": 0.5, "rotation": 0, "occluded": False},
        "attributes": [{"spec_id": spec["id"], "value": values[spec["name"]]} for spec in dot["attributes"]],
    }


# A job of more than one part


@pytest.fixture
def large(new_world: Callable[..., World]) -> World:
    """A job of 24 images with 250 objects each: parts of 20 and of 4 frames."""
    world = new_world(batches={"size": 24, "job_size": 24, "max_wait": 0})
    for number in range(24):
        world.put(f"in/{number}.png", picture(number, 250, 0.5, size=(1000, 48)))
    world.carry(Stage.CHECKED)
    return world


def large_once(world: World) -> bool:
    (job,) = world.jobs()
    shapes = world.drawn(job)
    recorded = world.ledger.batches.applied_shapes(job.batch_id)
    places = {(shape["frame"], *shape["points"]) for shape in shapes}
    ids = sorted(shape["id"] for shape in shapes)
    return job.applied is Applied.APPLIED and len(places) == 6000 and sorted(recorded.values()) == ids


def test_a_large_job_is_written_in_parts_of_whole_frames(large: World) -> None:
    with calls_to(large.server) as calls:
        assert large.annotate() == 1
    assert calls.count("PATCH") == 2
    assert large_once(large)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "nth", "left"), [("UPDATE jobs", 2, 1), ("INSERT INTO applied_shapes", 2, 0), ("UPDATE jobs", 3, 0)]
)
def test_a_kill_between_the_parts_costs_only_what_was_not_written(
    large: World, statement: str, nth: int, left: int
) -> None:
    with killed(large.ledger, statement, nth):
        large.annotate()
    with calls_to(large.server) as calls:
        assert large.annotate() == 1
    assert calls.count("PATCH") == left
    assert large_once(large)


@pytest.mark.slow
def test_parts_that_came_twice_are_there_once_and_the_known_one_stays(large: World) -> None:
    with killed(large.ledger, "UPDATE jobs", nth=2):
        large.annotate()
    (job,) = large.jobs()
    known = large.ledger.batches.applied_shapes(job.batch_id)
    again = [{key: value for key, value in shape.items() if key != "id"} for shape in large.drawn(job)]
    large.change_shapes(job, "create", again)
    large.annotate()
    assert large_once(large)
    assert known.items() <= large.ledger.batches.applied_shapes(job.batch_id).items()


@pytest.mark.slow
def test_what_a_person_deleted_of_a_known_part_stays_deleted_and_is_asked_about(large: World) -> None:
    with killed(large.ledger, "UPDATE jobs", nth=2):
        large.annotate()
    (job,) = large.jobs()
    large.change_shapes(job, "delete", large.drawn(job))
    large.annotate()
    assert large.drawn(job) == []
    assert large.jobs()[0].applied is Applied.ATTENTION
    assert "Some that were are gone" in (large.jobs()[0].note or "")


# What people did


def edit(world: World, job: Job) -> None:
    moved = world.drawn(job)[0]
    world.change_shapes(job, "update", [{**moved, "points": [1.0, 1.0, 9.0, 9.0], "source": "semi-auto"}])


def delete(world: World, job: Job) -> None:
    world.change_shapes(job, "delete", world.drawn(job)[:1])


def delete_all(world: World, job: Job) -> None:
    world.server.advance(60)  # people are not there within the second in which the job was made
    world.change_shapes(job, "delete", world.drawn(job))


def draw(world: World, job: Job) -> None:
    label = world.drawn(job)[0]["label_id"]
    shape = {"frame": 0, "label_id": label, "type": "rectangle", "points": [30, 30, 40, 40], "source": "manual"}
    world.change_shapes(job, "create", [shape])


def tag(world: World, job: Job) -> None:
    label = world.drawn(job)[0]["label_id"]
    tags = [{"frame": 0, "label_id": label, "source": "manual", "attributes": []}]
    body = {"version": 0, "tags": tags, "tracks": [], "shapes": []}
    world.server.patch(f"/api/jobs/{job.cvat_id}/annotations", body, action="create")


def begin(world: World, job: Job) -> None:
    world.server.patch(f"/api/jobs/{job.cvat_id}", {"state": "in progress"})


@pytest.mark.slow
@pytest.mark.parametrize("meddle", [edit, delete, delete_all, draw, tag, begin])
def test_where_people_may_have_been_an_unknown_outcome_is_asked_about_and_nothing_is_drawn(
    checked: World, meddle: Callable[[World, Job], None], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = checked.jobs()
    lose_the_first_answer(checked)
    meddle(checked, first)
    left = checked.drawn(first)
    assert checked.annotate() == 1
    first, second = checked.jobs()
    assert (first.applied, second.applied) == (Applied.ATTENTION, Applied.APPLIED)
    assert checked.drawn(first) == left
    assert "were the predictions applied?" in (first.note or "")
    assert f"batch {first.batch_id} task {checked.batch().task_id}" in caplog.text
    assert f"job {first.cvat_id}: were the predictions applied?" in caplog.text
    subjects = [row.subject for row in checked.ledger.audit.of(checked.project.name) if row.action == "need attention"]
    assert subjects == [f"{first.batch_id}/0"]
    checked.annotate()
    checked.route()
    assert checked.drawn(first) == left


def test_what_a_person_deleted_from_an_applied_job_does_not_come_back(checked: World) -> None:
    checked.annotate()
    (first, _) = checked.jobs()
    checked.change_shapes(first, "delete", checked.drawn(first)[:2])
    left = checked.drawn(first)
    for stage in (Stage.CHECKED, Stage.ANNOTATED):
        checked.ledger.batches.advance(checked.batch().id, stage)
        checked.annotate()
        checked.route()
        assert checked.drawn(first) == left


# What cannot be drawn


def test_a_label_that_cvat_lacks_sets_the_batch_aside_before_anything_is_drawn(checked: World) -> None:
    project_id = checked.tasks()[0]["project_id"]
    (dot,) = [row["id"] for row in checked.server.rows("/api/labels", project_id=project_id) if row["name"] == "dot"]
    checked.server.patch(f"/api/labels/{dot}", {"name": "blob"})
    assert checked.annotate() == 0
    batch = checked.batch()
    assert batch.stage is Stage.FAILED
    assert "predicts 'dot', which is none of the labels in CVAT: blob, other" in (batch.reason or "")
    assert [checked.drawn(job) for job in checked.jobs()] == [[], []]


def test_an_attribute_that_cvat_lacks_sets_the_batch_aside(new_world: Callable[..., World]) -> None:
    world = new_world(labels=[{"name": "dot"}])
    world.land(1)
    world.carry(Stage.CHECKED)
    assert world.annotate() == 0
    assert world.batch().reason == "label 'dot' has no attribute 'text' in CVAT: add it there and in the YAML"


def take_out(world: World, frame: int) -> None:
    world.server.patch(f"/api/tasks/{world.batch().task_id}/data/meta", {"deleted_frames": [frame]})


def test_a_prediction_that_must_not_be_drawn_is_left_out_with_its_reason_and_the_others_are(
    new_world: Callable[..., World], caplog: pytest.LogCaptureFixture
) -> None:
    world = new_world(batches={"size": 5, "job_size": 5, "max_wait": 0})
    world.land(5, objects=3)
    world.carry(Stage.CHECKED)
    take_out(world, 1)
    assert world.annotate() == 1
    (job,) = world.jobs()
    assert {shape["frame"] for shape in world.drawn(job)} == {0, 2, 3, 4}
    assert (len(world.drawn(job)), job.applied) == (12, Applied.APPLIED)
    (row,) = [row for row in world.ledger.audit.of(world.project.name) if row.action == "refuse"]
    assert row.subject == f"{job.batch_id}/0"
    assert "3 predictions are not drawn: " in row.detail
    assert f"job {job.cvat_id} frame 1 label 'dot': people took the frame out" in row.detail
    assert row.detail in caplog.text


def test_a_batch_with_too_many_of_them_is_set_aside_before_anything_is_drawn(checked: World) -> None:
    checked.server.patch(f"/api/tasks/{checked.batch().task_id}/data/meta", {"deleted_frames": [1, 2]})
    assert checked.annotate() == 0
    reason = checked.batch().reason or ""
    assert reason.startswith("6 of 12 predictions of ")
    assert "tolerates 25% (images.max_failed_share): " in reason
    assert [checked.drawn(job) for job in checked.jobs()] == [[], []]


def test_a_refusal_costs_one_batch_and_is_said_in_cvats_words(world: World) -> None:
    world.land(8)
    first, _ = world.carry(Stage.CHECKED)
    world.cvat.delete_task(first.task_id or 0)
    assert world.annotate() == 1
    assert sorted(world.stages()) == [Stage.ANNOTATED, Stage.FAILED]
    assert "404: No Task matches the given query" in (world.ledger.batches.get([first.id])[0].reason or "")


def test_predictions_that_are_lost_cost_one_batch(world: World) -> None:
    world.land(2)
    world.carry(Stage.CHECKED)
    for row in world.s3.list_objects_v2(Bucket=world.bucket_name, Prefix="ledger/predictions/")["Contents"]:
        world.s3.delete_object(Bucket=world.bucket_name, Key=row["Key"])
    assert world.annotate() == 0
    assert world.stages() == [Stage.FAILED]
    assert "the object is gone" in (world.batch().reason or "")


def test_a_project_that_somebody_has_deleted_is_said(checked: World) -> None:
    checked.server.http.delete(f"/api/projects/{checked.tasks()[0]['project_id']}").raise_for_status()
    with pytest.raises(BatchError, match=r"has no project .* any more: somebody has deleted it"):
        checked.annotate()


def test_one_call_a_job(world: World) -> None:
    world.land(8, objects=2)
    world.carry(Stage.CHECKED)
    with calls_to(world.server) as calls:
        world.annotate()
    assert len(world.jobs()) == 4
    assert calls.count("PATCH /api/jobs/") == 4
    assert len(calls.made) == 4 + 2 + 2  # and the frames of each task, and the project and its labels, once
