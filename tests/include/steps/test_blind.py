"""Blind jobs: every drawn batch has one ground truth over the drawn images, whatever dies on the way; what people draw
in it is kept, and no step takes a blind job for an ordinary one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from include.clients.cvat import UnreachableError
from include.clients.ledger.blind import BlindJob, BlindKind
from include.clients.tables import revision_from
from include.lifecycle.batches import Stage
from include.lifecycle.reviews import Revision
from include.projects.model import Project
from include.steps.blind import ask_blind_jobs, collect_blind_jobs
from include.steps.collect import collect_revisions
from include.steps.hand_out import next_job
from include.steps.route import UnknownAssignee
from tests.include.emulated import calls_to
from tests.include.steps.world import World, killed

pytestmark = pytest.mark.slow

NewWorld = Callable[..., World]
TRUTH = {"ground_truth": {"batches": 1, "images": 2}}
REPLICAS = {"replicas": {"batches": 1, "copies": 2}}
BOX = [9.5, 9.5, 20.25, 30.0]


def ask(world: World) -> int:
    return ask_blind_jobs(world.project, world.cvat, world.ledger)


def collect(world: World) -> int:
    return collect_blind_jobs(world.project, world.cvat, world.store, world.ledger)


def known(world: World) -> list[BlindJob]:
    return world.ledger.blind.of_project(world.project.name)


def of_type(world: World, kind: str) -> list[dict[str, Any]]:
    """CVAT's jobs of a type in the project, oldest first."""
    return world.server.rows("/api/jobs", project_name=world.project.name, type=kind, sort="id")


def draw(world: World, cvat_id: int | None, *frames: int, **values: Any) -> None:
    """A person's box on these frames of a blind job."""
    task = world.tasks()[0]["id"]
    label = world.server.rows("/api/labels", task_id=task)[0]["id"]
    shapes = [{"type": "rectangle", "frame": n, "label_id": label, "points": BOX, **values} for n in frames]
    world.server.patch(f"/api/jobs/{cvat_id}/annotations", {"shapes": shapes}, action="create")


def finish(world: World, cvat_id: int | None, **values: Any) -> None:
    world.server.patch(f"/api/jobs/{cvat_id}", {"state": "completed", **values})


def kept(world: World) -> list[Revision]:
    return [revision_from(world.store.read(job.uri)) for job in known(world) if job.uri]


@pytest.fixture
def world(new_world: NewWorld) -> World:
    """A batch of four images, an object each, that has come to people; of two images a ground truth is drawn."""
    made = new_world(evaluation=TRUTH)
    made.land(4)
    made.carry()
    return made


# Asked for


def test_a_drawn_batch_gets_a_ground_truth_of_the_drawn_images_with_their_probability(world: World) -> None:
    assert ask(world) == 1
    (job,) = known(world)
    (found,) = of_type(world, "ground_truth")
    assert (job.key.kind, job.cvat_id, job.probability, job.note) == (BlindKind.GROUND_TRUTH, found["id"], 0.5, None)
    meta = world.server.get(f"/api/jobs/{job.cvat_id}/data/meta")
    assert tuple(meta["included_frames"]) == job.frames
    assert world.server.get(f"/api/jobs/{job.cvat_id}/annotations")["shapes"] == []


def test_asked_again_nothing_is_made_and_cvat_is_not_asked(world: World) -> None:
    ask(world)
    with calls_to(world.server) as calls:
        assert ask(world) == 0
    assert calls.made == []
    assert len(of_type(world, "ground_truth")) == 1


def test_a_project_that_asks_for_none_costs_no_call(new_world: NewWorld) -> None:
    plain = new_world()
    plain.land(4)
    plain.carry()
    with calls_to(plain.server) as calls:
        assert (ask(plain), collect(plain)) == (0, 0)
    assert calls.made == []
    assert known(plain) == []


def test_before_its_frames_are_checked_a_batch_gets_none(new_world: NewWorld) -> None:
    world = new_world(evaluation=TRUTH)
    world.land(4)
    world.carry(Stage.ATTACHED)
    assert ask(world) == 0
    world.check()
    assert ask(world) == 1


