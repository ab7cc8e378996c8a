"""Hand out: the next job for a person, as CVAT has them, and never one for two."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

import pytest

from include.clients.cvat import CvatClient
from include.steps.hand_out import next_job
from tests.include.emulated import calls_to
from tests.include.steps.world import World, just_before

NewWorld = Callable[..., World]


@pytest.fixture
def person(world: World) -> str:
    """Somebody whom CVAT knows."""
    return new_person(world)


@pytest.fixture(autouse=True)
def _routed(world: World) -> None:
    world.land(6)
    world.carry()


def new_person(world: World) -> str:
    name = f"p-{uuid4().hex[:8]}"
    world.server.user(name)
    return name


def asked(world: World, reviewer: str) -> int | None:
    """CVAT's id of the job that this person is given."""
    job = next_job(world.project, reviewer, world.cvat, world.ledger)
    return job and job.cvat_id


def ids(world: World) -> list[int]:
    return [job.cvat_id for job in world.ledger.people.waiting(world.project.name)]


def assignee(world: World, job: int) -> str | None:
    found = world.server.get(f"/api/jobs/{job}")["assignee"]
    return found and str(found["username"])


def test_the_first_job_is_assigned_and_given_again_until_it_is_finished(world: World, person: str) -> None:
    first, second, third = ids(world)
    assert [asked(world, person), asked(world, person)] == [first, first]
    assert assignee(world, first) == person
    world.server.patch(f"/api/jobs/{first}", {"state": "in progress"})
    assert asked(world, person) == first
    world.server.patch(f"/api/jobs/{first}", {"state": "completed"})
    assert asked(world, person) == second
    assert assignee(world, third) is None


def test_what_is_somebody_elses_is_passed_over(world: World, person: str) -> None:
    first, second, third = ids(world)
    other = world.server.user(f"q-{uuid4().hex[:8]}")
    world.server.patch(f"/api/jobs/{first}", {"assignee": other})
    world.server.patch(f"/api/jobs/{second}", {"state": "in progress"})  # whose, CVAT does not say
    assert asked(world, person) == third


def test_a_job_that_was_rejected_is_worked_on_again(world: World, person: str) -> None:
    first, *_ = ids(world)
    assert asked(world, person) == first
    world.server.patch(f"/api/jobs/{first}", {"state": "rejected"})
    assert asked(world, person) == first


def test_there_is_nothing_where_all_is_done(world: World, person: str) -> None:
    for job in ids(world):
        world.server.patch(f"/api/jobs/{job}", {"state": "completed"})
    assert asked(world, person) is None


def test_who_is_unknown_to_cvat_has_the_job_kept_for_them(world: World, person: str) -> None:
    first, second, _ = ids(world)
    assert [asked(world, "stranger"), asked(world, "stranger")] == [first, first]
    assert assignee(world, first) is None
    assert asked(world, person) == second


def test_a_job_that_is_gone_from_cvat_is_passed_over(world: World, person: str) -> None:
    batch = world.batches()[0]
    world.cvat.delete_task(batch.task_id or 0)
    assert asked(world, person) not in {None, *(job.cvat_id for job in world.ledger.batches.jobs(batch.id))}


def test_cvat_is_asked_three_times_whatever_waits(world: World, person: str) -> None:
    with calls_to(world.server) as calls:
        asked(world, person)
    assert [call.split()[0] for call in calls.made] == ["GET", "GET", "PATCH"]


def test_of_two_who_ask_at_once_each_is_given_another(world: World, person: str) -> None:
    """The second asks when the first has looked and not yet taken."""
    given = list[int | None]()
    with just_before(world.ledger, "UPDATE leases", lambda: given.append(asked(world, "second")), nth=1):
        given.append(asked(world, person))
    assert len(set(given)) == 2
    assert None not in given


def test_as_many_as_there_are_jobs_are_given_one_each(world: World) -> None:
    people = [new_person(world) for _ in range(4)]
    with ExitStack() as open_:
        clients = [open_.enter_context(CvatClient(world.cvat_access)) for _ in people]
        with ThreadPoolExecutor(len(people)) as pool:
            jobs = pool.map(
                lambda at: next_job(world.project, at[0], at[1], world.ledger), zip(people, clients, strict=True)
            )
            given = [job and job.cvat_id for job in jobs]
    assert sorted(job for job in given if job) == sorted(ids(world))
    assert given.count(None) == 1
