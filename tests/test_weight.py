"""What is loaded where it costs: Airflow starts a process a task, of which each shard has many, and its server shows
pages whose figures were computed elsewhere."""

import subprocess
import sys

import pytest

BY_SHARD = ("discover", "predict", "plan", "create", "attach", "annotate", "route", "refresh", "collect")
LIBRARIES = {"airflow", "dvc", "matplotlib", "mlflow", "onnxruntime", "pandas", "skimage", "sklearn"}


def loaded(*modules: str) -> set[str]:
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        pytest.param([f"include.steps.{name}" for name in BY_SHARD], {*LIBRARIES, "scipy"}, id="tasks of shards"),
        pytest.param(["include.pages.render", "include.evaluation.gauges"], {*LIBRARIES, "scipy.stats"}, id="pages"),
    ],
)
def test_what_is_not_needed_is_not_loaded(modules: list[str], heavy: set[str]) -> None:
    assert loaded(*modules) & heavy == set()
