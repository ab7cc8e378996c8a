"""What the tests of the local stack share."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest


@pytest.fixture
def command_lines() -> Callable[[], list[bytes]]:
    """Reads the command lines of all processes, as anybody on the machine can."""

    def read() -> list[bytes]:
        lines = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # the process has ended meanwhile
                lines.append(path.read_bytes())
        return lines

    return read
