"""Attaching images to tasks: by link and by copy, against the SDK's `client.tasks.create_from_data`.

JPEGs of 50 kB in an S3 server on this machine, the emulator as CVAT, which takes as long for a request as a real server
was recorded to (500 images 1.3 s, 2,000 images 2.3 s). A time is what is left of the whole (from the first call until
the ledger knows that the data is there) when the server's own is taken off: the requests' time from `started_date` to
`finished_date`, and bare calls that carry the same bytes (of several tasks that are asked for one after the other, only
those of the first: CVAT works meanwhile). Bytes are those through the sockets of the worker's process, both ways, S3's
included. Each way runs in a process of its own, which gives its peak memory with all that it imports.

The SDK finds its images on the worker's disk, for which nothing is counted; copy reads them from S3. `polling each 0.1
s` is the SDK with `status_check_period=0.1`, without which it sleeps 5 s. By copy and by the SDK, 20,000 images are not
measured: a gigabyte through the emulator takes minutes. Many tasks are of 500 images each.
"""

import hashlib
import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from benchmarks.results import Row, save

if TYPE_CHECKING:  # what a way does not need must not be in its memory
    from include.clients.cvat import BucketAccess, CvatAccess
    from include.projects.model import Project

_PASSWORD = "only-for-the-benchmark"
_BYTES = 50_000  # of an image
_A_TASK = 500  # images, where there are many tasks
_MOST_COPIED = 2_000  # images
_FORM = 32 << 20  # bytes in a bare form
_POLLING = "create_from_data, polling each 0.1 s"
_SDK = "create_from_data"


@dataclass(frozen=True)
class Case:
    """Images of a project, planned as batches whose tasks are made; `parts` are the images' names, a list a task."""

    project: "Project"
    project_id: int
    batches: tuple[str, ...]
    tasks: tuple[int, ...]
    parts: tuple[tuple[str, ...], ...]
    ledger: str
    access: "CvatAccess"
    storage: "BucketAccess"
    folder: Path

    @property
    def images(self) -> int:
        return sum(len(part) for part in self.parts)


@dataclass(frozen=True)
class Cost:
    """What a way took: seconds, bytes through sockets, the highest memory in MiB; and the tasks that it filled."""

    seconds: float
    bytes: int
    memory: float
    tasks: tuple[int, ...]


class _Counting(socket.socket):
    """A socket whose bytes are counted."""

    count = 0

    def send(self, data: Any, *more: Any) -> int:
        sent = super().send(data, *more)
        _Counting.count += sent
        return sent

    def sendall(self, data: Any, *more: Any) -> None:
        super().sendall(data, *more)
        _Counting.count += memoryview(data).nbytes

    def recv(self, *size: Any) -> bytes:
        data = super().recv(*size)
        _Counting.count += len(data)
        return data

    def recv_into(self, *target: Any) -> int:
        size = super().recv_into(*target)
        _Counting.count += size
        return size


# The ways, each in a process of its own; what it imports is not timed


def _measured(way: Callable[[Case], tuple[Callable[[], object], Callable[[], tuple[int, ...]]]], case: Case) -> Cost:
    socket.socket = _Counting  # type: ignore[misc]
    work, tasks = way(case)
    _Counting.count, begun = 0, time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return Cost(seconds, _Counting.count, peak, tasks())


def _link(case: Case) -> Any:
    return _ours(case, case.storage)


def _copy(case: Case) -> Any:
    return _ours(case, None)


def _ours(case: Case, storage: "BucketAccess | None") -> Any:
    import asyncio

    import boto3

    from include.clients.cvat import CvatClient
    from include.clients.cvat.poller import wait_for_requests
    from include.clients.images import ImageBucket
    from include.clients.ledger import Ledger, open_engine
    from include.steps.attach import Answer, Outcome, attach_data, pending, settle

    ledger, cvat = Ledger(open_engine(case.ledger)), CvatClient(case.access)
    bucket = ImageBucket(boto3.client("s3"))

    def work() -> None:
        attach_data(case.project, case.batches, cvat, bucket, storage, ledger)
        ended = asyncio.run(wait_for_requests(case.access, pending(case.batches, ledger)))
        outcomes = {request: Outcome(Answer(end.answer), end.message) for request, end in ended.items()}
        if settle(outcomes, case.batches, cvat, ledger) < len(case.batches):
            raise RuntimeError(f"CVAT could not attach the data: {outcomes}")

    return work, lambda: case.tasks


