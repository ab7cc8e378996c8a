"""Pins of a job that shows a newer version: those that it gives reason for, and those that people have answered."""

from collections.abc import Callable

import pytest

from tests.include.steps.test_pin import PINNED, drawn, issues, places
from tests.include.steps.test_refresh import dots, refresh, release
from tests.include.steps.world import Killed, World, dying_before_write

pytestmark = pytest.mark.slow


@pytest.fixture
def pinned(new_world: Callable[..., World]) -> World:
    """A job of two pictures, in which the first version is unsure of three dots each: at 0, 4 and 8."""
    world = new_world(routing=PINNED, annotators=[dots(1)])
    world.land(2, objects=3)
    world.carry()
    world.server.advance(60)
    assert len(issues(world)) == 6
    return world


def open_ones(world: World) -> list[tuple[int, float]]:
    """The frames and left sides of the issues that are not resolved."""
    return sorted((row["frame"], row["position"][0]) for row in issues(world) if not row["resolved"])


def test_a_pin_for_which_the_newer_version_gives_no_reason_is_resolved(pinned: World) -> None:
    release(pinned, 2, first=2)  # it sees the dots at 8 alone
    assert refresh(pinned) == 1
    assert open_ones(pinned) == [(0, 8), (1, 8)]
    assert len(issues(pinned)) == 6


def test_the_newer_versions_own_doubts_are_pinned(pinned: World) -> None:
    release(pinned, 2, shift=1)
    assert refresh(pinned) == 1
    assert open_ones(pinned) == [(frame, left) for frame in (0, 1) for left in (1, 5, 9)]


def test_what_people_said_stays_open(pinned: World) -> None:
    answered = issues(pinned)[0]
    pinned.server.post("/api/comments", {"issue": answered["id"], "message": "it is"})
    (job,) = pinned.jobs()
    pinned.server.post("/api/issues", {"job": job.cvat_id, "frame": 1, "position": [1, 1, 2, 2], "message": "what?"})
    release(pinned, 2, first=2)
    assert refresh(pinned) == 1
    assert set(open_ones(pinned)) == {(0, 8), (1, 8), (1, 1), (answered["frame"], answered["position"][0])}


def test_where_pins_are_not_asked_for_those_of_before_stay(pinned: World) -> None:
    routing = pinned.project.routing.model_copy(update={"pin_below": None})
    pinned.project = pinned.project.model_copy(update={"routing": routing})
    release(pinned, 2, first=2)
    assert refresh(pinned) == 1
    assert len(open_ones(pinned)) == 6


def test_killed_anywhere_and_run_again_it_leaves_the_pins_of_the_newer_version(pinned: World) -> None:
    release(pinned, 2, shift=1)
    kills = 0
    for nth in range(1, 40):
        try:
            with dying_before_write(pinned.ledger, nth):
                refresh(pinned)
        except Killed:
            kills += 1
            continue
        break
    assert kills > 3
    refresh(pinned)
    assert open_ones(pinned) == [(frame, left) for frame in (0, 1) for left in (1, 5, 9)]
    assert len(places(pinned)) == 12
    assert set(drawn(pinned)) < set(places(pinned))
