"""The demo's CVAT: the emulator as a server of its own, on loopback."""

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from include.local.processes import running
from include.local.state import State

ADMIN = "admin"
_PASSWORD_VARIABLE = "CVAT_ADMIN_PASSWORD"
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Cvat:
    """A running CVAT: where it is, and the administrator's account."""

    url: str
    username: str
    password: str = field(repr=False)


@contextmanager
def serve_cvat(state: State) -> Iterator[Cvat]:
    """Run the emulator on the state's `cvat` folder for as long as the context lasts.

    Raises ServerFailed if the server does not start, OSError if its port has been taken.
    """
    port = state.port("cvat")
    cvat = cvat_of(state)
    with running(
        "CVAT emulator",
        [
            *(sys.executable, "-m", "include.emulator"),
            *("--data", str((state.folder / "cvat").absolute())),
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--password-env", _PASSWORD_VARIABLE),
        ],
        log=state.log("cvat"),
        answers=lambda: _answers(cvat.url),
        environment={_PASSWORD_VARIABLE: cvat.password, "PYTHONPATH": str(_ROOT)},
    ):
        yield cvat


def cvat_of(state: State) -> Cvat:
    """The CVAT of a stack, whether it runs or not."""
    return Cvat(state.address("cvat"), ADMIN, state.secret("cvat admin password"))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/server/about", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
