"""Asking a model about a task's images, against `cvat_sdk.auto_annotation.annotate_task` with the same function.

JPEGs of 1024 x 768 pixels and some 100 kB in an S3 server on this machine, the emulator as CVAT, and a function of some
25 ms an image on one core, which takes 8 pictures at once and finds one object in each. Ours is the step that predicts
and the step that brings the predictions into CVAT; the SDK reads the pictures from CVAT. Each way runs in a process of
its own, which gives its peak memory with all that it imports: ours has the clients of S3 and of the ledger, Arrow, and
twenty pictures of 3 MiB, a bound that does not grow with the images; the SDK has one picture, and all answers. A kill
at half is the end of the process in the middle of the model's work, followed by another try.

The model loop is the function alone on pictures that are decoded already, in the same process and in turns with the
driver, and with the plain loop that reads, decodes and looks at each picture before it asks (the least of five turns of
each: other work on the machine only adds). That loop's work besides the model is some 8 ms of processor time an image,
which the driver has in other threads: it can be as fast as the model loop only where another core is free for it. What
the driver costs the model whatever else runs is the processor time of the thread that asks it. The published run shared
its two cores with other work, so its times by the clock say little.
"""

import io
import logging
import os
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import cvat_sdk.auto_annotation as cvataa
import httpx
import numpy as np
import PIL.Image

from benchmarks.results import Row, save

if TYPE_CHECKING:  # what a way does not need must not be in its memory
    from include.clients.cvat import BucketAccess, CvatAccess
    from include.projects.model import Project

_IMAGES = 420
_IN_TURNS = 160  # images, in the comparison with the model loop
_SDK = "annotate_task"
_BARE = "the model loop"
_PLAIN = "the plain loop"


class Busy:
    """As dear as a small detector: some 20 ms an image, if not `free`. It ends the process at picture `ends_at`."""

    version = "1"
    batch_size = 8
    spec = cvataa.DetectionFunctionSpec(labels=[cvataa.label_spec("car", 0, type="rectangle")])

    def __init__(self, ends_at: int = 0, *, free: bool = False) -> None:
        self._ends_at, self._rounds, self.asked = ends_at, 0 if free else 3, 0
        self._weights = np.random.default_rng(0).normal(size=(640, 640)).astype(np.float32)

    def detect(self, _context: object, image: PIL.Image.Image) -> list[Any]:
        return self.detect_batch([image])[0]

    def detect_batch(self, images: Sequence[PIL.Image.Image]) -> list[list[Any]]:
        return [self._answer(image) for image in images]

    def _answer(self, image: PIL.Image.Image) -> list[Any]:
        self.asked += 1
        if self.asked == self._ends_at:
            os._exit(9)
        layer = np.asarray(image.convert("L").resize((640, 640)), np.float32) / 255
        for _ in range(self._rounds):
            layer = np.maximum(self._weights @ layer, 0) / 640
        right, bottom = 10 + float(layer[0, 0] % 100), 10 + float(layer[1, 1] % 100)
        return [cvataa.rectangle(0, [0, 0, right, bottom], score=0.5)]


@dataclass(frozen=True)
class Case:
    """A project with images in a bucket, its ledger, and its CVAT; `task` once there is one."""

    project: "Project"
    ledger: str
    access: "CvatAccess"
    storage: "BucketAccess"
    cache: Path
    task: int = 0


@dataclass(frozen=True)
class Cost:
    """What a way took: seconds, requests and bytes by port, the highest memory in MiB; what it says itself."""

    seconds: float
    requests: Counter[int]
    bytes: Counter[int]
    memory: float
    told: Any


class _Counting(socket.socket):
    """A socket whose bytes are counted, by the port that they go to or come from."""

    counts: ClassVar[Counter[int]] = Counter()

    def sendall(self, data: Any, *more: Any) -> None:
        super().sendall(data, *more)
        _Counting.counts[self.getpeername()[1]] += memoryview(data).nbytes

    def recv(self, *size: Any) -> bytes:
        data = super().recv(*size)
        _Counting.counts[self.getpeername()[1]] += len(data)
        return data

    def recv_into(self, *target: Any) -> int:
        size = super().recv_into(*target)
        _Counting.counts[self.getpeername()[1]] += size
        return size


