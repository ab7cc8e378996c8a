"""The drill: batches are carried from plan to people while calls get lost, requests fail and processes die.

Whatever happens on the way, in the end each batch has one task with its data, each job one set of shapes, and every
job is where its route leads. `DRILL_SEEDS=100` plays a hundred of these stories; without it there are a few.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import event

from include.clients.cvat import CvatClient, CvatError
from include.clients.ledger import Ledger, open_engine
from include.clients.ledger.batches import Applied
from include.lifecycle.batches import Stage
from include.lifecycle.routing import Route
from tests.include.emulated import calls_to
from tests.include.steps.world import Killed, World

FAULTS = 25  # armed in a story; not each of them meets a call
STRUCK = 8  # of them, at the least: kills, and calls that were answered with 5xx
RUNS = 40  # of the whole chain, at the most: the faults end sooner
CALLS = [
    *("POST /api/projects", "POST /api/cloudstorages", "POST /api/tasks", "GET /api/tasks", "DELETE /api/tasks"),
    *("GET /api/requests", "GET /api/jobs", "PATCH /api/jobs", "GET /api/labels", "GET /api/projects"),
]
TROUBLES = [{"status": 500}, {"status": 502}, {"status": 504}, {"drop": True}]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("seed", range(int(os.environ.get("DRILL_SEEDS", "2"))))


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """What went wrong in all stories together; it is reported in the end."""
    counts = Counter[str]()
    yield counts
    told = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    plugins = request.config.pluginmanager
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        plugins.get_plugin("terminalreporter").write_line(f"\ndrill: {told}")


@dataclass(slots=True)
class Story:
    """One run of trouble, the same for the same seed as far as the server's timing allows."""

    world: World
    chance: random.Random
    tally: Counter[str]
    landed: int = 0
    armed: int = 0
    kills: int = 0
    failed_requests: int = 0

    @property
    def is_quiet(self) -> bool:
        """Whether no more trouble comes."""
        return self.armed >= FAULTS

    def play(self) -> None:
        """Run the chain again and again, as a DAG does, until every batch is with people. New images land meanwhile."""
        world = self.world
        steps = [world.plan, world.create, world.attach, world.settle, world.check, world.annotate, world.route]
        for _ in range(RUNS):
            self._land()
            for step in steps:
                self._arm()
                if not self._tried(step) and not self._tried(step):
                    break  # the run failed, after a retry: the next one goes on
            if self.is_quiet and set(world.stages()) == {Stage.ROUTED}:
                return

    def _land(self) -> None:
        if not self.is_quiet:
            self.world.land(2, objects=2, score=0.9, first=self.landed)
            self.world.land(3, objects=1, score=0.5, first=self.landed + 2)
            self.landed += 5

    def _tried(self, step: Callable[[], object]) -> bool:
        moments = self.chance.randrange(1, 80) if not self.is_quiet and self.chance.random() < 0.25 else 0
        with self._process(moments):
            try:
                step()
            except Killed:
                self.kills += 1
                self.tally["processes killed"] += 1
            except CvatError:
                self.tally["steps failed of that"] += 1
            else:
                return True
        return False

    def _arm(self) -> None:
        """Let the server do something wrong, some time from now on."""
        if self.is_quiet:
            self.world.server.forget_faults()
        elif self.failed_requests < 1 and {Stage.PLANNED, Stage.CREATED} & set(self.world.stages()):
            self.failed_requests += 1  # a second one could be of the same batch, which is set aside then
            self.world.server.fail_requests(1, "TimeoutError: the bucket does not answer\n")
            self.tally["requests failed"] += 1
        elif self.chance.random() < 0.8:
            self.armed += 1
            method, path = self.chance.choice(CALLS).split()
            trouble, when = self.chance.choice(TROUBLES), self.chance.choice(["before", "after"])
            self.world.server.fault(method, path, when=when, **trouble)

    def _process(self, moments: int) -> "_Process":
        return _Process(self.world, moments)


class _Process:
    """A process with its own connections; after so many moments of its ledger it is killed (0: it is not)."""

    def __init__(self, world: World, moments: int) -> None:
        self._world, self._left = world, moments

    def __enter__(self) -> None:
        engine = open_engine(self._world.ledger.engine.url.render_as_string(hide_password=False))
        if self._left:
            event.listen(engine, "before_cursor_execute", self._moment)
            event.listen(engine, "checkin", self._moment)
        self._world.ledger = Ledger(engine)
        self._world.cvat = CvatClient(self._world.cvat_access)

    def __exit__(self, *_: object) -> None:
        self._left = 0
        self._world.cvat.close()
        self._world.ledger.engine.dispose()

    def _moment(self, *_: object) -> None:
        """Before a statement, or after a transaction: between these a call to CVAT may have been made, or not."""
        if self._left:
            self._left -= 1
            if not self._left:
                raise Killed


def test_whatever_goes_wrong_there_is_one_task_and_one_set_of_shapes(
    new_world: Callable[..., World], seed: int, tally: Counter[str]
) -> None:
    world = new_world(routing={"accept_above": 0.8, "audit_share": 0.5, "seed": seed})
    story = Story(world, random.Random(seed), tally)
    with calls_to(world.server) as calls:
        story.play()
    tally["calls broken"] += calls.broken
    world.server.forget_faults()
    assert story.kills + calls.broken >= STRUCK
    check_tasks(world, story.landed)
    check_shapes(world)
    check_routes(world)


def check_tasks(world: World, images: int) -> None:
    assert sum(batch.size for batch in world.batches()) == images
    assert set(world.stages()) == {Stage.ROUTED}
    assert len(world.server.rows("/api/projects", name=world.project.name)) == 1
    in_cvat = {(task["id"], task["name"], task["size"]) for task in world.tasks()}
    assert len(world.tasks()) == len(world.batches())
    assert in_cvat == {(batch.task_id, batch.id, batch.size) for batch in world.batches()}


def check_shapes(world: World) -> None:
    """Every prediction is drawn once, by the id that the ledger has; nobody is asked about anything."""
    for batch in world.batches():
        recorded = world.ledger.batches.applied_shapes(batch.id)
        images = world.ledger.images.of_batch(batch.id)
        drawn = [shape for job in world.ledger.batches.jobs(batch.id) for shape in world.drawn(job)]
        assert Counter(shape["id"] for shape in drawn) == Counter(recorded.values())
        found = Counter(images[shape["frame"]].uri for shape in drawn)
        numbers = {image.uri: int(image.uri.rpartition("/")[2].removesuffix(".png")) for image in images}
        assert found == {uri: 2 if number % 5 < 2 else 1 for uri, number in numbers.items()}
    assert {job.applied for job in world.jobs()} == {Applied.APPLIED}


def check_routes(world: World) -> None:
    for job in world.jobs():
        row = world.server.get(f"/api/jobs/{job.cvat_id}")
        accepted = job.route is Route.ACCEPT
        assert (row["stage"], row["state"]) == (("acceptance", "completed") if accepted else ("annotation", "new"))
