"""One run of trouble: the lifecycle's steps, again and again, while calls break, processes die and people work."""

import asyncio
import json
import os
import random
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import TriggerEvent
from sqlalchemy import update

from include.clients.cvat import CvatError, ThrottledError, UnauthorizedError
from include.clients.ledger.leases import LeaseTakenError
from include.clients.ledger.tables import leases
from include.lifecycle.batches import Stage
from include.steps.aside import take_back
from include.steps.attach import Answer, Outcome, pending, settle
from labelcycle.operators.exports import CvatExportOperator
from labelcycle.triggers.requests import RequestsTrigger
from tests.drill.people import People
from tests.drill.process import Process
from tests.drill.proxy import Proxy
from tests.include.steps.world import Killed, World
from tests.plugins.labelcycle.operators.driving import Task, made_again

GRACE = 12.0  # seconds past its deadline in which a wait has to end: the last look may take 10
EXPORT_TIMEOUT = timedelta(seconds=20)
_RUNS = 60  # of the whole chain, at the most: the trouble ends sooner
_TRIES = 2  # of a step in a run
_KILLED, _VISITED = 0.3, 0.3  # shares of the steps in which the process dies, or somebody does something in CVAT
_MOMENTS = (2, 8, 60)  # in which of them, at the latest
_NO_EXPORT = 0.5
_LANDING = 5  # images that a run finds new
_MOST_LANDED = 60


@dataclass
class Story:
    """A project's life among trouble, by seed as far as the timing of threads allows.

    `exported` is the file into which it is exported.
    """

    world: World
    proxy: Proxy
    exported: Path
    chance: random.Random
    people: People
    landed: int = 0
    kills: int = 0
    late: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    _to_come: list[str] = field(default_factory=lambda: ["stall", "failure"])

    def play(self) -> None:
        """Run the steps as a DAG does, until all trouble is over and every batch is with people, and exported."""
        world = self.world
        self._give_access()
        steps = (
            world.plan,
            world.create,
            world.attach,
            self._wait,
            world.check,
            world.annotate,
            world.route,
            self._export,
        )
        for _ in range(_RUNS):
            self._land()
            quiet = self.is_quiet
            done = all(any(self._tried(step) for _ in range(_TRIES)) for step in steps)  # else the next run goes on
            take_back(world.project, world.ledger)
            if quiet and done and set(world.stages()) == {Stage.ROUTED}:
                return

    @property
    def is_quiet(self) -> bool:
        """Whether no more trouble comes."""
        return self.proxy.trouble.is_over

    def _land(self) -> None:
        if not self.is_quiet and self.landed < _MOST_LANDED:
            self.world.land(2, objects=2, score=0.9, first=self.landed)
            self.world.land(_LANDING - 2, objects=1, score=0.5, first=self.landed + 2)
            self.landed += _LANDING

    def _give_access(self) -> None:
        """The engineer puts a new token into the connection."""
        access = replace(self.world.server.token(), url=self.proxy.url)
        self.world.cvat_access = access
        connection = {"conn_type": "cvat", "host": access.url, "password": access.token}
        os.environ["AIRFLOW_CONN_CVAT_DEFAULT"] = json.dumps(connection)

    # A step, and what becomes of it

    def _tried(self, step: Callable[[], object]) -> bool:
        """Whether a step did its work. If not, that was CVAT, a kill, or another run at it; all else ends the drill."""
        with Process(self.world, self.proxy, self.people.act, self._moment(_KILLED), self._moment(_VISITED)):
            try:
                step()
            except Killed:
                self.kills += 1
            except LeaseTakenError:
                self._let_leases_end()
            except (CvatError, AirflowException) as error:
                self._mend(error)
            else:
                return True
        self._check_export()
        return False

    def _moment(self, share: float) -> int:
        if self.is_quiet or self.chance.random() >= share:
            return 0
        return self.chance.randint(1, self.chance.choice(_MOMENTS))

    def _mend(self, error: BaseException) -> None:
        """What is done before a step that has failed is tried again: by the engineer, and by the retry policy."""
        cause = error if isinstance(error, CvatError) else error.__context__
        if isinstance(cause, UnauthorizedError):
            self._give_access()
        elif isinstance(cause, ThrottledError):
            time.sleep(cause.retry_after or 0)

    def _let_leases_end(self) -> None:
        """Five minutes later."""
        with self.world.ledger.engine.begin() as connection:
            connection.execute(update(leases).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))

    # Waiting

    def _wait(self) -> None:
        """Wait for CVAT, as the sensor does. Once CVAT does nothing until the deadline is over, once it fails."""
        ids, ledger = self.world.ids(), self.world.ledger
        waiting = pending(ids, ledger)
        if not waiting:
            return
        trigger = RequestsTrigger(
            "cvat_default",
            deadlines={wait.request_id: wait.deadline.isoformat() for wait in waiting},
            names={wait.request_id: wait.name for wait in waiting},
            images={wait.request_id: wait.images for wait in waiting},
        )
        with self._busy_server():
            event = self._fired(trigger, max(wait.deadline for wait in waiting))
        outcomes = {request: Outcome(Answer(end["answer"]), end["message"]) for request, end in event.payload.items()}
        settle(outcomes, ids, self.world.cvat, ledger)

    @contextmanager
    def _busy_server(self) -> Iterator[None]:
        """CVAT's worker at its worst, each once: it cannot do its work, or does nothing."""
        comes = self._to_come.pop() if self._to_come and self.chance.random() < 0.3 else ""
        if comes == "failure":
            self.world.server.fail_requests(1, "TimeoutError: the bucket does not answer\n")
        self.world.server.hold(comes == "stall")
        try:
            yield
        finally:
            self.world.server.hold(False)

    def _fired(self, trigger: RequestsTrigger, deadline: datetime) -> TriggerEvent:
        """What a trigger fires; sometimes its triggerer is killed, and another goes on.

        Where earlier failures have eaten up the time, the wait begins after its deadline: then it is to end at once.
        """
        began = datetime.now(UTC)
        try:
            while True:
                dies = not self.is_quiet and self.chance.random() < _KILLED
                seconds = self.chance.uniform(0.0, 0.2) if dies else None
                try:
                    return asyncio.run(asyncio.wait_for(_first_event(made_again(trigger)), seconds))
                except TimeoutError:
                    self.kills += 1
        finally:
            if (over := (datetime.now(UTC) - max(deadline, began)).total_seconds()) > GRACE:
                self.late.append(f"a wait ended {over:.1f} s after its deadline")

    # Exporting

    def _export(self) -> None:
        """The whole project, over the file that is there; the last time, and now and then."""
        if not self.is_quiet and self.chance.random() < _NO_EXPORT:
            return
        operator = CvatExportOperator(
            task_id="export",
            target="project",
            target_id=self.world.server.rows("/api/projects", name=self.world.project.name)[0]["id"],
            format="COCO 1.0",
            to=str(self.exported),
            request_timeout=EXPORT_TIMEOUT,
        )
        began = time.monotonic()
        try:
            Task().run(operator)
        finally:
            if (over := time.monotonic() - began - EXPORT_TIMEOUT.total_seconds()) > GRACE:
                self.late.append(f"an export ended {over:.1f} s after its deadline")

    def _check_export(self) -> None:
        """A file that has its name is whole."""
        if self.exported.exists() and not zipfile.is_zipfile(self.exported):
            self.damaged.append("an export is half written")


async def _first_event(trigger: RequestsTrigger) -> TriggerEvent:
    async for event in trigger.run():
        return event
    raise AssertionError("the trigger ended without an event")
