"""Blind jobs: found before they are made, once a task, and never taken for ordinary ones."""

from datetime import UTC, datetime, timedelta

import pytest

from include.clients.cvat import CvatClient, InvalidError, NotFoundError
from include.clients.cvat.asking import Asking
from include.clients.cvat.records import CvatJob, NotSupported
from tests.include.clients.cvat.blinded import filled_task
from tests.include.emulated import Emulated, calls_to

ASKING = Asking(None, lambda _: None, timedelta(seconds=0.2), "the test")


@pytest.fixture
def task(server: Emulated, cvat: CvatClient, name: str) -> int:
    return filled_task(server, cvat, name)


def ground_truths(server: Emulated, task: int) -> list[int]:
    return [job["id"] for job in server.rows("/api/jobs", task_id=task, type="ground_truth")]


def find_or_create(cvat: CvatClient, task: int, frames: tuple[int, ...] = (1, 2)) -> CvatJob:
    found = cvat.blind.find_or_create(task, frames, ASKING)
    assert isinstance(found, CvatJob)
    return found


def test_ground_truth_is_made_over_the_frames_and_then_found(server: Emulated, cvat: CvatClient, task: int) -> None:
    assert cvat.blind.ground_truth(task) is None
    made = find_or_create(cvat, task)
    assert server.get(f"/api/jobs/{made.id}/data/meta")["included_frames"] == [1, 2]
    assert find_or_create(cvat, task, (3,)) == cvat.blind.ground_truth(task) == made
    assert ground_truths(server, task) == [made.id]


@pytest.mark.parametrize("when", ["before", "after"])
def test_where_the_answer_is_lost_there_is_one_all_the_same(
    server: Emulated, cvat: CvatClient, task: int, when: str
) -> None:
    server.fault("POST", "/api/jobs", status=504, when=when)
    made = find_or_create(cvat, task)
    assert ground_truths(server, task) == [made.id]


def test_the_intent_is_kept_before_cvat_is_asked(cvat: CvatClient, task: int) -> None:
    intents: list[tuple[datetime, bool]] = []
    asking = Asking(
        None,
        lambda at: intents.append((at, cvat.blind.ground_truth(task) is None)),
        timedelta(seconds=0.2),
        "the test",
    )
    cvat.blind.find_or_create(task, (0,), asking)
    cvat.blind.find_or_create(task, (0,), asking)
    ((at, was_missing),) = intents
    assert at <= datetime.now(UTC)
    assert was_missing


def test_who_is_second_gets_what_the_first_has_made(server: Emulated, cvat: CvatClient, task: int) -> None:
    def quicker(_: datetime) -> None:
        cvat.blind.create(task, (3,))

    found = cvat.blind.find_or_create(task, (1, 2), Asking(None, quicker, timedelta(seconds=0.2), "the test"))
    assert isinstance(found, CvatJob)
    assert ground_truths(server, task) == [found.id]
    assert server.get(f"/api/jobs/{found.id}/data/meta")["included_frames"] == [3]


def test_frames_that_the_task_does_not_have_are_an_error(cvat: CvatClient, task: int) -> None:
    with pytest.raises(InvalidError, match="do not exist in the task: 9"):
        cvat.blind.find_or_create(task, (9,), ASKING)


@pytest.mark.parametrize("status", [403, 404])
def test_a_server_without_ground_truth_is_no_failure(
    server: Emulated, cvat: CvatClient, task: int, status: int
) -> None:
    server.fault("POST", "/api/jobs", status=status)
    assert isinstance(cvat.blind.find_or_create(task, (1,), ASKING), NotSupported)


def test_a_task_that_is_gone_is_told_from_that(cvat: CvatClient) -> None:
    with pytest.raises(NotFoundError):
        cvat.blind.find_or_create(99999999, (1,), ASKING)


def test_replicas_are_listed_with_what_they_are_copies_of(server: Emulated, cvat: CvatClient, name: str) -> None:
    task = filled_task(server, cvat, name, replicas=2)
    ordinary = [job.id for job in cvat.jobs(task_id=task)]
    replicas = cvat.blind.replicas(task)
    assert [job.parent_job_id for job in replicas] == [ordinary[0], ordinary[0], ordinary[1], ordinary[1]]
    assert [(job.start_frame, job.stop_frame) for job in replicas] == [(0, 1), (0, 1), (2, 3), (2, 3)]
    assert cvat.blind.ground_truth(task) is None


def test_no_blind_job_is_among_the_ordinary_ones(server: Emulated, cvat: CvatClient, name: str) -> None:
    project = cvat.create_project(name, [{"name": "person"}])
    task = filled_task(server, cvat, f"{name} task", replicas=2)
    blind = [job.id for job in (find_or_create(cvat, task), *cvat.blind.replicas(task))]
    for job in blind:
        cvat.update_job(job, stage="acceptance", state="completed")
    assert {job.id for job in cvat.jobs(task_id=task)}.isdisjoint(blind)
    assert cvat.jobs_by_id(blind) == {}
    assert cvat.jobs_updated_since(project, "completed", None) == []


def test_when_somebody_was_given_a_job_is_told(server: Emulated, cvat: CvatClient, task: int) -> None:
    job = next(cvat.jobs(task_id=task))
    assert job.assignee_updated_date is None
    cvat.update_job(job.id, assignee=server.user(f"dora-{task}"))
    assert cvat.job(job.id).assignee_updated_date == server.get(f"/api/jobs/{job.id}")["assignee_updated_date"]
    assert cvat.job(job.id).assignee_updated_date is not None


def test_making_ground_truth_is_two_calls(server: Emulated, cvat: CvatClient, task: int) -> None:
    cvat.version()
    with calls_to(server) as calls:
        find_or_create(cvat, task)
    assert (calls.count("GET /api/jobs"), calls.count("POST /api/jobs")) == (1, 1)
    assert len(calls.made) - calls.count("POST /api/auth/login") == 2
