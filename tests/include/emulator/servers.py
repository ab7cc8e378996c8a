"""Emulators as people start them: processes of their own, on data folders of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

_PASSWORD = "only-for-tests"


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and plain HTTP to it as the administrator."""

    process: subprocess.Popen[str]
    admin: httpx.Client


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """A server that is killed at the end, unless it has ended by then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "include.emulator", "--data", str(folder)],
        env={**os.environ, "CVAT_ADMIN_PASSWORD": _PASSWORD},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    with process, httpx.Client(base_url=url, auth=("admin", _PASSWORD), timeout=30) as admin:
        yield Server(process, admin)
        process.kill()
