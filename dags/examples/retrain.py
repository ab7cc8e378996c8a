"""Retrain: an example of what follows a release. Copy it to dags/, name your project, and put your own training in the
place of the tiny detector's."""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from labelcycle.stages.release import released
from labelcycle.stages.retrain import retrain

PROJECT = "street_signs"
PAGE = f"""
### Retrain on each release of {PROJECT}
A tiny detector is fitted to the released boxes and registered in MLflow as the newest version of `{PROJECT}_cells`.
What asks for `models:/{PROJECT}_cells@newest` has it from the next ingest on; to compare it with an older version, list
both:

    annotators:
      - model: onnx_detector
        name: cells
        share: 0.8
        weights: {{uri: models:/{PROJECT}_cells/1}}
        settings: {{form: yolov8, fit: stretch}}
      - model: onnx_detector
        name: cells
        share: 0.2
        weights: {{uri: models:/{PROJECT}_cells@newest}}
        settings: {{form: yolov8, fit: stretch}}
"""

with DAG(
    dag_id=f"retrain_{PROJECT}",
    doc_md=PAGE,
    schedule=[released(PROJECT)],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params={"tag": Param(None, type=["null", "string"], description="A release; by default the one that has come.")},
    tags=["labelcycle", "example", PROJECT],
):
    retrain(PROJECT, f"{PROJECT}_cells", "newest")
