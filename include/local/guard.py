"""Runs a server, and ends all of it: `python guard.py command …`, as the leader of a session of its own.

A server may start processes that it does not end, and put them into groups of their own, as Airflow does with each
task; but all of them stay in the session. When the guard is told to stop (SIGTERM), or the server has ended by itself,
it ends whoever is left there: politely, then not.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

_POLITE_SECONDS = 5.0
_POLL_SECONDS = 0.05


def main() -> None:
    """Run the command until it ends or the guard is told to stop; the exit code is the command's."""
    signal.signal(signal.SIGTERM, _stop)
    server = subprocess.Popen(sys.argv[1:])
    try:
        server.wait()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_session(server)
    sys.exit(server.returncode)


def _stop(_: int, __: FrameType | None) -> None:
    raise SystemExit


def _end_session(server: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _POLITE_SECONDS
        for pid in _left(server):
            _signal(pid, number)
        while _left(server) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def _left(server: "subprocess.Popen[bytes]") -> set[int]:
    """The processes of this session that run, save the guard. Where there is no /proc only the server is known."""
    session = os.getsid(0)
    pids = {int(path.name) for path in Path("/proc").glob("[0-9]*")} - {os.getpid()}
    running = {server.pid} if server.poll() is None else set()
    return running | {pid for pid in pids if _session_of(pid) == session}


def _session_of(pid: int) -> int | None:
    """The session of a process that runs; none of one that has ended, even if nobody has taken its exit code yet."""
    try:
        state, _, _, session = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:4]
    except OSError:
        return None
    return None if state == "Z" else int(session)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main()
