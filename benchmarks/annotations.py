"""Reading and writing 100,000 shapes, against the SDK's `get_annotations` and `update_annotations`.

The server is a bare one that holds its answers ready, of the form that a real server's were recorded in: the emulator
would take seconds for them, and its noise would drown ours. A time is what is left of the whole when the time of a bare
call of the same bytes is taken off: that is the server's own. Ours checks every shape before it is sent, and compares
the answer with what was sent; the SDK does neither. Each way runs in a process of its own, which gives its peak memory
(with all that is imported: about 55 MiB); times are medians of three runs, the SDK's of one.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Any

import msgspec
import urllib3

from benchmarks.results import Row, save

_SHAPES = 100_000
_JOBS = 20
_A_FRAME = 50  # shapes
_LABEL, _SPEC = 60, 3
_TOKEN = "of-the-benchmark"  # the bare server takes any
Way = Callable[[str], None]


# The bare server


def _shape(number: int) -> dict[str, object]:
    """A shape as CVAT answers it; no two are the same."""
    left, top = number % 997 / 4, number % 499 / 4
    return {
        **{"id": number + 1, "label_id": _LABEL, "type": "rectangle", "frame": number // _A_FRAME, "group": 0},
        **{"source": "auto", "score": number % 1000 / 1000, "occluded": False, "outside": False, "z_order": 0},
        **{"rotation": 0.0, "points": [left, top, left + 20.25, top + 10.5]},
        **{"attributes": [{"spec_id": _SPEC, "value": str(number % 100)}], "elements": []},
    }


def _answer(shapes: Sequence[dict[str, object]]) -> bytes:
    return msgspec.json.encode({"version": 0, "tags": [], "shapes": shapes, "tracks": [], "intervals": []})


class _Bare(BaseHTTPRequestHandler):
    """Job 1 has all the shapes, every other a share of them; what is sent is answered as it came, with ids."""

    protocol_version = "HTTP/1.1"
    answers: dict[str, bytes] = {}  # noqa: RUF012  # by path, filled before it serves

    def do_GET(self) -> None:
        path = self.path.rstrip("/")
        self._send(self.answers["meta" if path.endswith("meta") else "one" if "/jobs/1/" in path else "share"])

    def do_PATCH(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        shapes = msgspec.json.decode(body)["shapes"]
        self._send(_answer([{**shape, "id": number} for number, shape in enumerate(shapes, 1)]))

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.cvat+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _serve() -> None:
    shapes = [_shape(number) for number in range(_SHAPES)]
    frames = [{"name": f"{number}.jpg", "width": 640, "height": 480} for number in range(_SHAPES // _A_FRAME)]
    meta = json.dumps({"frames": frames, "deleted_frames": []}).encode()
    _Bare.answers = {"one": _answer(shapes), "share": _answer(shapes[: _SHAPES // _JOBS]), "meta": meta}
    with ThreadingHTTPServer(("127.0.0.1", 0), _Bare) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}\n")
        sys.stdout.flush()
        server.serve_forever()


@contextmanager
def _served() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.annotations", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


# The ways, each in a process of its own; what it imports is not timed


def _bare(url: str, method: str, job: int, body: bytes | None = None) -> bytes:
    return urllib3.PoolManager().request(method, f"{url}/api/jobs/{job}/annotations", body=body, timeout=120.0).data


def _time(work: Callable[[], object]) -> None:
    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(json.dumps([seconds, peak / 1024]))


def _bare_one(url: str) -> None:
    _time(lambda: _bare(url, "GET", 1))


def _bare_many(url: str) -> None:
    pool = urllib3.PoolManager()

    def work() -> None:
        for job in range(2, 2 + _JOBS):
            assert pool.request("GET", f"{url}/api/jobs/{job}/data/meta").data
            assert pool.request("GET", f"{url}/api/jobs/{job}/annotations").data

    _time(work)


def _bare_write(url: str) -> None:
    body = _answer([_shape(number) for number in range(_SHAPES)])
    _time(lambda: _bare(url, "PATCH", 1, body))


def _our_one(url: str) -> None:
    from include.clients.cvat import CvatAccess, CvatClient

    with CvatClient(CvatAccess(url, token=_TOKEN)) as cvat:
        _time(lambda: cvat.annotations.read(1))


def _our_many(url: str) -> None:
    from include.clients.cvat import CvatAccess, CvatClient

    def work() -> None:
        for _ in cvat.annotations.each(range(2, 2 + _JOBS)):
            pass

    with CvatClient(CvatAccess(url, token=_TOKEN)) as cvat:
        _time(work)


def _our_write(url: str) -> None:
    from include.clients.cvat import Attribute, Canvas, CvatAccess, CvatClient, NewShape, ProjectLabels
    from include.clients.cvat.records import AttributeSpec, LabelRow, Meta
    from include.clients.cvat.writing import look, parts_of

    labels = ProjectLabels([LabelRow(_LABEL, "car", "rectangle", [AttributeSpec(_SPEC, "text")])])

    def new(number: int) -> NewShape:
        left, top = number % 997 / 4, number % 499 / 4
        points, value = (left, top, left + 20.25, top + 10.5), Attribute(_SPEC, str(number % 100))
        score = number % 1000 / 1000
        return NewShape(number // _A_FRAME, _LABEL, "rectangle", points, "auto", score, attributes=(value,))

    def work() -> None:
        canvas = Canvas(1, 0, _SHAPES // _A_FRAME, meta, labels)
        shapes = [shape for shape in map(new, range(_SHAPES)) if canvas.refusal(shape) is None]
        for part in parts_of(shapes):
            sent = shapes[part.start : part.stop]
            assert list(map(look, cvat.annotations.create(1, sent))) == list(map(look, sent))

    with CvatClient(CvatAccess(url, token=_TOKEN)) as cvat:
        meta: Meta = cvat.meta(1)
        _time(work)


def _sdk_job(url: str, number: int) -> Any:
    from cvat_sdk import Client
    from cvat_sdk.core.client import AccessTokenCredentials, Config
    from cvat_sdk.core.proxies.jobs import Job

    client = Client(url, config=Config(), check_server_version=False)
    client.login(AccessTokenCredentials(_TOKEN))
    return Job(client, {"id": number})


def _sdk_one(url: str) -> None:
    job = _sdk_job(url, 1)
    _time(job.get_annotations)


def _sdk_many(url: str) -> None:
    jobs = [_sdk_job(url, number) for number in range(2, 2 + _JOBS)]

    def work() -> None:
        for job in jobs:
            job.get_annotations()

    _time(work)


def _sdk_write(url: str) -> None:
    from cvat_sdk import models
    from cvat_sdk.core.proxies.annotations import AnnotationUpdateAction

    job = _sdk_job(url, 1)

    def new(number: int) -> object:
        left, top = number % 997 / 4, number % 499 / 4
        return models.LabeledShapeRequest(
            frame=number // _A_FRAME,
            label_id=_LABEL,
            type="rectangle",
            points=[left, top, left + 20.25, top + 10.5],
            source="auto",
            score=number % 1000 / 1000,
            attributes=[models.AttributeValRequest(spec_id=_SPEC, value=str(number % 100))],
        )

    def work() -> None:
        data = models.PatchedLabeledDataRequest(shapes=list(map(new, range(_SHAPES))))
        job.update_annotations(data, action=AnnotationUpdateAction.CREATE)

    _time(work)


_WAYS: dict[str, Way] = {
    **{"bare-one": _bare_one, "bare-many": _bare_many, "bare-write": _bare_write},
    **{"our-one": _our_one, "our-many": _our_many, "our-write": _our_write},
    **{"sdk-one": _sdk_one, "sdk-many": _sdk_many, "sdk-write": _sdk_write},
}


_TABLE = (
    ("one", "reading one job", " (target: 20 x)", " (target: well over 2 x)"),
    ("many", f"reading {_JOBS} jobs", " (target: 20 x)", ""),
    ("write", "writing one job", "", ""),
)


def _measured(url: str, way: str, runs: int) -> tuple[float, float]:
    """The median of the seconds, and of the peak memory in MiB."""
    command = [sys.executable, "-m", "benchmarks.annotations", way, url]
    found = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(runs)
    ]
    return median(seconds for seconds, _ in found), median(peak for _, peak in found)


def main() -> None:
    """Run all ways and write the results."""
    rows = []
    with _served() as url:
        for kind, what, times, least in _TABLE:
            floor, _ = _measured(url, f"bare-{kind}", 3)
            ours, our_peak = _measured(url, f"our-{kind}", 3)
            theirs, their_peak = _measured(url, f"sdk-{kind}", 1)
            name = f"SDK's {'update' if kind == 'write' else 'get'}_annotations"
            time_over = f"{what}: time over the server's own{times}"
            rows.append(Row(time_over, max(ours - floor, 0.001), "s", _SHAPES, name, theirs - floor))
            rows.append(Row(f"{what}: peak memory{least}", our_peak, "MiB", _SHAPES, name, their_peak))
    save("annotations", rows)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            _serve()
        case [way, url]:
            _WAYS[way](url)
        case _:
            main()
