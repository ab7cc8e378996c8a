"""The command that checks project files, run as a person or a CI runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.clients.ledger import migrate, open_engine
from tests.include.emulator.servers import running as running_cvat
from tests.plugins.labelcycle.systems import S3, free_port, serve_s3

ROOT = Path(__file__).parents[3]
PROJECT = """\
name: signs
images: {uri: s3://images/incoming/}
labels:
  - {name: word, attributes: [{name: text}]}
  - {name: number, attributes: [{name: text}]}
cvat: {assignees: [admin]}
annotators: [{model: rapidocr}]
ledger: {store: s3://data/ledger}
release: {remote: s3://data/dvc}
"""


def check(folder: Path, *options: str, **environment: str) -> tuple[int, list[str]]:
    """The exit code and the lines of `python -m labelcycle.check`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_CONN_")}
    clean |= {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}", "PYTHONWARNINGS": "ignore"} | environment
    command = [sys.executable, "-m", "labelcycle.check", str(folder), *options]
    ended = subprocess.run(command, capture_output=True, text=True, env=clean, cwd=ROOT, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, ended.stdout.splitlines()


def test_right_files(tmp_path: Path) -> None:
    (tmp_path / "signs.yaml").write_text(PROJECT)
    (tmp_path / "resting.yaml").write_text(PROJECT.replace("signs", "resting") + "active: false\n")
    assert check(tmp_path) == (
        0,
        [
            f"✓ {tmp_path}/resting.yaml: it is right, and not active",
            f"✓ {tmp_path}/signs.yaml: it is right",
            "2 checks, 0 failed",
        ],
    )


def test_every_mistake_has_a_line_and_the_right_files_are_told_too(tmp_path: Path) -> None:
    (tmp_path / "signs.yaml").write_text(PROJECT)
    wrong = PROJECT.replace("signs", "wrong").replace("annotators:", "anotators:").replace("{uri: s3", "{uri: ftp")
    (tmp_path / "wrong.yaml").write_text(wrong)
    code, lines = check(tmp_path)
    assert code == 1
    assert lines[0] == f"✓ {tmp_path}/signs.yaml: it is right"
    assert [line.split(": ")[:3] for line in lines[1:-1]] == [
        [f"✗ {tmp_path}/wrong.yaml", "line 2", "images.uri"],
        [f"✗ {tmp_path}/wrong.yaml", "line 1", "annotators"],
        [f"✗ {tmp_path}/wrong.yaml", "line 7", "anotators"],
    ]
    assert lines[-1] == "4 checks, 3 failed"


def test_a_folder_without_projects_is_a_mistake(tmp_path: Path) -> None:
    assert check(tmp_path)[0] == 1
    assert check(tmp_path / "typo")[0] == 1


def test_files_are_checked_without_airflow(tmp_path: Path) -> None:
    (tmp_path / "signs.yaml").write_text(PROJECT)
    code = (
        "import sys; from pathlib import Path; from labelcycle.check import check_folder;"
        f"print([f.ok for f in check_folder(Path({str(tmp_path)!r}))], 'airflow' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert answer.stdout == "[True] False\n"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serve_s3("images", "data") as server:
        yield server


def connections(folder: Path, s3: S3, cvat: str) -> dict[str, str]:
    """The five connections of systems that all work."""
    ledger = open_engine(f"sqlite:///{folder}/ledger.db")
    migrate(ledger)
    ledger.dispose()
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder / "datasets.git")], check=True)
    fields: dict[str, dict[str, object]] = {
        "AWS_DEFAULT": s3.connection(),
        "CVAT_DEFAULT": {"conn_type": "cvat", "host": cvat, "login": "admin", "password": "only-for-tests"},
        "LABELCYCLE_LEDGER": {"conn_type": "labelcycle_ledger", "host": str(folder / "ledger.db")},
        "LABELCYCLE_DATASETS": {"conn_type": "labelcycle_git", "host": str(folder / "datasets.git")},
        "MLFLOW_DEFAULT": {"conn_type": "mlflow", "host": f"sqlite:///{folder}/mlflow.db"},
    }
    return {f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in fields.items()}


@pytest.mark.slow
def test_the_live_systems(tmp_path: Path, s3: S3) -> None:
    """Once all is well, and once much is not: every check says so in a line, and the others go on."""
    folder = tmp_path / "projects"
    folder.mkdir()
    (folder / "signs.yaml").write_text(PROJECT)
    with running_cvat(tmp_path / "cvat") as cvat:
        environment = connections(tmp_path, s3, str(cvat.admin.base_url).rstrip("/"))
        code, lines = check(folder, "--live", **environment)
        assert [line for line in lines if line.startswith("✗")] == []
        assert code == 0
        assert lines[-1] == "13 checks, 0 failed"
        assert "✓ signs: images: s3://images/incoming/ can be listed, and is empty" in lines
        assert "✓ signs: functions in cvat: none is used" in lines
        assert s3.keys_in("images") == s3.keys_in("data") == []

        wrong = PROJECT.replace("[admin]", "[nobody]").replace("name: word", "name: words")
        asked_in_cvat = "{model: nuclio, settings: {function: counter, mapping: {digits: number}}}"
        wrong = wrong.replace("{model: rapidocr}", f"{{model: rapidocr}}, {asked_in_cvat}")
        (folder / "signs.yaml").write_text(wrong)
        environment["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(s3.connection("cannot write"))
        environment["AIRFLOW_CONN_LABELCYCLE_LEDGER"] = json.dumps({"conn_type": "mysql", "host": "db"})
        environment["AIRFLOW_CONN_MLFLOW_DEFAULT"] = json.dumps(
            {"conn_type": "mlflow", "host": f"http://127.0.0.1:{free_port()}"}
        )
        del environment["AIRFLOW_CONN_LABELCYCLE_DATASETS"]
        code, lines = check(folder, "--live", **environment)
    assert code == 1
    failed = [line.split(": ")[1] for line in lines if line.startswith("✗")]
    assert failed == [
        "manifests",
        "ledger",
        "ledger's store",
        "annotators",
        "functions in cvat",
        "assignees",
        "dataset repository",
        "dvc remote",
        "mlflow",
    ]
    (functions,) = (line for line in lines if line.startswith("✗ signs: functions in cvat: "))
    assert "has no function 'counter'. It has none at all" in functions
    assert lines[-1] == "13 checks, 9 failed"
