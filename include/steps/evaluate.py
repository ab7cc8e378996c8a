"""Evaluate: the ledger's predictions against the revisions of jobs that people completed, logged in MLflow."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from include.clients.bulk import BulkStore
from include.clients.experiments import Experiments
from include.clients.ledger import Ledger
from include.clients.ledger.reviews import RevisionRecord
from include.clients.tables import revision_from
from include.evaluation.evaluation import Evaluation, evaluate, evaluation_id, from_json, to_json
from include.evaluation.figures import flat_metrics, table
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage
from include.lifecycle.labels import completed, current_names, default_values, revision_today
from include.lifecycle.predictions import ImagePredictions
from include.lifecycle.reviews import Acceptance, Annotation, Revision
from include.projects.model import Project
from include.steps.predict import read_predictions


def evaluate_annotators(project: Project, store: BulkStore, ledger: Ledger, now: datetime) -> list[str]:
    """Evaluate each annotator version whose finished jobs changed, and keep the figures; all current evaluations' ids.

    Jobs that no person completed count only as finished, never in a figure (design: invariant 11).
    """
    by_annotator: dict[str, list[RevisionRecord]] = defaultdict(list)
    for record in ledger.reviews.current(project.name):
        for one in record.asked:
            by_annotator[one.id].append(record)
    ids = []
    for annotator, records in sorted(by_annotator.items()):
        if all(record.accepted is Acceptance.AUTOMATIC for record in records):
            continue
        id_ = _id(project, annotator, records)
        if ledger.reviews.evaluation(id_) is None:
            evaluation = _evaluate(project, annotator, records, store, ledger)
            uri = store.write_text(f"evaluations/{project.name}", to_json(evaluation))
            ledger.reviews.add_evaluation(project.name, id_, annotator, uri, now)
        ids.append(id_)
    return ids


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


def _settings(project: Project) -> EvaluationSettings:
    return EvaluationSettings(iou=project.evaluation.iou, min_score=project.evaluation.min_score)


def _id(project: Project, annotator: str, records: Sequence[RevisionRecord]) -> str:
    """The evaluation's own id, and how many jobs were finished by then: the share measured depends on both. Figures
    are by class, so that those of a renamed one are made anew."""
    reviewed = [_key(record) for record in records if record.accepted is not Acceptance.AUTOMATIC]
    renamed = [f"{former} is {name}" for former, name in current_names(project).items()]
    return f"{evaluation_id(reviewed + renamed, annotator, _settings(project))}-{len(records)}"


def _evaluate(
    project: Project, annotator: str, records: Sequence[RevisionRecord], store: BulkStore, ledger: Ledger
) -> Evaluation:
    names = current_names(project)
    revisions = {record: revision_today(revision_from(store.read(record.uri)), names) for record in records}
    reviewed = [record for record in records if record.accepted is not Acceptance.AUTOMATIC]
    image_ids = [image_id for record in reviewed for image_id in revisions[record].image_ids]
    answers = read_predictions(project, annotator, image_ids, store, ledger)
    shown = any(one.draws for record in reviewed for one in record.asked if one.id == annotator)
    applied = {batch: ledger.batches.applied_shapes(batch) for batch in {record.batch_id for record in reviewed}}
    return evaluate(
        [
            image
            for record in reviewed
            for image in _images(project, revisions[record], answers, applied[record.batch_id])
        ],
        _settings(project),
        annotator=annotator,
        revision_ids=[_key(record) for record in reviewed],
        jobs_finished=len(records),
        images_finished=sum(len(revision.image_ids) for revision in revisions.values()),
        shown=shown,
    )


def _key(record: RevisionRecord) -> str:
    return f"{record.batch_id}/{record.job_index}/{record.id}"


def _images(
    project: Project, revision: Revision, answers: Mapping[str, ImagePredictions], applied: Mapping[str, int]
) -> Iterator[ReviewedImage]:
    defaults = default_values(project)
    drawn: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in revision.annotations:
        drawn[annotation.image_id].append(replace(annotation, shape=completed(annotation.shape, defaults)))
    for image_id in revision.image_ids:
        found = answers[image_id].objects
        predictions = tuple(replace(one, shape=completed(one.shape, defaults)) for one in found)
        yield ReviewedImage(
            image_id=image_id,
            predictions=predictions,
            annotations=tuple(drawn[image_id]),
            applied={p.id: applied[p.id] for p in predictions if p.id in applied},
            weight=1 / revision.probability,
            accepted=revision.accepted,
        )
