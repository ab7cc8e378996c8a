"""What 100, 1,000 and 10,000 waits for CVAT's requests cost, against asking for each of them every 5 s.

Calls and server time are played for 1,000 s in virtual time against a queue that works off a request in 1.3 s, after
a start of 200 s; so many still wait at the end. Server time is *modelled*, of what was recorded on a real server: 21 ms
a request, 40 ms a list and 0.6 ms a row of it. Between two looks at all, only the oldest are asked for.

The triggerer's CPU and memory are measured in a process of its own that runs our triggers (50 at the most), or a loop
a request, for 15 s from their start, on a bare server whose requests stay queued. Memory is the process's peak, with
Airflow and all that it imports.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from benchmarks.results import Row, save
from benchmarks.servers.played import SINGLE, PlayedCvat, now, play
from include.clients.cvat.lines import Watched
from include.clients.cvat.poller import Poller

_COUNTS = (100, 1000, 10_000)
_TRIGGERS = 50
_EACH = 5.0  # seconds between two looks at a request, where each is asked for
_START, _PLAYED = 200, 1000  # seconds
_MEASURED = 15.0  # seconds
_TOKEN = "of-the-benchmark"  # the bare server takes any


def _id(number: int) -> str:
    return f"action=create&target=task&target_id={number}"


# Calls and server time, played


async def _wait(server: PlayedCvat) -> None:
    await asyncio.sleep(max(one.came for one in server.requests.values()))
    poller, ids, deadline = Poller(lambda: server, now), list(server.requests), now() + timedelta(days=10)
    shards = [[Watched(one, deadline, 500) for one in ids[start::_TRIGGERS]] for start in range(_TRIGGERS)]
    waits = asyncio.gather(*(poller.wait(shard) for shard in shards))
    await asyncio.wait([waits], timeout=_START + _PLAYED)
    waits.cancel()
    with suppress(asyncio.CancelledError):
        await waits


def _played(count: int) -> list[Row]:
    """The rows for as many requests as still wait at the end."""
    server = PlayedCvat()
    done_meanwhile = int((_START + _PLAYED) / 1.3)
    for number in range(count + done_meanwhile):
        server.submit(_id(number), 1.3)
    play(_wait(server))
    begun = server.calls[0].at
    calls = [call for call in server.calls if call.at >= begun + _START]
    minutes, looks = _PLAYED / 60, count / _EACH * 60
    share, every = sum(call.cost for call in calls) / _PLAYED, count / _EACH * SINGLE
    between = [call for call in calls if not call.what.startswith("all")]
    theirs = f"each every {_EACH:.0f} s"
    return [
        Row("calls a minute", len(calls) / minutes, "calls", count, theirs, looks),
        Row("of them between looks at all", len(between) / minutes, "calls", count),
        Row("server time, modelled", 100 * share, "% of a core", count, theirs, 100 * every),
    ]


# CPU and memory, measured


class _Bare(BaseHTTPRequestHandler):
    """A server whose requests stay queued."""

    protocol_version = "HTTP/1.1"
    everything = b""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        one = path.removeprefix("/api/requests").removeprefix("/")
        body = _row(one.replace("%3D", "=").replace("%26", "&")) if one else self.everything
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.cvat+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _BareServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A way that was measured is broken off."""


def _row(request_id: str) -> bytes:
    """A request as CVAT shows one."""
    task = int(request_id.rpartition("=")[2])
    about = {"project_id": 1, "task_id": task, "job_id": None, "org_id": None, "format": None, "lightweight": None}
    row = {
        "status": "queued",
        "message": "",
        "id": request_id,
        "operation": {"type": "create:task", "target": "task", **about},
        "progress": 0.0,
        "created_date": f"2026-11-20T21:{task // 1000:02}:{task // 20 % 50:02}.{task % 1000:03}464Z",
        **dict.fromkeys(("started_date", "finished_date", "expiry_date", "result_url", "result_id")),
        "owner": {"id": 1, "username": "admin"},
    }
    return json.dumps(row).encode()


@contextmanager
def _bare(count: int) -> Iterator[str]:
    rows = b",".join(_row(_id(number)) for number in range(count))
    _Bare.everything = b'{"count":%d,"next":null,"previous":null,"results":[%s]}' % (count, rows)
    with _BareServer(("127.0.0.1", 0), _Bare) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


async def _triggers(count: int) -> None:
    """Our triggers, as a triggerer runs them."""
    from labelcycle.triggers.requests import RequestsTrigger

    deadline = (datetime.now(UTC) + timedelta(hours=6)).isoformat()
    ids, shards = [_id(number) for number in range(count)], min(_TRIGGERS, count // 20)
    cuts = [ids[start::shards] for start in range(shards)]
    names = [{one: f"project signs batch {one[-6:]} task 7 request {one}" for one in cut} for cut in cuts]
    triggers = [
        RequestsTrigger("cvat_default", dict.fromkeys(cut, deadline), named, dict.fromkeys(cut, 500))
        for cut, named in zip(cuts, names, strict=True)
    ]
    await asyncio.gather(*(anext(trigger.run()) for trigger in triggers))


async def _loops(count: int) -> None:
    """A loop a request."""
    url = json.loads(os.environ["AIRFLOW_CONN_CVAT_DEFAULT"])["host"]

    async def ask(http: httpx.AsyncClient, number: int) -> None:
        await asyncio.sleep(_EACH * number / count)
        while True:
            path = f"/api/requests/{_id(number)}".replace("=", "%3D").replace("&", "%26")
            async with few:  # httpx takes minutes to sort thousands that wait for a connection
                json.loads((await http.get(path)).content)
            await asyncio.sleep(_EACH)

    few = asyncio.Semaphore(20)
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        await asyncio.gather(*(ask(http, number) for number in range(count)))


def _child(way: str, count: int) -> None:
    """Wait for a while, and print the CPU's share in percent of a core and the peak of memory in MB."""
    import labelcycle.triggers.requests  # noqa: F401  as much is imported for either way

    async def a_while() -> None:
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.wait([asyncio.ensure_future({"ours": _triggers, "each": _loops}[way](count))], timeout=_MEASURED)
        share = 100 * (time.process_time() - cpu) / (time.monotonic() - began)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sys.stdout.write(f"\nmeasured {share} {memory}\n")
        sys.stdout.flush()
        os._exit(0)  # to end ten thousand loops in order takes minutes

    asyncio.run(a_while())


def _measured(way: str, url: str, count: int) -> tuple[float, float]:
    connection = {"conn_type": "cvat", "host": url, "password": _TOKEN}
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW_CONN_CVAT_DEFAULT": json.dumps(connection)}
        environment |= {"PYTHONPATH": "plugins"}
        command = [sys.executable, "-m", "benchmarks.waiting", way, str(count)]
        ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    cpu, memory = ran.stdout.rpartition("measured ")[2].split()
    return float(cpu), float(memory)


def _costs(count: int) -> list[Row]:
    with _bare(count) as url:
        share, memory = _measured("ours", url, count)
        theirs, their_memory = _measured("each", url, count)
    name = f"each every {_EACH:.0f} s"
    return [
        Row("the triggerer's CPU, its start included", share, "% of a core", count, name, theirs),
        Row("the triggerer's peak memory", memory, "MB", count, name, their_memory),
    ]


def main() -> None:
    """Measure, and save."""
    rows = [row for count in _COUNTS for row in [*_played(count), *_costs(count)]]
    save("waiting", sorted(rows, key=lambda row: [one.measure for one in rows].index(row.measure)))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _child(sys.argv[1], int(sys.argv[2]))
    else:
        main()