@pytest.mark.parametrize(
    ("before", "nth"),
    [("INSERT INTO blind_jobs", 1), ("UPDATE blind_jobs", 1), ("UPDATE blind_jobs", 2), ("INSERT INTO audit", 1)],
)
def test_killed_anywhere_there_is_one_in_the_end(world: World, before: str, nth: int) -> None:
    with killed(world.ledger, before, nth):
        ask(world)
    ask(world)
    (found,) = of_type(world, "ground_truth")
    assert [job.cvat_id for job in known(world)] == [found["id"]]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_makes_no_second_one(world: World, when: str) -> None:
    world.server.fault("POST", "/api/jobs", status=502, when=when)
    assert ask(world) == 1
    assert len(of_type(world, "ground_truth")) == 1


def test_what_was_asked_for_stays_as_it_was_drawn_though_the_file_changes(world: World) -> None:
    with killed(world.ledger, "UPDATE blind_jobs", nth=2):  # CVAT has it, and nobody has written so
        ask(world)
    (before,) = known(world)
    world.project = world.project.model_copy(
        update={"evaluation": _evaluation(world.project, ground_truth={"batches": 1, "images": 3, "seed": "other"})}
    )
    ask(world)
    (after,) = known(world)
    assert (after.frames, after.probability) == (before.frames, 0.5)


def _evaluation(project: Project, **sections: Any) -> Any:
    return type(project.evaluation).model_validate(sections)


def test_a_ground_truth_that_somebody_else_has_made_is_left_alone_and_told(world: World) -> None:
    task = world.tasks()[0]["id"]
    body = {"type": "ground_truth", "task_id": task, "frame_selection_method": "manual", "frames": [0, 1, 2, 3]}
    theirs = world.server.post("/api/jobs", body)["id"]
    assert ask(world) == 0
    (job,) = known(world)
    assert job.cvat_id is None
    assert f"job {theirs} is the task's ground truth over frames [0, 1, 2, 3]" in str(job.note)
    world.server.http.delete(f"/api/jobs/{theirs}").raise_for_status()
    assert ask(world) == 1
    assert known(world)[0].note is None


def test_a_server_without_ground_truth_is_asked_once_a_run_and_fails_nothing(new_world: NewWorld) -> None:
    world = new_world(evaluation=TRUTH)
    world.land(8)
    world.carry()
    world.server.fault("POST", "/api/jobs", status=403, count=9)
    with calls_to(world.server) as calls:
        assert ask(world) == 0
    assert calls.count("POST /api/jobs") == 1
    assert ["has no ground truth for this account" in str(job.note) for job in known(world)] == [True, True]
    world.server.forget_faults()
    assert ask(world) == 2


def test_one_batch_whose_task_is_gone_does_not_stop_the_others(new_world: NewWorld) -> None:
    world = new_world(evaluation=TRUTH)
    world.land(8)
    first, second = world.carry()
    world.server.http.delete(f"/api/tasks/{first.task_id}").raise_for_status()
    assert ask(world) == 1
    assert {job.key.batch_id: job.cvat_id is None for job in known(world)} == {first.id: True, second.id: False}


def test_one_without_a_usable_answer_neither_and_the_run_ends_with_it(new_world: NewWorld) -> None:
    world = new_world(evaluation=TRUTH)
    world.land(8)
    world.carry()
    world.server.fault("GET", "/api/jobs", status=503, count=4)
    with pytest.raises(UnreachableError):
        ask(world)
    assert len(of_type(world, "ground_truth")) == 1
    assert ask(world) == 1


# Replicas


@pytest.fixture
def doubled(new_world: NewWorld) -> World:
    """Two jobs of two images, two replicas each."""
    made = new_world(evaluation=REPLICAS)
    made.land(4)
    made.carry()
    return made


