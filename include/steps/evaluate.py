"""Evaluate: the ledger's predictions against the revisions of jobs that people completed, logged in MLflow."""

from collections.abc import Sequence
from datetime import datetime

from include.clients.bulk import BulkStore
from include.clients.experiments import Experiments
from include.clients.ledger import Ledger
from include.evaluation.evaluation import Evaluation, evaluate, evaluation_id, from_json, to_json
from include.evaluation.figures import flat_metrics, table
from include.evaluation.reviewed import EvaluationSettings
from include.lifecycle.labels import current_names
from include.projects.model import Project
from include.steps.reviewed import Finished, finished_by_annotator, reviewed_images


def evaluate_annotators(project: Project, store: BulkStore, ledger: Ledger, now: datetime) -> list[str]:
    """Evaluate each annotator version whose finished jobs, or settings, changed, and keep the figures; all current
    evaluations' ids. One that was made before becomes its version's newest again.

    Jobs that no person completed count only as finished, never in a figure (design: invariant 11).
    """
    ids, newest = [], ledger.reviews.newest_evaluations(project.name)
    for finished in finished_by_annotator(project, ledger):
        id_ = _id(project, finished)
        ids.append(id_)
        if finished.annotator in newest and newest[finished.annotator].id == id_:
            continue
        known = ledger.reviews.evaluation(id_)
        uri = known.uri if known else _evaluated(project, finished, store, ledger)
        ledger.reviews.add_evaluation(project.name, id_, finished.annotator, uri, now)
    return ids


def _evaluated(project: Project, finished: Finished, store: BulkStore, ledger: Ledger) -> str:
    """Where the evaluation is kept."""
    return store.write_text(f"evaluations/{project.name}", to_json(evaluate_finished(project, finished, store, ledger)))


def log_evaluations(
    project: Project, ids: Sequence[str], store: BulkStore, experiments: Experiments, ledger: Ledger
) -> int:
    """Log those evaluations that have no MLflow run yet, and say how many."""
    count = 0
    for id_ in ids:
        record = ledger.reviews.evaluation(id_)
        if record is None or record.mlflow_run_id:
            continue
        evaluation = from_json(store.read_text(record.uri))
        run = experiments.log_evaluation(
            f"labelcycle/{project.name}",
            key=f"evaluation/{id_}",
            name=f"{record.annotator} on {evaluation.coverage.jobs_reviewed} jobs",
            params={
                "project": project.name,
                "annotator": record.annotator,
                "iou": str(evaluation.settings.iou),
                "min_score": str(evaluation.settings.min_score),
            },
            metrics=flat_metrics(evaluation),
            tags={"labelcycle.project": project.name, "labelcycle.evaluation": id_},
            artifacts={"evaluation.json": to_json(evaluation), "evaluation.txt": table(evaluation)},
            at=record.created_at,
        )
        ledger.reviews.set_run(id_, run.id)
        count += 1
    return count


def settings_of(project: Project) -> EvaluationSettings:
    """How a project wants predictions compared."""
    return EvaluationSettings(iou=project.evaluation.iou, min_score=project.evaluation.min_score)


def _id(project: Project, finished: Finished) -> str:
    """The evaluation's own id, and how many jobs were finished by then: the share measured depends on both."""
    return f"{question_id(project, finished)}-{len(finished.records)}"


def question_id(project: Project, finished: Finished) -> str:
    """What names the reviewed revisions, the annotator and the settings. Figures are by class, so that those of a
    renamed one are made anew."""
    renamed = [f"{former} is {name}" for former, name in current_names(project).items()]
    return evaluation_id(finished.keys + renamed, finished.annotator, settings_of(project))


def evaluate_finished(project: Project, finished: Finished, store: BulkStore, ledger: Ledger) -> Evaluation:
    """An annotator version on the jobs that are named, of which people reviewed one at the least."""
    return evaluate(
        reviewed_images(project, finished, store, ledger),
        settings_of(project),
        annotator=finished.annotator,
        revision_ids=finished.keys,
        jobs_finished=len(finished.records),
        images_finished=sum(record.images for record in finished.records),
        shown=finished.shown,
    )