def _sdk(case: Case, period: float | None = None) -> Any:
    from cvat_sdk import make_client

    client = make_client(case.access.url, access_token=case.access.token)
    made: list[int] = []

    def work() -> None:
        for number, part in enumerate(case.parts):
            task = client.tasks.create_from_data(
                {"name": f"sdk {number}", "project_id": case.project_id, "segment_size": case.project.batches.job_size},
                [case.folder / name for name in part],
                data_params={"image_quality": 80, "sorting_method": "natural", "use_cache": True},
                status_check_period=period,
            )
            made.append(task.id)

    return work, lambda: tuple(made)


def _sdk_polling(case: Case) -> Any:
    return _sdk(case, 0.1)


_OTHERS = {"copy": _copy, _SDK: _sdk, _POLLING: _sdk_polling}


def _alone(way: Callable[[Case], Any], case: Case) -> Cost:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (way, case))


# The server's own time


@dataclass(frozen=True)
class Servers:
    """The emulator and the bucket, and what is asked of them without any client of ours."""

    access: "CvatAccess"
    storage: "BucketAccess"
    folder: Path

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
        connection = http.client.HTTPConnection(self.access.url.removeprefix("http://"), timeout=120)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Authorization": f"Bearer {self.access.token}", **named})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:200]!r}")
        return json.loads(content) if content else None

    def take(self, seconds: float) -> None:
        """Let requests take so long."""
        self.call(
            "POST", "/emulator/worker", json.dumps({"delay_s": seconds}).encode(), Content_Type="application/json"
        )

    def working(self, tasks: Sequence[int]) -> float:
        """For how long CVAT worked on the data of tasks, by its own dates."""
        paths = [f"/api/requests/{quote(f'action=create&target=task&target_id={task}', safe='')}" for task in tasks]
        spans = [(row["started_date"], row["finished_date"]) for row in (self.call("GET", path) for path in paths)]
        return sum(
            (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() for start, end in spans
        )

    def bare_link(self, case: Case) -> float:
        """Seconds of the bare calls that link, the manifests being there."""
        from include.clients.cvat import CvatClient
        from include.lifecycle.manifest import manifest_key

        with CvatClient(case.access) as cvat:
            storage = cvat.find_or_create_storage("benchmark", case.storage)
        bodies = [
            json.dumps(
                {
                    "image_quality": 80,
                    "cloud_storage_id": storage,
                    "server_files": [manifest_key(batch), *(f"in/{name}" for name in part)],
                    "sorting_method": "predefined",
                    "use_cache": True,
                }
            ).encode()
            for batch, part in zip(case.batches, case.parts, strict=True)
        ]
        tasks = [self._task(case) for _ in bodies]
        begun = time.perf_counter()
        for task, body in zip(tasks, bodies, strict=True):
            self.call("POST", f"/api/tasks/{task}/data", body, Content_Type="application/json")
        seconds = time.perf_counter() - begun
        self._let_end(tasks)
        return seconds

    def bare_copy(self, case: Case) -> float:
        """Seconds of the bare calls that upload, the forms lying ready in memory."""
        seconds, tasks = 0.0, [self._task(case) for _ in case.parts]
        for task, part in zip(tasks, case.parts, strict=True):
            path, forms = f"/api/tasks/{task}/data/", list(_forms(case.folder, part))
            begun = time.perf_counter()
            self.call("POST", path, Upload_Start="")
            for form in forms:
                self.call("POST", path, form, Upload_Multiple="", Content_Type="multipart/form-data; boundary=bare")
            finish = b'{"image_quality": 80, "use_cache": true}'
            self.call("POST", path, finish, Upload_Finish="", Content_Type="application/json")
            seconds += time.perf_counter() - begun
        self._let_end(tasks)
        return seconds

    def _let_end(self, tasks: Sequence[int]) -> None:
        """Wait until nothing of these tasks is in the queue: what is measured next would wait for it."""
        while any(not self.call("GET", f"/api/tasks/{task}").get("size") for task in tasks):
            time.sleep(0.1)

    def _task(self, case: Case) -> int:
        body = json.dumps({"name": "bare", "project_id": case.project_id}).encode()
        return int(self.call("POST", "/api/tasks", body, Content_Type="application/json")["id"])


def _forms(folder: Path, names: Sequence[str]) -> Iterator[bytes]:
    form, number = bytearray(), 0
    for number, name in enumerate(names):
        head = f'--bare\r\nContent-Disposition: form-data; name="client_files[{number}]"; filename="{name}"\r\n\r\n'
        form += head.encode() + (folder / name).read_bytes() + b"\r\n"
        if len(form) > _FORM or number == len(names) - 1:
            yield bytes(form + b"--bare--\r\n")
            form.clear()


# What is there before


@contextmanager
def _running(folder: Path, images: int) -> Iterator[Servers]:
    """Servers, and a bucket with so many images under `in/`: names of one file."""
    from include.clients.cvat import BucketAccess, CvatAccess
    from include.local.bucket import REGION, serve_bucket
    from include.local.state import State

    pictures = folder / "bucket" / "images" / "in"
    pictures.mkdir(parents=True)
    (folder / "one.jpg").write_bytes(_jpeg())
    for number in range(images):
        os.link(folder / "one.jpg", pictures / f"{number:06d}.jpg")
    with ExitStack() as running:
        bucket = running.enter_context(serve_bucket(State(folder)))
        os.environ |= bucket.environment
        storage = BucketAccess("images", bucket.access_key, bucket.secret_key, bucket.endpoint_url, REGION)
        url = running.enter_context(_emulator(folder / "cvat"))
        yield Servers(CvatAccess(url, token=_token(url)), storage, pictures)


@contextmanager
def _emulator(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "include.emulator", "--data", str(folder)]
    environment = {**os.environ, "CVAT_ADMIN_PASSWORD": _PASSWORD}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def _token(url: str) -> str:
    import httpx

    body = {"name": "benchmark", "read_only": False}
    answer = httpx.post(f"{url}/api/auth/access_tokens", json=body, auth=("admin", _PASSWORD))
    return str(answer.raise_for_status().json()["value"])


def _jpeg() -> bytes:
    """Noise of about 50 kB, and what is lacking to that as zeros after its end."""
    import io

    from PIL import Image

    target = io.BytesIO()
    Image.effect_noise((320, 240), 90).save(target, "JPEG", quality=80)
    return target.getvalue().ljust(_BYTES, b"\0")


def _case(servers: Servers, name: str, images: int, a_task: int) -> Case:
    """A project, its ledger, its batches and their tasks, which have no data yet."""
    from include.clients.cvat import CvatClient
    from include.clients.ledger import Ledger, migrate, open_engine
    from include.lifecycle.batches import Stage
    from include.steps.create import create_tasks, find_or_create_project

    url = f"sqlite:///{servers.folder.parents[2]}/{name}.db"
    engine = open_engine(url)
    migrate(engine)
    ledger, project = Ledger(engine), _project(name)
    names = [f"{number:06d}.jpg" for number in range(images)]
    parts = tuple(tuple(names[start : start + a_task]) for start in range(0, images, a_task))
    _plan(ledger, project, parts, servers.folder)
    ids = [batch.id for batch in ledger.batches.at(name, Stage.PLANNED)]
    with CvatClient(servers.access) as cvat:
        create_tasks(project, ids, cvat, ledger)
        project_id = find_or_create_project(project, cvat, ledger)
    batches = ledger.batches.get(ids)
    engine.dispose()
    tasks = tuple(batch.task_id or 0 for batch in batches)
    return Case(project, project_id, tuple(ids), tasks, parts, url, servers.access, servers.storage, servers.folder)


def _project(name: str) -> "Project":
    from include.projects.model import Project

    return Project.model_validate(
        {
            "name": name,
            "images": {"uri": "s3://images/in/"},
            "labels": [{"name": "car"}],
            "annotators": [{"model": "rapidocr"}],
            "ledger": {"store": "s3://images/ledger"},
            "release": {"remote": "s3://images/dvc"},
        }
    )


def _plan(ledger: Any, project: "Project", parts: Sequence[Sequence[str]], folder: Path) -> None:
    """What discover and plan would have written."""
    from include.clients.ledger.images import Discovered
    from include.lifecycle.assignment import Asked
    from include.lifecycle.batches import PlannedBatch, PlannedJob
    from include.lifecycle.images import Header, StoredObject, image_id
    from include.lifecycle.routing import Route

    content = (folder / parts[0][0]).read_bytes()
    etag, header, now = (
        hashlib.md5(content, usedforsecurity=False).hexdigest(),
        Header("JPEG", 320, 240, 1, "L"),
        _now(),
    )
    stored = [[StoredObject(f"s3://images/in/{name}", etag, len(content)) for name in part] for part in parts]
    ledger.images.add(project.name, [Discovered(one, header) for part in stored for one in part], [], now)
    planned = [
        PlannedBatch(
            f"{number:04d}",
            tuple(image_id(one.uri, one.etag) for one in part),
            tuple(
                PlannedJob(index, start, min(start + _A_TASK, len(part)), Route.REVIEW, 1.0)
                for index, start in enumerate(range(0, len(part), _A_TASK))
            ),
            (Asked("rapidocr@1"),),
        )
        for number, part in enumerate(stored)
    ]
    ledger.batches.add(project.name, _A_TASK, planned, now)


def _now() -> datetime:
    return datetime.now(UTC)


# The comparison


def _rows(servers: Servers, images: int, a_task: int) -> Iterator[Row]:
    """One number of images, in one task or in several: link, and copy and the SDK where they are measured."""
    where = "one task" if a_task == images else f"{images // a_task} tasks"
    name = f"n{images}_{images // a_task}"
    working = 0.97 + 0.00067 * a_task  # seconds, by what was recorded
    case = _case(servers, f"{name}_link", images, a_task)
    servers.take(working)
    link, own = _alone(_link, case), servers.working(case.tasks)
    servers.take(0)
    ways = {"link": (link, own + servers.bare_link(case) / len(case.tasks))}
    if images <= _MOST_COPIED:
        case = _case(servers, f"{name}_copy", images, a_task)
        bare = min(servers.bare_copy(case) for _ in range(2))
        servers.take(working)
        for way, run in _OTHERS.items():
            cost = _alone(run, case)
            first = bare / len(case.tasks) if way == "copy" else bare
            ways[way] = (cost, first + servers.working(cost.tasks))
    yield from _times(where, images, {way: cost.seconds - own for way, (cost, own) in ways.items()})
    whole = images * len((servers.folder / case.parts[0][0]).read_bytes())
    yield Row(f"link, {where}: bytes through the worker, of the images'", 100 * link.bytes / whole, "%", images)
    for way, theirs in itertools.product(("link", "copy"), (_SDK,)):
        if way in ways:
            mine, other = ways[way][0], ways[theirs][0] if theirs in ways else None
            compared = (theirs, other.bytes / 1e6) if other else ("", None)
            yield Row(f"{way}, {where}: bytes through the worker", mine.bytes / 1e6, "MB", images, *compared)
            compared = (theirs, other.memory) if other else ("", None)
            yield Row(f"{way}, {where}: peak memory", mine.memory, "MiB", images, *compared)


def _times(where: str, images: int, seconds: Mapping[str, float]) -> Iterator[Row]:
    for way in ("link", "copy"):
        if way in seconds:
            others = [name for name in seconds if name not in ("link", way)]
            measure = f"{way}, {where}: time over the server's own"
            for name in others or [""]:
                yield Row(measure, seconds[way], "s", images, name, seconds.get(name))


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="labelcycle-benchmark-") as folder,
        _running(Path(folder), 20_000) as servers,
    ):
        cases = ((500, 500), (2_000, 2_000), (2_000, _A_TASK), (20_000, 20_000), (20_000, _A_TASK))
        save("attaching", [row for case in cases for row in _rows(servers, *case)])


if __name__ == "__main__":
    main()
