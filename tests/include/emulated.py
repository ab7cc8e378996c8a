"""A CVAT emulator for the tests, over real HTTP, with its switches; and what calls were made to it."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from include.clients.cvat import CvatAccess

T = TypeVar("T")
ADMIN, PASSWORD = "admin", "only-for-tests"


@dataclass(slots=True)
class Emulated:
    """A running emulator. `http` is what a person does: plain calls as the administrator."""

    folder: Path
    port: int
    http: httpx.Client
    _process: subprocess.Popen[str] = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def access(self) -> CvatAccess:
        return CvatAccess(self.url, username=ADMIN, password=PASSWORD)

    def token(self, *, read_only: bool = False) -> CvatAccess:
        """Access by a new token of the administrator."""
        body = {"name": f"token {uuid4().hex[:6]}", "read_only": read_only}
        return CvatAccess(self.url, token=self.post("/api/auth/access_tokens", body)["value"])

    def post(self, path: str, body: Any, **query: str) -> Any:
        return _json(self.http.post(path, json=body, params=query))

    def patch(self, path: str, body: Any, **query: str) -> Any:
        return _json(self.http.patch(path, json=body, params=query))

    def get(self, path: str, **query: str | int) -> Any:
        return _json(self.http.get(path, params=query))

    def rows(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get(path, page_size="all", **query)["results"]
        return rows

    def user(self, name: str) -> int:
        """The id of a new person of that name."""
        body = {"username": name, "email": f"{name}@example.com", "password1": PASSWORD, "password2": PASSWORD}
        answer = httpx.post(f"{self.url}/api/auth/register", json=body)
        answer.raise_for_status()
        return int(self.rows("/api/users", search=name)[0]["id"])

    def fault(self, method: str, path: str, **fault: Any) -> None:
        """The next call of this method whose path starts so goes wrong."""
        self.post("/emulator/faults", {"method": method, "path": path, **fault})

    def forget_faults(self) -> None:
        self.http.delete("/emulator/faults").raise_for_status()

    def hold(self, held: bool) -> None:
        """Background requests stay queued."""
        self.post("/emulator/worker", {"held": held})

    def fail_requests(self, count: int, message: str) -> None:
        self.post("/emulator/failures", {"count": count, "message": message})

    def advance(self, seconds: float) -> None:
        self.post("/emulator/clock", {"advance_s": seconds})

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def start_again(self) -> None:
        """On the same folder and port."""
        self._process = _started(self.folder, self.port)


@contextmanager
def emulated(folder: Path) -> Iterator[Emulated]:
    """An emulator on a folder, for as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = _started(folder, port)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=(ADMIN, PASSWORD), timeout=60.0) as http:
        server = Emulated(folder, port, http, process)
        try:
            yield server
        finally:
            server.stop()


def until(look: Callable[[], T]) -> T:
    """What a look finds at last. Raises TimeoutError where it finds nothing for long."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.01)
    raise TimeoutError("nothing was found within 120 s")


def _started(folder: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "include.emulator", "--data", str(folder), "--port", str(port)]
    environment = {**os.environ, "CVAT_ADMIN_PASSWORD": PASSWORD}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("CVAT emulator on"), "the emulator did not start"
    return process


def _json(answer: httpx.Response) -> Any:
    answer.raise_for_status()
    return answer.json() if answer.content else None


class Calls(logging.Handler):
    """The calls that clients make to a server, as their HTTP libraries log them: `GET /api/tasks`."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self.made: list[str] = []
        self.broken = 0  # of them, those that the server answered with 5xx

    def emit(self, record: logging.LogRecord) -> None:
        match record.args:
            case (_, _, port, method, path, _, status, _) if port == self._port:  # urllib3's
                self._note(f"{method} {path}", status)
            case (method, httpx.URL() as url, _, status, _) if url.port == self._port:
                self._note(f"{method} {url.raw_path.decode()}", status)

    def _note(self, call: str, status: object) -> None:
        self.made.append(call)
        self.broken += isinstance(status, int) and status >= 500

    def count(self, beginning: str) -> int:
        return sum(call.startswith(beginning) for call in self.made)


@contextmanager
def calls_to(server: Emulated) -> Iterator[Calls]:
    """Count the calls that our clients make (not the ones that a test makes as a person before or after)."""
    calls = Calls(server.port)
    loggers = {logging.getLogger(name): level for name, level in (("urllib3.connectionpool", 10), ("httpx", 20))}
    before = {logger: logger.level for logger in loggers}
    for logger, level in loggers.items():
        logger.setLevel(level)
        logger.addHandler(calls)
    try:
        yield calls
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
            logger.removeHandler(calls)
