"""The background worker: one thread that reads tasks' data, first in, first out.

Nothing is written before a request's end, and then all at once: frames, jobs, the task, the request itself.
"""

import logging
import sqlite3
import threading

from include.emulator import jobs, requests
from include.emulator.media import Frame, MediaError
from include.emulator.reading import DataRequest, read_frames
from include.emulator.state import State

_log = logging.getLogger(__name__)
_STOP_TIMEOUT_S = 30.0


class Worker:
    """Start it once; wake it when there may be work. A test can hold it, slow it down, or make it fail."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._changed = threading.Condition()
        self._stopping = False
        self._held = False
        self._delay_s = 0.0
        self._failures: list[str] = []
        self._thread = threading.Thread(target=self._run, name="cvat-emulator-worker", daemon=True)

    def start(self) -> None:
        with self._state.write() as connection:
            requests.requeue_interrupted(connection)
        self._thread.start()

    def stop(self) -> None:
        """Lets the request under way end, then stops."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(_STOP_TIMEOUT_S)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def hold(self, held: bool) -> None:
        """While held, requests stay queued; one under way goes on to its end."""
        with self._changed:
            self._held = held
            self._changed.notify_all()

    def delay(self, seconds: float) -> None:
        """Every request stays started for this long before it is worked on."""
        with self._changed:
            self._delay_s = seconds

    def fail_next(self, count: int, message: str) -> None:
        with self._changed:
            self._failures += [message] * count

    def _run(self) -> None:
        while True:
            with self._changed:
                request = None
                while not self._stopping and (self._held or (request := self._take()) is None):
                    self._changed.wait()
                if self._stopping:
                    return
                failure = self._failures.pop(0) if self._failures else None
                self._changed.wait_for(lambda: self._stopping, self._delay_s)
                if self._stopping:
                    return  # the request stays started; the next server takes it up again
            assert request is not None
            self._work(request, failure)

    def _take(self) -> sqlite3.Row | None:
        with self._state.write() as connection:
            return requests.start_oldest(connection, self._state.now())

    def _work(self, request: sqlite3.Row, failure: str | None) -> None:
        try:
            if failure is not None:
                raise MediaError(failure)
            wanted = DataRequest.load(request["parameters"])
            frames = read_frames(self._state, request["task_id"], wanted)
            with self._state.write() as connection:
                _fill(connection, request["task_id"], wanted, frames, self._state.now())
                requests.end(connection, request["number"], self._state.clock)
        except MediaError as error:
            self._fail(request, str(error))
        except Exception as error:  # noqa: BLE001  (as CVAT: whatever a job raises becomes its failure)
            _log.exception("request %s broke", request["id"])
            self._fail(request, f"{type(error).__module__}.{type(error).__name__}: {error}\n")

    def _fail(self, request: sqlite3.Row, message: str) -> None:
        with self._state.write() as connection:
            requests.end(connection, request["number"], self._state.clock, failure=message)


def _fill(connection: sqlite3.Connection, task_id: int, wanted: DataRequest, frames: list[Frame], now: str) -> None:
    task = connection.execute("SELECT * FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if task is None:
        raise MediaError("cvat.apps.engine.models.Task.DoesNotExist: Task matching query does not exist.\n")
    size = len(frames)
    segment_size = min(task["segment_size"] or size, size)
    overlap = min(task["overlap"] or 0, segment_size // 2)
    data = connection.execute(
        "UPDATE data SET size = ?, chunk_size = ?, image_quality = ?, chunks_updated_date = ? WHERE task_id = ?"
        " RETURNING id",
        (size, wanted.chunk_size, wanted.image_quality, now, task_id),
    ).fetchone()
    connection.executemany(
        "INSERT INTO frames (data_id, number, name, width, height) VALUES (?, ?, ?, ?, ?)",
        [(data["id"], number, f.name, f.width, f.height) for number, f in enumerate(frames)],
    )
    connection.executemany(
        "INSERT INTO jobs (task_id, start_frame, stop_frame, created_date, updated_date) VALUES (?, ?, ?, ?, ?)",
        [(task_id, start, stop, now, now) for start, stop in jobs.cut(size, segment_size, overlap)],
    )
    connection.execute("UPDATE tasks SET segment_size = ?, overlap = ? WHERE id = ?", (segment_size, overlap, task_id))
    jobs.touch_task(connection, task_id, now)