def test_replicas_come_with_the_task_and_are_told_by_the_job_that_they_copy(doubled: World) -> None:
    assert [job.cvat_id for job in known(doubled)] == [None] * 4  # recorded before the task was made
    assert ask(doubled) == 4
    parents = {found["id"]: found["parent_job_id"] for found in of_type(doubled, "consensus_replica")}
    ordinary = {job.index: job.cvat_id for job in doubled.jobs()}
    jobs = known(doubled)
    assert [(job.key.job_index, job.key.copy) for job in jobs] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [parents[job.cvat_id or 0] for job in jobs] == [ordinary[job.key.job_index] for job in jobs]
    assert [job.frames for job in jobs] == [(0, 1), (0, 1), (2, 3), (2, 3)]
    assert {job.probability for job in jobs} == {1.0}
    assert ask(doubled) == 0


def test_a_task_s_replicas_are_asked_for_once(doubled: World) -> None:
    with calls_to(doubled.server) as calls:
        ask(doubled)
    assert len(calls.made) == 1


def test_one_that_was_finished_before_its_id_was_known_is_kept(doubled: World) -> None:
    """What others have finished since must not move the look past it."""
    ask(doubled)
    first, *others = known(doubled)
    for job in (first, *others):
        finish(doubled, job.cvat_id)
    with doubled.ledger.engine.begin() as connection:  # as if the first were found only now
        connection.execute(text("UPDATE blind_jobs SET cvat_id = NULL WHERE cvat_id = :id"), {"id": first.cvat_id})
    assert collect(doubled) == 3
    with doubled.ledger.engine.begin() as connection:  # long after it was finished
        connection.execute(text("UPDATE blind_jobs SET seen_update = '2099-01-01T00:00:00Z' WHERE uri IS NOT NULL"))
    ask(doubled)
    collect(doubled)
    assert known(doubled)[0].uri is not None


def test_predictions_are_drawn_in_the_ordinary_jobs_alone(doubled: World) -> None:
    ask(doubled)
    assert [len(doubled.drawn(job)) for job in doubled.jobs()] == [2, 2]
    drawn = [doubled.server.get(f"/api/jobs/{job.cvat_id}/annotations")["shapes"] for job in known(doubled)]
    assert drawn == [[], [], [], []]


def test_replicas_that_the_task_was_made_without_are_told(new_world: NewWorld) -> None:
    world = new_world(evaluation=REPLICAS)
    world.land(4)
    world.plan()
    with killed(world.ledger, "UPDATE batches"):  # before CVAT is asked for the task
        world.create()
    project = world.cvat.find_project(world.project.name)
    batch = world.batch()
    world.server.post("/api/tasks", {"name": batch.id, "project_id": project, "segment_size": batch.job_size})
    for step in (world.create, world.attach, world.settle, world.check):
        step()
    assert ask(world) == 0
    assert ["was made with no more" in str(job.note) for job in known(world)] == [True] * 4


# Who


def test_people_get_them_in_turn_and_a_replica_is_for_somebody_else_than_its_job(new_world: NewWorld) -> None:
    world = new_world(evaluation=TRUTH | REPLICAS, cvat={"server_timeout": 0.2})
    names = [f"{name}-{world.project.name}" for name in ("dora", "emil", "fritz")]
    for name in names:
        world.server.user(name)
    cvat = world.project.cvat.model_copy(update={"assignees": tuple(names)})
    world.project = world.project.model_copy(update={"cvat": cvat})
    world.land(4)
    world.carry()
    ask(world)
    (truth,) = of_type(world, "ground_truth")
    assert truth["assignee"]["username"] in names
    for job in world.jobs():
        mine = world.cvat.job(job.cvat_id or 0).assignee
        copies = [one for one in of_type(world, "consensus_replica") if one["parent_job_id"] == job.cvat_id]
        people = {one["assignee"]["username"] for one in copies} | {mine.username if mine else ""}
        assert people == set(names)


def test_somebody_whom_cvat_does_not_know_is_told_before_anything_is_asked(world: World) -> None:
    cvat = world.project.cvat.model_copy(update={"assignees": ("nobody-at-all",)})
    world.project = world.project.model_copy(update={"cvat": cvat})
    with pytest.raises(UnknownAssignee):
        ask(world)
    assert of_type(world, "ground_truth") == []


# Kept


