"""Other programs, run with a deadline: nothing to read from, nobody to ask, and no process left behind."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


class CommandError(Exception):
    """A program that is missing, failed, or did not end in time. `output` is what it wrote, or why there is nothing."""

    def __init__(self, command: str, output: str) -> None:
        super().__init__(f"{command}: {output}")
        self.command = command
        self.output = output


def run(arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], seconds: float) -> bytes:
    """What the program wrote to its standard output.

    Raises CommandError if it cannot be started, ends with another code than 0, or is still running after `seconds`.
    """
    command = " ".join(arguments)
    began = time.monotonic()
    try:
        # In a session of its own it has no terminal to ask for a password on, and its children can be ended with it.
        process = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise CommandError(command, f"there is no program {arguments[0]!r}") from None
    with process:
        output, errors = _communicate(process, command, seconds)
    log.debug("%s took %.1f s", command, time.monotonic() - began)
    if process.returncode != 0:
        raise CommandError(command, (errors or output).decode(errors="replace").strip())
    return output


def _communicate(process: subprocess.Popen[bytes], command: str, seconds: float) -> tuple[bytes, bytes]:
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise CommandError(command, f"was still running after {seconds:g} s, and was ended") from None
    except BaseException:  # the task that waits is being ended: what it started ends too
        _kill(process)
        raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