class _Requests(logging.Handler):
    """Counts the requests that HTTP libraries log, by the port that they go to."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counter[int]()
        for name in ("urllib3.connectionpool", "httpx"):
            logging.getLogger(name).setLevel(logging.DEBUG)
            logging.getLogger(name).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        match record.args:
            case (_, _, int() as port, _, _, _, _, _):  # urllib3's
                self.counts[port] += 1
            case (_, httpx.URL(port=int() as port), _, _, _):
                self.counts[port] += 1


# The ways, each in a process of its own; what it imports is not timed

Way = Callable[..., Callable[[], Any]]


def _alone(way: Way, *arguments: Any) -> Cost | None:
    """What it took; None where the process ended in the middle."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_measured, args=(there, way, arguments))
    process.start()
    there.close()
    try:
        cost: Cost = here.recv()
    except EOFError:
        return None
    finally:
        process.join()
    return cost


def _whole(way: Way, *arguments: Any) -> Cost:
    cost = _alone(way, *arguments)
    if cost is None:
        raise RuntimeError(f"{way.__name__}{arguments} ended before it was done")
    return cost


def _measured(answer: Any, way: Way, arguments: Sequence[Any]) -> None:
    socket.socket = _Counting  # type: ignore[misc]
    requests, work = _Requests(), way(*arguments)
    _Counting.counts.clear()
    requests.counts.clear()
    begun = time.perf_counter()
    told = work()
    seconds = time.perf_counter() - begun
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    answer.send(Cost(seconds, requests.counts, _Counting.counts, peak, told))


def _predict(case: Case, busy: Busy) -> Callable[[], int]:
    import boto3

    from include.annotators.registry import Annotator
    from include.clients.bulk import BulkStore
    from include.clients.images import ImageBucket
    from include.clients.ledger import Ledger, open_engine
    from include.lifecycle.assignment import Version
    from include.steps.predict import predict_shard, prediction_shards

    s3, ledger = boto3.client("s3"), Ledger(open_engine(case.ledger))
    model = Annotator("busy", "1", busy)

    def work() -> int:
        store, bucket = BulkStore(s3, case.project.ledger.store), ImageBucket(s3)
        for shard in prediction_shards(case.project, [Version(model.id)], ledger, 10_000):
            predict_shard(case.project, model, shard, bucket, store, ledger)
        return busy.asked

    return work


def _annotate(case: Case) -> Callable[[], None]:
    import boto3

    from include.clients.bulk import BulkStore
    from include.clients.cvat import CvatClient
    from include.clients.ledger import Ledger, open_engine
    from include.lifecycle.batches import Stage
    from include.steps.annotate import annotate

    ledger, store = Ledger(open_engine(case.ledger)), BulkStore(boto3.client("s3"), case.project.ledger.store)
    cvat = CvatClient(case.access)

    def work() -> None:
        ids = [batch.id for batch in ledger.batches.at(case.project.name, *Stage)]
        annotate(case.project, ids, cvat, store, ledger)

    return work


def _annotate_task(case: Case, busy: Busy, cache: str) -> Callable[[], int]:
    from cvat_sdk import make_client

    client = make_client(case.access.url, credentials=(case.access.username or "", case.access.password or ""))
    client.config.cache_dir = case.cache / cache

    def work() -> int:
        cvataa.annotate_task(client, case.task, busy)
        return busy.asked

    return work


def _in_turns(case: Case) -> Callable[[], dict[str, "Turn"]]:
    """Says what the driver, the model loop and the plain loop took at the least."""
    import boto3

    from include.annotators.driver import AnsweredImage, predict
    from include.annotators.looks import look_of
    from include.annotators.opened import open_picture
    from include.annotators.registry import Annotator
    from include.clients.images import ImageBucket
    from include.clients.ledger import Ledger, open_engine

    ledger, bucket, model = Ledger(open_engine(case.ledger)), ImageBucket(boto3.client("s3")), Busy()
    images = ledger.images.unpredicted(case.project.name, "none", "", _IN_TURNS)
    batches = [images[start : start + Busy.batch_size] for start in range(0, len(images), Busy.batch_size)]
    opened = [open_picture(bucket.read(image.uri, image.etag), image.header) for image in batches[0]]
    ids = {image.id for image in images}

    def bare() -> None:
        for _ in batches:
            model.detect_batch(opened)

    def plain() -> None:
        for batch in batches:
            pictures = [open_picture(bucket.read(image.uri, image.etag), image.header) for image in batch]
            for picture in pictures:
                look_of(picture)
            model.detect_batch(pictures)

    def driven() -> None:
        results = predict(Annotator("busy", "1", model), images, bucket, without_look=ids)
        if not all(isinstance(result, AnsweredImage) for result in results):
            raise RuntimeError("an image failed")

    def work() -> dict[str, Turn]:
        turns = [{way.__name__: _turn(way) for way in (bare, driven, plain)} for _ in range(5)]
        return {name: _least([turn[name] for turn in turns]) for name in turns[0]}

    _turn(bare)  # the first matrices take longer
    return work


