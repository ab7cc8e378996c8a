"""The DAG file: what it makes of projects, right and wrong, and what it costs to parse."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "include/local/projects/street_signs.yaml"
TASKS = {
    "ingest_street_signs": [
        "ask_blind_jobs",
        "batch_shards",
        "carry.annotate",
        "carry.attach_data",
        "carry.check_frames",
        "carry.create_tasks",
        "carry.route_jobs",
        "carry.wait_for_data",
        "discover",
        "judge_failures",
        "plan",
        "predict",
        "prediction_shards",
        "refresh",
        "refresh_shards",
        "sum_up",
    ],
    "evaluate_street_signs": [
        "calibrate_annotators",
        "collect_blind_jobs",
        "collect_revisions",
        "evaluate_annotators",
        "judge_annotators",
        "log_evaluations",
        "log_reports",
        "take_snapshot",
        "tell_alarms",
        "update_work_alarms",
    ],
    "release_street_signs": ["complete_release", "log_release", "pin_release", "publish_release"],
}


def load(monkeypatch: pytest.MonkeyPatch, folder: Path):  # type: ignore[no-untyped-def]
    """Airflow's own loader on the lifecycle's file, with a projects folder."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("AIRFLOW__LABELCYCLE__PROJECTS_FOLDER", str(folder))
    bag = DagBag(str(ROOT / "dags/lifecycle.py"))
    assert bag.dags, "the dags folder gave no DAG: is its path right?"
    assert bag.import_errors == {}
    return bag.dags


def test_a_project_has_three_dags_with_these_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    dags = load(monkeypatch, GOOD.parent)
    assert {dag_id: sorted(dag.task_ids) for dag_id, dag in dags.items()} == TASKS


def test_every_dag_has_a_page_an_owner_and_runs_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for dag in load(monkeypatch, GOOD.parent).values():
        assert "street_signs" in dag.doc_md
        assert dag.owner == "demo"
        assert dag.max_active_runs == 1
        assert not dag.catchup
        assert all(task.retries == 2 for task in dag.tasks)


def test_a_release_is_an_asset_that_other_dags_can_be_scheduled_on(monkeypatch: pytest.MonkeyPatch) -> None:
    outlets = {
        task.task_id: [asset.name for asset in task.outlets]
        for dag in load(monkeypatch, GOOD.parent).values()
        for task in dag.tasks
        if task.outlets
    }
    assert outlets == {"complete_release": ["labelcycle/street_signs/release"]}


def test_a_bad_project_file_costs_only_its_own_dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / GOOD.name).write_text(GOOD.read_text())
    (tmp_path / "broken.yaml").write_text("name: broken\nimages: {uri: ftp://nowhere/}\n")
    dags = load(monkeypatch, tmp_path)
    assert sorted(set(dags) - set(TASKS)) == ["evaluate_broken", "ingest_broken", "release_broken"]
    assert "line 2: images.uri: must" in dags["ingest_broken"].doc_md
    assert set(TASKS) <= set(dags)


def test_the_dag_of_a_bad_project_fails_with_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.yaml").write_text("name: broken\n")
    task = load(monkeypatch, tmp_path)["ingest_broken"].get_task("mend_the_project_file")
    with pytest.raises(ValueError, match=r"broken\.yaml: .*line 1: annotators: it is missing"):
        task.python_callable(**task.op_kwargs) if task.op_kwargs else task.python_callable(*task.op_args)


def test_the_forms_of_a_project(monkeypatch: pytest.MonkeyPatch) -> None:
    dags = load(monkeypatch, GOOD.parent)
    assert {dag_id: list(dag.params) for dag_id, dag in dags.items()} == {
        "ingest_street_signs": ["prefix", "images", "review_by", "again", "refresh", "dry_run"],
        "evaluate_street_signs": [],
        "release_street_signs": ["dry_run"],
    }
    assert "s3://street-signs/incoming/" in dags["ingest_street_signs"].params.get_param("prefix").description


def test_parsing_imports_nothing_heavy() -> None:
    """A DAG file is parsed every half minute: clients and models are imported inside tasks."""
    heavy = ["cvat_sdk", "boto3", "mlflow", "dvc", "pyarrow", "onnxruntime", "rapidocr", "numpy", "alembic.command"]
    code = (
        "import sys, airflow.sdk, airflow.models; before = set(sys.modules);"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'plugins')!r}, {str(ROOT / 'dags')!r}];"
        "import lifecycle;"
        f"print(sorted(m for m in {heavy} if m in sys.modules and m not in before))"
    )
    answer = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_dag_files_are_thin() -> None:
    files = list((ROOT / "dags").rglob("*.py"))
    assert files
    assert {file.name: n for file in files if (n := len(file.read_text().splitlines())) > 60} == {}


def test_a_file_whose_name_is_no_identifier_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / GOOD.name).write_text(GOOD.read_text())
    (tmp_path / "my birds.yaml").write_text("name: birds\n")
    dags = load(monkeypatch, tmp_path)
    assert sorted(set(dags) - set(TASKS)) == ["evaluate_my_birds", "ingest_my_birds", "release_my_birds"]


def test_a_file_of_another_suffix_does_not_take_a_projects_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / GOOD.name).write_text(GOOD.read_text())
    (tmp_path / "street_signs.yml").write_text("name: street_signs\n")
    dags = load(monkeypatch, tmp_path)
    assert {dag_id: sorted(dags[dag_id].task_ids) for dag_id in TASKS} == TASKS
    assert dags["ingest_street_signs.yml"].tags == {"labelcycle", "broken"}


def test_a_broken_project_runs_and_so_raises_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.yaml").write_text("name: broken\n")
    dag = load(monkeypatch, tmp_path)["ingest_broken"]
    assert (dag.schedule, dag.catchup, dag.max_active_runs) == ("@daily", False, 1)
