"""Reports: the one-page report of each evaluation and its plots, beside its figures in MLflow."""

from include.clients.bulk import BulkStore
from include.clients.experiments import Experiments
from include.clients.ledger import Ledger
from include.evaluation.snapshot import AnnotatorState, Snapshot
from include.pages.report import plots, report
from include.projects.model import Project
from include.steps.quality import newest_snapshot


def log_reports(project: Project, store: BulkStore, experiments: Experiments, ledger: Ledger) -> int:
    """Add a report and plots to the run of each evaluation that has none yet, as the newest snapshot shows it, and say
    how many."""
    shown = newest_snapshot(project, store, ledger)
    return sum(_log(shown, state, experiments) for state in shown.annotators) if shown else 0


def _log(shown: Snapshot, state: AnnotatorState, experiments: Experiments) -> bool:
    name, id_ = state.evaluation.annotator, state.evaluation.id
    if state.mlflow_run_id is None or experiments.has_attached(state.mlflow_run_id, id_):
        return False
    pictures = {f"plots/{chart}.svg": text for chart, text in plots(shown, name).items()}
    experiments.attach(state.mlflow_run_id, {"report.html": report(shown, name), **pictures}, id_)
    return True