def test_what_people_drew_from_scratch_is_kept_with_who_and_when(world: World) -> None:
    ask(world)
    (job,) = known(world)
    person = world.server.user(f"dora-{world.project.name}")
    draw(world, job.cvat_id, *job.frames)
    assert collect(world) == 0  # nobody has finished it
    finish(world, job.cvat_id, assignee=person)
    assert collect(world) == 1
    (job,), (revision,) = known(world), kept(world)
    images = [image.id for image in world.ledger.images.of_batch(world.batch().id)]
    assert revision.image_ids == tuple(images[frame] for frame in job.frames)
    assert [(a.image_id, a.shape.label, a.shape.points) for a in revision.annotations] == [
        (images[frame], "dot", tuple(BOX)) for frame in job.frames
    ]
    assert (revision.probability, job.finished_by) == (0.5, f"dora-{world.project.name}")
    assert job.assigned_at is not None
    assert job.finished_at is not None
    assert timedelta(0) <= job.finished_at - job.assigned_at < timedelta(minutes=5)
    assert collect(world) == 0


def test_what_is_drawn_after_that_takes_its_place(world: World) -> None:
    ask(world)
    (job,) = known(world)
    finish(world, job.cvat_id)
    collect(world)
    assert kept(world)[0].annotations == ()
    draw(world, job.cvat_id, job.frames[0])
    assert collect(world) == 1
    assert len(kept(world)[0].annotations) == 1


def test_the_project_says_which_stage_is_done(new_world: NewWorld) -> None:
    world = new_world(evaluation=TRUTH, done={"stage": "acceptance"})
    world.land(4)
    world.carry()
    ask(world)
    (job,) = known(world)
    finish(world, job.cvat_id)
    assert collect(world) == 0
    finish(world, job.cvat_id, stage="acceptance")
    assert collect(world) == 1


def test_one_that_cannot_be_kept_is_told_and_does_not_stop_the_others(doubled: World) -> None:
    ask(doubled)
    first, *others = known(doubled)
    draw(doubled, first.cvat_id, 3)  # which is the other job's
    for job in (first, *others):
        finish(doubled, job.cvat_id)
    assert collect(doubled) == 3
    assert "frame 3, which is none of the job's" in str(known(doubled)[0].note)
    assert collect(doubled) == 0
    shapes = doubled.server.get(f"/api/jobs/{first.cvat_id}/annotations")["shapes"]
    doubled.server.patch(f"/api/jobs/{first.cvat_id}/annotations", {"shapes": shapes}, action="delete")
    assert collect(doubled) == 1
    assert [job.note for job in known(doubled)] == [None] * 4


def test_a_frame_that_people_took_out_is_in_no_revision(world: World) -> None:
    ask(world)
    (job,) = known(world)
    draw(world, job.cvat_id, *job.frames)
    world.server.patch(f"/api/tasks/{world.batch().task_id}/data/meta", {"deleted_frames": [job.frames[0]]})
    finish(world, job.cvat_id)
    collect(world)
    (revision,) = kept(world)
    assert len(revision.image_ids) == len(revision.annotations) == 1


# Never taken for ordinary jobs


def test_no_step_takes_a_blind_job_for_an_ordinary_one(new_world: NewWorld) -> None:
    world = new_world(evaluation=TRUTH | REPLICAS)
    world.land(4)
    world.carry(Stage.CHECKED)
    assert ask(world) == 5
    blind = {job.cvat_id for job in known(world)}
    world.annotate()
    world.route()
    assert world.stages() == [Stage.ROUTED]
    for cvat_id in blind:
        draw(world, cvat_id, *next(job.frames for job in known(world) if job.cvat_id == cvat_id))
        finish(world, cvat_id, stage="acceptance")
    assert collect_revisions(world.project, world.cvat, world.store, world.ledger) == 0
    assert collect(world) == 5
    assert {job.cvat_id for job in world.jobs()}.isdisjoint(blind)
    given = [next_job(world.project, person, world.cvat, world.ledger) for person in ("ann", "bob", "cleo")]
    assert {job.cvat_id for job in given if job} == {job.cvat_id for job in world.jobs()}
    for job in world.jobs():
        world.finish(job)
    assert collect_revisions(world.project, world.cvat, world.store, world.ledger) == 2
    assert world.ledger.batches.late(world.project.name, datetime.now(UTC)) == {}