@dataclass(frozen=True)
class Turn:
    """Seconds by the clock, of the processor in the calling thread, and of the processor in all threads."""

    whole: float
    thread: float
    process: float


def _turn(work: Callable[[], None]) -> Turn:
    begun = time.perf_counter(), time.thread_time(), time.process_time()
    work()
    ended = time.perf_counter(), time.thread_time(), time.process_time()
    return Turn(*(end - begin for begin, end in zip(begun, ended, strict=True)))


def _least(turns: Sequence[Turn]) -> Turn:
    return Turn(*(min(getattr(turn, one.name) for turn in turns) for one in fields(Turn)))


# What is there before


@contextmanager
def _running(folder: Path) -> Iterator[Callable[[str], Case]]:
    """An S3 server with the images, and CVAT; makes projects that know the images."""
    from include.clients.cvat import BucketAccess, CvatAccess
    from include.local.bucket import REGION, serve_bucket
    from include.local.cvat import serve_cvat
    from include.local.state import State

    pictures, jpeg = folder / "bucket" / "images" / "in", _jpeg()
    pictures.mkdir(parents=True)
    for number in range(_IMAGES):  # bytes after a picture's end make it another file, and not another picture
        (pictures / f"{number:04d}.jpg").write_bytes(jpeg + number.to_bytes(8, "big"))
    with serve_bucket(State(folder)) as bucket, serve_cvat(State(folder)) as cvat:
        os.environ |= {**bucket.environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        storage = BucketAccess("images", bucket.access_key, bucket.secret_key, bucket.endpoint_url, REGION)
        access = CvatAccess(cvat.url, username=cvat.username, password=cvat.password)
        yield lambda name: _case(name, access, storage, folder)


def _jpeg() -> bytes:
    """A smooth picture with some noise."""
    random = np.random.default_rng(0)
    smooth = PIL.Image.fromarray(random.integers(0, 256, (24, 32, 3), np.uint8)).resize((1024, 768))
    pixels = np.asarray(smooth, np.int16) + random.integers(-6, 7, (768, 1024, 1), np.int16)
    target = io.BytesIO()
    PIL.Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(target, "JPEG", quality=80)
    return target.getvalue()


def _case(name: str, access: "CvatAccess", storage: "BucketAccess", folder: Path) -> Case:
    import boto3

    from include.clients.images import ImageBucket
    from include.clients.ledger import Ledger, migrate, open_engine
    from include.projects.model import Project
    from include.steps.discover import discover_images

    project = Project.model_validate(
        {
            "name": name,
            "images": {"uri": "s3://images/in/"},
            "labels": [{"name": "car"}],
            "annotators": [{"model": "benchmarks.driver:Busy", "name": "busy"}],
            "batches": {"size": _IMAGES, "job_size": _IMAGES // 4, "max_wait": 0},
            "ledger": {"store": "s3://images/ledger"},
            "release": {"remote": "s3://images/dvc"},
        }
    )
    engine = open_engine(url := f"sqlite:///{folder}/{name}.db")
    migrate(engine)
    discover_images(project, ImageBucket(boto3.client("s3")), Ledger(engine), datetime.now(UTC))
    engine.dispose()
    return Case(project, url, access, storage, folder / "cache")


def _with_task(case: Case) -> Case:
    """The predicted images planned as one batch, whose task has its data."""
    import asyncio

    import boto3

    from include.clients.bulk import BulkStore
    from include.clients.cvat import CvatClient
    from include.clients.cvat.poller import wait_for_requests
    from include.clients.images import ImageBucket
    from include.clients.ledger import Ledger, open_engine
    from include.lifecycle.assignment import Version
    from include.lifecycle.batches import Stage
    from include.steps.attach import Answer, Outcome, attach_data, pending, settle
    from include.steps.check import check_frames
    from include.steps.create import create_tasks
    from include.steps.plan import plan_batches

    ledger, project, s3 = Ledger(open_engine(case.ledger)), case.project, boto3.client("s3")
    store = BulkStore(s3, project.ledger.store)
    plan_batches(project, [Version("busy@1")], store, ledger, datetime.now(UTC), "the benchmark")
    (batch,) = ledger.batches.at(project.name, Stage.PLANNED)
    with CvatClient(case.access) as cvat:
        create_tasks(project, [batch.id], cvat, ledger)
        attach_data(project, [batch.id], cvat, ImageBucket(s3), case.storage, ledger)
        ended = asyncio.run(wait_for_requests(case.access, pending([batch.id], ledger)))
        outcomes = {request: Outcome(Answer(end.answer), end.message) for request, end in ended.items()}
        settle(outcomes, [batch.id], cvat, ledger)
        check_frames([batch.id], cvat, ledger)
    (batch,) = ledger.batches.at(project.name, Stage.CHECKED)
    return replace(case, task=batch.task_id or 0)


# The comparison


def _rows(case: Case, to_be_killed: Case) -> Iterator[Row]:
    yield from _turned(_whole(_in_turns, case).told)
    predicting = _whole(_predict, case, Busy())
    with_task = _with_task(case)
    half, free = _IMAGES // 2 + 1, Busy(free=True)
    _alone(_annotate_task, with_task, Busy(half, free=True), "killed")
    left = _drawn(with_task)
    again = _whole(_annotate_task, with_task, free, "killed").told
    _clear(with_task)
    theirs = _whole(_annotate_task, with_task, Busy(), "first")
    _whole(_annotate_task, with_task, free, "first")
    twice = _drawn(with_task)
    _clear(with_task)
    drawing = _whole(_annotate, with_task)
    _whole(_annotate, with_task)
    yield from _compared(predicting, drawing, theirs, httpx.URL(case.access.url).port or 0)
    _alone(_predict, to_be_killed, Busy(half, free=True))
    kept = _kept(to_be_killed)
    rest = _whole(_predict, to_be_killed, free).told
    yield Row("killed at half: images of which something is left", kept, "images", _IMAGES, _SDK, left)
    yield Row("killed at half and tried again: images asked about", half + rest, "images", _IMAGES, _SDK, half + again)
    yield Row("done and tried again: objects in CVAT", _drawn(with_task), "objects", _IMAGES, _SDK, twice)


def _turned(least: dict[str, Turn]) -> Iterator[Row]:
    driver, bare, plain = least["driven"], least["bare"], least["plain"]
    yield Row("predicting: time", driver.whole, "s", _IN_TURNS, _BARE, bare.whole)
    yield Row("predicting: time", driver.whole, "s", _IN_TURNS, _PLAIN, plain.whole)
    asking = "predicting: processor time of the thread that asks the model"
    yield Row(asking, driver.thread, "s", _IN_TURNS, _BARE, bare.thread)
    yield Row("predicting: processor time of all threads", driver.process, "s", _IN_TURNS, _PLAIN, plain.process)


def _compared(predicting: Cost, drawing: Cost, theirs: Cost, cvat: int) -> Iterator[Row]:
    requests, moved = predicting.requests + drawing.requests, predicting.bytes + drawing.bytes
    measures = {
        "time": (predicting.seconds + drawing.seconds, theirs.seconds, "s"),
        "requests to CVAT": (requests[cvat], theirs.requests[cvat], "requests"),
        "bytes from and to CVAT": (moved[cvat] / 1e6, theirs.bytes[cvat] / 1e6, "MB"),
        "requests, the bucket's too": (requests.total(), theirs.requests.total(), "requests"),
        "bytes, the bucket's too": (moved.total() / 1e6, theirs.bytes.total() / 1e6, "MB"),
        "peak memory": (max(predicting.memory, drawing.memory), theirs.memory, "MiB"),
    }
    for measure, (ours, its, unit) in measures.items():
        yield Row(f"predicting and drawing: {measure}", ours, unit, _IMAGES, _SDK, its)


def _kept(case: Case) -> int:
    from include.clients.ledger import Ledger, open_engine

    return len(Ledger(open_engine(case.ledger)).images.waiting(case.project.name, ["busy@1"]))


def _drawn(case: Case) -> int:
    return len(_annotations(case, "GET").json()["shapes"])


def _clear(case: Case) -> None:
    _annotations(case, "DELETE")


def _annotations(case: Case, method: str) -> httpx.Response:
    login = (case.access.username or "", case.access.password or "")
    url = f"{case.access.url}/api/tasks/{case.task}/annotations"
    return httpx.request(method, url, auth=login, timeout=60).raise_for_status()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="labelcycle-benchmark-") as folder, _running(Path(folder)) as case:
        save("driver", list(_rows(case("whole"), case("killed"))))


if __name__ == "__main__":
    main()
