"""The drill: batches go from plan to people while calls break, requests fail, processes die and people work in CVAT.

Whatever happens on the way, in the end each batch has one task with its data, each prediction is there once unless
people have deleted it, what people did is as they left it, and no wait has outlived its deadline.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drill.conftest import Tally, length
from tests.drill.people import People
from tests.drill.proxy import in_the_way
from tests.drill.story import Story
from tests.drill.trouble import FAULTS, Trouble
from tests.drill.verdict import Verdict, verdict
from tests.include.steps.world import World

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Airflow's own are no business of the drill

SEEDS = (1, 14, 150)  # small, as a drill, long
FAULTS_A_STORY = (16, 80, 80)
STRUCK = (16, 1000, 10_000)


def test_whatever_goes_wrong_there_is_one_task_and_one_set_of_shapes(
    new_world: Callable[..., World], seed: int, tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world(
        routing={"accept_above": 0.8, "audit_share": 0.5, "seed": seed},
        cvat={"server_timeout": 1.0, "request_timeout": 5.0, "data": "copy" if seed % 4 == 3 else "link"},
    )
    monkeypatch.setenv("AIRFLOW_CONN_CVAT_DEFAULT", "")  # the story sets it
    chance, exported = random.Random(seed), tmp_path / "exports" / "project.zip"
    with in_the_way(world.server.port, Trouble(seed, FAULTS_A_STORY[length()])) as proxy:
        story = Story(world, proxy, exported, chance, People(world, chance))
        story.play()
        proxy.settle()
    tally.faults += proxy.trouble.struck
    tally.kills += story.kills
    found = verdict(story)
    tally.duplicates += len(found.duplicates)
    tally.lost += len(found.lost)
    tally.late += len(found.late)
    again = f"DRILL_SEED={seed} .venv/bin/python -m pytest {Path(__file__).relative_to(Path.cwd())}"
    assert found == Verdict([], [], []), f"to play it again: {again}"


def test_enough_went_wrong_and_of_every_kind(tally: Tally) -> None:
    assert tally.faults.total() >= STRUCK[length()]
    assert tally.kills
    if length():
        assert tally.faults.keys() == {fault.name for fault in FAULTS}
