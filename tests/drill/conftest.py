"""What all drills share: their seeds, and the one line with which each ends.

`DRILL=1` (`make drill`) plays each drill's seeds, `DRILL=long` (`make drill-long`) many more, `DRILL_SEED=7` that one;
without any of them a drill is played in small. A new drill is a file here that takes the fixtures `seed` and `tally`.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.include.conftest import bucket, s3, s3_endpoint
from tests.include.steps.conftest import cvat_access, empty_ledger, new_world, server

__all__ = ["bucket", "cvat_access", "empty_ledger", "new_world", "s3", "s3_endpoint", "server"]
LENGTHS = {"": 0, "1": 1, "long": 2}


@dataclass
class Tally:
    """What struck in all stories of a drill together, and what came of it."""

    name: str
    faults: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    duplicates: int = 0
    lost: int = 0
    late: int = 0

    @property
    def line(self) -> str:
        """The line with which a drill ends."""
        figures = ("kills", "duplicates", "lost", "late")
        return f"drill {self.name}: faults={self.faults.total()} " + " ".join(
            f"{name}={getattr(self, name)}" for name in figures
        )


def length() -> int:
    """How long drills are to be: 0 as one of all tests, 1, or 2."""
    return LENGTHS[os.environ.get("DRILL", "")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `seed` is played with as many as its module's SEEDS says: small, as a drill, and long."""
    if "seed" in metafunc.fixturenames:
        one = os.environ.get("DRILL_SEED")
        metafunc.parametrize("seed", [int(one)] if one else range(metafunc.module.SEEDS[length()]))


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Counts of this drill, which are told in one line in the end, captured or not."""
    counts = Tally(request.module.__name__.rpartition("test_")[2])
    yield counts
    output = getattr(request.config, "workeroutput", None)
    if output is not None:  # a process of pytest-xdist: tests/conftest.py prints it
        output.setdefault("drills", []).append(counts.line)
        return
    plugins = request.config.pluginmanager
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        plugins.get_plugin("terminalreporter").write_line(f"\n{counts.line}")
