"""The background worker: queues for what takes long, each worked off by one thread, first in, first out.

Nothing is changed before a request's end, and then all at once: what it makes, and the request itself.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import Literal

from include.emulator import backups, exports, imports, incoming, quality, reading, requests, serverless
from include.emulator.requests import RequestFailure
from include.emulator.state import State

_log = logging.getLogger(__name__)
_STOP_TIMEOUT_S = 30.0

Finish = Callable[[sqlite3.Connection], int | None]
"""The last step of a request: puts its result in place. Returns the id of what it has made, if anything."""
Work = Callable[[State, sqlite3.Row], Finish]
"""All that takes time; changes nothing. Raises `RequestFailure`."""
Queue = Literal["import", "export", "annotation", "quality"]

_WORK: dict[Queue, dict[str, Work]] = {
    "import": {"create:task": reading.work, "import:annotations": imports.work, "import:backup": backups.restore},
    "export": {"export:annotations": exports.work, "export:dataset": exports.work, "export:backup": backups.export},
    "annotation": {serverless.TYPE: serverless.work},
    "quality": {quality.TYPE: quality.work},
}
QUEUES = tuple(_WORK)


class Worker:
    """Start it once; wake it when there may be work. A test can hold a queue, slow it down, or make it fail."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._changed = threading.Condition()
        self._stopping = False
        self._held: set[Queue] = set()
        self._delays_s: dict[Queue, float] = dict.fromkeys(QUEUES, 0.0)
        self._failures: dict[Queue, list[str]] = {queue: [] for queue in QUEUES}
        self._threads = [
            threading.Thread(target=self._run, args=(queue,), name=f"cvat-emulator-{queue}", daemon=True)
            for queue in QUEUES
        ]

    def start(self) -> None:
        with self._state.write() as connection:
            requests.requeue_interrupted(connection)
        incoming.sweep(self._state)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets the requests under way end, then stops."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_STOP_TIMEOUT_S)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def hold(self, held: bool, queue: Queue) -> None:
        """While held, a queue's requests stay queued; one under way goes on to its end."""
        with self._changed:
            self._held = self._held | {queue} if held else self._held - {queue}
            self._changed.notify_all()

    def delay(self, seconds: float, queue: Queue) -> None:
        """Every request of a queue stays started for this long before it is worked on."""
        with self._changed:
            self._delays_s[queue] = seconds

    def fail_next(self, count: int, message: str, queue: Queue) -> None:
        with self._changed:
            self._failures[queue] += [message] * count

    def _run(self, queue: Queue) -> None:
        while True:
            with self._changed:
                request = None
                while not self._stopping and (queue in self._held or (request := self._take(queue)) is None):
                    self._changed.wait()
                if self._stopping:
                    return
                failure = self._failures[queue].pop(0) if self._failures[queue] else None
                self._changed.wait_for(lambda: self._stopping, self._delays_s[queue])
                if self._stopping:
                    return  # the request stays started; the next server takes it up again
            assert request is not None
            self._do(_WORK[queue][request["type"]], request, failure)
            incoming.sweep(self._state)

    def _take(self, queue: Queue) -> sqlite3.Row | None:
        with self._state.write() as connection:
            return requests.start_oldest(connection, tuple(_WORK[queue]), self._state.now())

    def _do(self, work: Work, request: sqlite3.Row, failure: str | None) -> None:
        try:
            if failure is not None:
                raise RequestFailure(failure)
            finish = work(self._state, request)
            with self._state.write() as connection:
                requests.finish(connection, request, self._state.clock, finish(connection))
        except RequestFailure as error:
            self._fail(request, str(error))
        except Exception as error:  # noqa: BLE001  (as CVAT: whatever a job raises becomes its failure)
            _log.exception("request %s broke", request["id"])
            module = type(error).__module__
            name = type(error).__name__ if module == "builtins" else f"{module}.{type(error).__name__}"
            self._fail(request, f"{name}: {error}\n")

    def _fail(self, request: sqlite3.Row, message: str) -> None:
        with self._state.write() as connection:
            requests.fail(connection, request, self._state.clock, message)
