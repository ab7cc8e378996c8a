"""Baseline: each evaluated annotator version is registered in MLflow, and one of a name is what the others are held
against."""

from collections.abc import Sequence
from dataclasses import replace

from include.clients.baselines import Baselines
from include.clients.bulk import BulkStore
from include.clients.experiments import ExperimentsError
from include.clients.ledger import Ledger
from include.clients.registered import ModelRegistry
from include.evaluation.detection import Figures
from include.evaluation.evaluation import Evaluation, from_json
from include.evaluation.gates import FEW_IMAGES, Baseline
from include.lifecycle.labels import current_names
from include.projects.model import Project
from include.steps.batches import log
from include.steps.evaluate import evaluate_finished
from include.steps.reviewed import Finished

_AUDITED = "baseline"  # the audit's word
_ENOUGH_IN_ALL = 10  # times the minimum support: a rare class would hold a baseline up for ever


def register_versions(
    project: Project, evaluation_ids: Sequence[str], store: BulkStore, baselines: Baselines, ledger: Ledger
) -> int:
    """Register the annotator versions of logged evaluations with their figures, and say how many were not yet.

    Where a name has no baseline, the first version with enough support becomes it, and the audit says so.
    """
    count = 0
    for id_ in evaluation_ids:
        record = ledger.reviews.evaluation(id_)
        if record is None or record.mlflow_run_id is None:
            continue
        if baselines.is_registered(record.annotator, id_):
            continue
        evaluation = from_json(store.read_text(record.uri))
        tags, first = _tags(evaluation), _weights(project, record.annotator, baselines)
        baselines.register(record.annotator, id_, record.uri, record.mlflow_run_id, tags, first)
        count += 1
    for id_ in evaluation_ids:
        _begin(project, id_, store, baselines, ledger)
    return count


def promote(project: Project, evaluation_id: str, by: str, baselines: Baselines, ledger: Ledger) -> str:
    """Make an evaluated version the baseline of its name, with this evaluation; the version. Doing it again changes
    nothing. Raises LookupError where there is no such evaluation."""
    record = ledger.reviews.evaluation(evaluation_id)
    if record is None:
        raise LookupError(f"project {project.name} has no evaluation {evaluation_id}")
    name = record.annotator.partition("@")[0]
    ledger.audit.add_once(project.name, _AUDITED, name, f"{record.annotator} by its evaluation {evaluation_id}, {by}")
    baselines.promote(record.annotator, record.uri)
    log.info("project %s: %s is the baseline of %s, %s", project.name, record.annotator, name, by)
    return record.annotator


def baseline_of(name: str, store: BulkStore, baselines: Baselines) -> Evaluation | None:
    """The evaluation that an annotator's versions are held against, if it has a baseline."""
    pinned = baselines.current(name)
    return None if pinned is None else from_json(store.read_text(pinned.uri))


def baseline_figures(project: Project, evaluation: Evaluation) -> Baseline:
    """What gates are given of it: under the names that labels have today."""
    names = current_names(project)
    by_class = {names.get(label, label): scores for label, scores in evaluation.figures.by_class.items()}
    return Baseline(evaluation.annotator, replace(evaluation.figures, by_class=by_class))


def evaluation_beside(
    project: Project, finished: Finished, own: Evaluation, baseline: Evaluation, store: BulkStore, ledger: Ledger
) -> Evaluation | None:
    """An annotator version on images that are not in the baseline's evaluation; None where people have reviewed none.

    A version other than the baseline has none in common with it as a rule, and it is its own evaluation. Of the
    baseline itself it is what people reviewed since. A job that came back is not new, whatever it says now.
    """
    known = {_job(key) for key in baseline.revision_ids}
    records = tuple(one for one in finished.records if (one.batch_id, one.job_index) not in known)
    if len(records) == len(finished.records):
        return own
    beside = Finished(finished.annotator, records)
    return evaluate_finished(project, beside, store, ledger) if beside.reviewed else None


def has_enough(figures: Figures, min_support: int) -> bool:
    """Whether figures can be a baseline: of each class that people found there is enough, or of all together much."""
    found = [scores for scores in figures.by_class.values() if scores.support]
    if not found or figures.micro.images < FEW_IMAGES:
        return False
    each = all(scores.support >= min_support and scores.images >= FEW_IMAGES for scores in found)
    return each or figures.micro.support >= _ENOUGH_IN_ALL * min_support


def _begin(project: Project, id_: str, store: BulkStore, baselines: Baselines, ledger: Ledger) -> None:
    """The first baseline of a name."""
    record = ledger.reviews.evaluation(id_)
    if record is None or record.mlflow_run_id is None:
        return
    if baselines.current(record.annotator.partition("@")[0]) is not None:
        return
    if has_enough(from_json(store.read_text(record.uri)).figures, project.evaluation.min_support):
        promote(project, id_, "the first with enough support", baselines, ledger)


def _job(key: str) -> tuple[str, int]:
    """The job of a revision's name (see Finished.keys)."""
    batch_id, index, _ = key.rsplit("/", 2)
    return batch_id, int(index)


def _tags(evaluation: Evaluation) -> dict[str, str]:
    figures, share = evaluation.figures, evaluation.coverage.share_measured
    worst = figures.by_class[figures.worst].rates.f1 if figures.worst else None
    rates = figures.micro.rates
    values = {
        "f1.micro": rates.f1,
        "precision.micro": rates.precision,
        "recall.micro": rates.recall,
        "f1.macro": figures.macro.f1,
        "f1.worst": worst,
        "share_measured": share,
    }
    known = {name: f"{value:.4f}" for name, value in values.items() if value is not None}
    return known | {"worst_class": figures.worst or "-", "support": str(figures.micro.support)}


def _weights(project: Project, annotator: str, baselines: Baselines) -> dict[str, str]:
    """The registered model that the project's file names for an annotator, as it stands when the version is first
    evaluated; nothing where several versions split the images: the file does not say which is whose."""
    sections = [one for one in project.annotators if one.called == annotator.partition("@")[0]]
    if len(sections) != 1 or sections[0].weights is None or not sections[0].weights.uri.startswith("models:/"):
        return {}
    try:
        return {"labelcycle.weights": str(ModelRegistry(baselines.experiments).find(sections[0].weights.uri))}
    except ExperimentsError as error:
        log.warning("project %s: %s has no link to its weights: %s", project.name, annotator, error)
        return {}
