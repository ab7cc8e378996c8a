"""Servers that run as child processes of the stack, and end with it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")
_STOP_SECONDS = 20.0  # the guard takes 10 at the most
_POLL_SECONDS = 0.05
_TAIL_LINES = 15


class ServerFailed(Exception):
    """A server ended, or did not answer in time, while it was being started."""


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    answers: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    within: float = 30.0,
) -> Iterator[None]:
    """Run a server for as long as the context lasts; it begins when `answers()` is true. Secrets belong into the
    environment, which is added to this process's own: others can read a command line. The log is appended to.

    The server cannot outlive the stack, nor can what it starts. It has a session of its own, so that Ctrl-C in the
    terminal ends it only after the stack's own work has ended, and a guard there that ends the whole session; and the
    kernel sends the guard SIGTERM when the thread that started it dies, however that dies (`setpriv`, of Debian's
    essential packages, asks for that; Python's preexec_fn could too, but is not safe where there are threads). So do
    not start it from a thread that ends before the context.

    Raises ServerFailed, with the end of the log, if the server ends at once or does not answer within so many seconds.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        server = subprocess.Popen(
            [*_end_with_parent(), sys.executable, "-I", "-S", str(_GUARD), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        _wait_for(name, server, answers, log, within)
        yield
    finally:
        _stop(server)


def run_once(
    name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str], within: float = 120.0
) -> None:
    """Run a command to its end; its output is appended to the log.

    Raises ServerFailed, with the end of the log, if it fails, subprocess.TimeoutExpired if it takes longer.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        ended = subprocess.run(
            [*_end_with_parent(), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
            timeout=within,
            check=False,
        )
    if ended.returncode:
        raise ServerFailed(f"the {name} failed with code {ended.returncode}; {_tail(log)}")


def _end_with_parent() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _wait_for(
    name: str, server: subprocess.Popen[bytes], answers: Callable[[], bool], log: Path, within: float
) -> None:
    deadline = time.monotonic() + within
    while not answers():
        if server.poll() is not None:
            raise ServerFailed(f"the {name} ended at its start with code {server.returncode}; {_tail(log)}")
        if time.monotonic() > deadline:
            raise ServerFailed(f"the {name} did not answer within {within:g} s; {_tail(log)}")
        time.sleep(_POLL_SECONDS)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    return "\n".join([f"the end of {log}:", *lines])


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Have the guard end the server and whatever it started."""
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(_STOP_SECONDS)
