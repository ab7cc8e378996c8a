"""What a step loads: Airflow starts a process a task, and each of many shards pays for it."""

import subprocess
import sys

import pytest

BY_SHARD = ("discover", "predict", "plan", "create", "attach", "annotate", "route", "refresh", "collect")
HEAVY = {"airflow", "dvc", "matplotlib", "mlflow", "onnxruntime", "pandas", "scipy", "skimage", "sklearn"}


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    code = f"import sys; {'; '.join(f'import include.steps.{name}' for name in BY_SHARD)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_what_runs_for_each_shard_loads_nothing_that_only_evaluation_and_releases_need(loaded: set[str]) -> None:
    assert loaded & HEAVY == set()
