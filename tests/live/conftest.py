"""Tests that take minutes: `make test-live` runs them, nothing else does."""

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "live: runs Airflow's own scheduler and triggerer; only `pytest -m live`")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if config.getoption("markexpr") == "live" else True
