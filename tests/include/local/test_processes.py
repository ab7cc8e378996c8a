"""Servers as child processes: real ones, started and ended for real."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from include.local.processes import ServerFailed, run_once, running

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def _is_alive(pid: int) -> bool:
    """Whether a process with this id runs; a zombie does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _is_alive(pid)


def test_a_server_runs_as_long_as_its_context(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with running("sleeper", [sys.executable, "-c", program], log=tmp_path / "log", answers=lambda: _has_text(mark)):
        pid = int(mark.read_text())
        assert _is_alive(pid)
    assert not _is_alive(pid)


def _has_text(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def test_a_server_that_ends_at_its_start_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    program = "import sys; sys.exit('no such disk')"
    with (
        pytest.raises(ServerFailed, match=r"the vault ended at its start with code 1(?s:.)*no such disk"),
        running("vault", [sys.executable, "-c", program], log=tmp_path / "log", answers=lambda: False),
    ):
        pass


def test_a_server_that_never_answers_is_ended_and_reported(tmp_path: Path) -> None:
    with (
        pytest.raises(ServerFailed, match=r"the mute did not answer within 0.2 s"),
        running("mute", SLEEP, log=tmp_path / "log", answers=lambda: False, within=0.2),
    ):
        pass


def test_the_environment_reaches_the_server_and_its_log_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "log"
    program = "import os, time; print(os.environ['WORD'], flush=True); time.sleep(60)"
    for word in ("first", "second"):
        with running(
            "echo",
            [sys.executable, "-c", program],
            log=log,
            answers=lambda word=word: word in log.read_text(),
            environment={"WORD": word},
        ):
            pass
    assert log.read_text().split() == ["first", "second"]


@pytest.mark.slow
def test_what_a_server_starts_ends_with_it_even_in_a_group_of_its_own_and_deaf(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    deaf = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    )
    server = (
        "import subprocess, sys, time;"
        f"subprocess.Popen([sys.executable, '-c', {deaf!r}], process_group=0); time.sleep(60)"
    )
    with running("nest", [sys.executable, "-c", server], log=tmp_path / "log", answers=lambda: _has_text(mark)):
        pid = int(mark.read_text())
    assert not _is_alive(pid)


def test_a_command_that_fails_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    program = "import sys; sys.exit('no such table')"
    with pytest.raises(ServerFailed, match=r"the migration failed with code 1(?s:.)*no such table"):
        run_once("migration", [sys.executable, "-c", program], log=tmp_path / "log", environment={})


def test_no_server_outlives_a_killed_stack(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    stack = (
        "import sys, time\nfrom pathlib import Path\nfrom include.local.processes import running\n"
        f"mark = Path({str(mark)!r})\n"
        f"with running('server', [sys.executable, '-c', {program!r}], log=mark.with_name('log'),"
        " answers=lambda: mark.exists() and mark.stat().st_size > 0):\n"
        "    print('up', flush=True)\n    time.sleep(60)\n"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", stack], cwd=root, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        server = int(mark.read_text())
        os.kill(parent.pid, signal.SIGKILL)
    assert _gone_within(server, 5)
