"""Calibrate: what each annotator version's scores are worth, learnt from what people made of its predictions."""

from datetime import datetime

from include.clients.bulk import BulkStore
from include.clients.experiments import Experiments
from include.clients.ledger import Ledger
from include.evaluation.calibrating import calibrate
from include.evaluation.calibration import from_json, to_json
from include.evaluation.calibration_report import diagram, metrics, table
from include.evaluation.judged import judged
from include.projects.model import Project
from include.steps.evaluate import question_id
from include.steps.reviewed import finished_by_annotator, reviewed_images


def calibrate_annotators(project: Project, store: BulkStore, ledger: Ledger, now: datetime) -> list[str]:
    """Learn what the scores of each annotator version are worth, where people finished more since, or the settings are
    others, and the project wants it; the names of those versions whose calibration is new.

    Jobs that no person completed teach nothing (design: invariant 11).
    """
    settings, newest, fresh = project.routing.calibrate, ledger.calibrations.newest(project.name), list[str]()
    if settings is None:
        return fresh
    for finished in finished_by_annotator(project, ledger):
        id_ = f"{question_id(project, finished)}-{settings.min_support}-{settings.min_each}-{settings.precision}"
        known = newest.get(finished.annotator)
        if known is not None and known.id == id_:
            continue
        rows = judged(reviewed_images(project, finished, store, ledger), project.evaluation.iou)
        calibration = calibrate(rows, id_, finished.annotator, settings)
        uri = store.write_text(f"calibrations/{project.name}", to_json(calibration))
        ledger.calibrations.add(project.name, id_, finished.annotator, uri, now)
        fresh.append(finished.annotator)
    return fresh


def log_calibrations(project: Project, store: BulkStore, experiments: Experiments, ledger: Ledger) -> int:
    """Log the newest calibrations that have no MLflow run yet, and say how many."""
    count = 0
    for record in ledger.calibrations.newest(project.name).values():
        if record.mlflow_run_id:
            continue
        calibration = from_json(store.read_text(record.uri))
        run = experiments.log_evaluation(
            f"labelcycle/{project.name}",
            key=f"calibration/{record.id}",
            name=f"calibration of {record.annotator}",
            params={"project": project.name, "annotator": record.annotator},
            metrics=metrics(calibration),
            tags={"labelcycle.project": project.name, "labelcycle.calibration": record.id},
            artifacts={
                "calibration.json": to_json(calibration),
                "calibration.txt": table(calibration),
                "reliability.png": diagram(calibration),
            },
            at=record.created_at,
        )
        ledger.calibrations.set_run(project.name, record.id, run.id)
        count += 1
    return count
