import os
import sys
import time
from pathlib import Path

import pytest

from include.clients.versions.commands import CommandError, run
from tests.include.emulated import until


def python(code: str, folder: Path, seconds: float = 20) -> bytes:
    return run((sys.executable, "-c", code), folder, os.environ, seconds)


def test_the_standard_output_comes_back(tmp_path: Path) -> None:
    assert python("import os; print(os.getcwd())", tmp_path) == f"{tmp_path}\n".encode()


def test_a_failure_tells_what_the_program_wrote(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        python("import sys; print('out'); sys.exit('no such branch')", tmp_path)
    assert caught.value.output == "no such branch"


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no program 'no-such-program'"):
        run(("no-such-program", "--help"), tmp_path, os.environ, 20)


def test_nothing_can_be_asked_of_the_one_who_waits(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="EOFError"):
        python("input('Password: ')", tmp_path)
    with pytest.raises(CommandError, match="No such device"):  # no terminal: ENXIO, as of open(2)
        python("open('/dev/tty')", tmp_path)


def test_a_deadline_ends_the_program_and_its_children(tmp_path: Path) -> None:
    """The child holds the pipe open: unless it is ended too, waiting for the pipe's end takes its whole minute."""
    began = time.monotonic()
    with pytest.raises(CommandError, match=r"still running after 1\.5 s"):
        run(("sh", "-c", "sleep 60 & echo $! > child; wait"), tmp_path, os.environ, 1.5)
    assert time.monotonic() - began < 20
    child = Path("/proc", (tmp_path / "child").read_text().strip(), "stat")
    assert until(lambda: ended(child))


def ended(stat: Path) -> bool:
    """Whether the process is gone, or dead and not yet waited for: proc(5)."""
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
