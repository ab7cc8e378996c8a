"""What all tests share: Airflow's settings, which must be there before Airflow is first imported."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from include.local.stack import airflow_settings

FOLDER = Path(tempfile.mkdtemp(prefix="labelcycle-tests-"))
os.environ.update(airflow_settings(FOLDER))

hypothesis.settings.register_profile("labelcycle", deadline=None)  # machines are busy: no test fails for its time
hypothesis.settings.load_profile("labelcycle")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: many kills or many calls, for `make test-slow`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first: at the end one process would work on it alone."""
    items.sort(key=lambda item: item.path.name != "test_three_days.py")


@pytest.fixture(scope="session")
def stack_folder() -> Path:
    """The folder that Airflow's settings point to: the embedded stack of the tests runs there."""
    return FOLDER


def pytest_unconfigure() -> None:
    """Leave nothing behind: every process of a test run has a folder of its own."""
    shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Print what the drills in another process (pytest-xdist) have ended with: that process has no terminal."""
    for line in getattr(node, "workeroutput", {}).get("drills", ()):
        node.config.pluginmanager.get_plugin("terminalreporter").write_line(f"\n{line}")
