"""Evaluate: from finished jobs to figures in MLflow."""

from datetime import UTC, datetime
from typing import cast

from airflow.sdk import chain, task
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException

from labelcycle.hooks.notifiers import channels_of
from labelcycle.hooks.project import ProjectClients


def evaluate(project_file: str) -> None:
    """The tasks of `evaluate_<project>`.

    What waits for people is seen, and told, whatever becomes of the figures. A run in which something failed fails by
    `log_reports`, the end that all but `tell_alarms` lead to.
    """
    evaluated = evaluate_annotators(project_file)
    logged = log_evaluations(project_file, cast("list[str]", evaluated))
    measured = [logged, calibrate_annotators(project_file)]
    judged = judge_annotators(project_file, cast("list[str]", evaluated))
    collected = [collect_revisions(project_file), collect_blind_jobs(project_file)]
    worked = update_work_alarms(project_file)
    shown = take_snapshot(project_file, cast("list[str]", judged))
    told = tell_alarms(project_file)
    chain(collected, evaluated, measured, judged, shown, [log_reports(project_file), told])
    chain(collected, worked, [shown, told])


@task
def collect_revisions(project_file: str) -> int:
    """Keep the annotations of newly finished jobs, and say of how many."""
    from include.steps.collect import collect_revisions as collect

    with ProjectClients(project_file) as clients:
        return collect(clients.project, clients.cvat, clients.store, clients.ledger)


@task
def collect_blind_jobs(project_file: str) -> int:
    """Keep what people drew from scratch in newly finished ground truth jobs and replicas, and say in how many."""
    from include.steps.blind import collect_blind_jobs as collect

    with ProjectClients(project_file) as clients:
        return collect(clients.project, clients.cvat, clients.store, clients.ledger)


@task
def evaluate_annotators(project_file: str) -> list[str]:
    """Compare the predictions with what people made of them; the evaluations' ids."""
    from include.steps.evaluate import evaluate_annotators as evaluate_all

    with ProjectClients(project_file) as clients:
        return evaluate_all(clients.project, clients.store, clients.ledger, datetime.now(UTC))


@task
def log_evaluations(project_file: str, evaluation_ids: list[str]) -> int:
    """Log the new evaluations in MLflow, and say how many; where versions split the images, compare them too."""
    from include.steps.compare import compare_versions, log_comparisons
    from include.steps.evaluate import log_evaluations as log

    with ProjectClients(project_file) as clients:
        project, store, ledger = clients.project, clients.store, clients.ledger
        now = datetime.now(UTC)
        compared = compare_versions(project, store, ledger, now)
        log_comparisons(project, compared, clients.experiments, now)
        return log(project, evaluation_ids, store, clients.experiments, ledger)


@task
def calibrate_annotators(project_file: str) -> list[str]:
    """Learn what scores are worth, for routing, and log it; the annotator versions of which more is known."""
    from include.steps.calibrate import calibrate_annotators as calibrate
    from include.steps.calibrate import log_calibrations

    with ProjectClients(project_file) as clients:
        project, store, ledger = clients.project, clients.store, clients.ledger
        fresh = calibrate(project, store, ledger, datetime.now(UTC))
        log_calibrations(project, store, clients.experiments, ledger)
        return fresh


@task
def judge_annotators(project_file: str, evaluation_ids: list[str]) -> list[str]:
    """Hold the figures against the project's gates and the baseline, and bring the alarms about them up to date; the
    judgements' ids."""
    from include.clients.baselines import Baselines
    from include.steps.alarms import update_quality_alarms
    from include.steps.baseline import register_versions
    from include.steps.judge import judge_annotators as judge
    from include.steps.judge import read_judgements

    with ProjectClients(project_file) as clients:
        project, store, ledger, now = clients.project, clients.store, clients.ledger, datetime.now(UTC)
        baselines = Baselines(clients.experiments, project.name)
        register_versions(project, evaluation_ids, store, baselines, ledger)
        ids = judge(project, evaluation_ids, store, baselines, ledger, now)
        update_quality_alarms(project, read_judgements(project, ids, store, ledger), ledger, now)
        return ids


@task(trigger_rule="all_done")
def update_work_alarms(project_file: str) -> int:
    """Bring the alarms about all but figures up to date, whether CVAT and MLflow answer or not; how many alarms are
    open."""
    from include.steps.alarms import update_work_alarms as update

    with ProjectClients(project_file) as clients:
        return len(update(clients.project, clients.ledger, datetime.now(UTC)))


@task(trigger_rule="all_done")
def tell_alarms(project_file: str) -> int:
    """Tell each channel of the project of alarms that are new or over, whatever else failed; how many messages were
    sent. It fails where a channel did not take one."""
    from include.steps.notices import tell

    with ProjectClients(project_file) as clients:
        base_url = conf.get("api", "base_url", fallback="http://localhost:8080")
        told = tell(clients.project, base_url, channels_of(clients.project), clients.ledger, datetime.now(UTC))
        if told.failed:
            sentence = f"not told: {', '.join(told.failed)}; the log says why, and what was not sent is tried again"
            raise AirflowException(sentence)
        return told.sent


@task
def take_snapshot(project_file: str, judgement_ids: list[str]) -> str:
    """Keep what the quality page shows; where the snapshot is kept."""
    from include.clients.baselines import Baselines
    from include.steps.judge import read_judgements
    from include.steps.quality import take_snapshot as take

    with ProjectClients(project_file) as clients:
        project, store, ledger = clients.project, clients.store, clients.ledger
        return take(
            project,
            store,
            ledger,
            datetime.now(UTC),
            judgements=read_judgements(project, judgement_ids, store, ledger),
            baselines=Baselines(clients.experiments, project.name),
            cvat=clients.cvat,
        )


@task
def log_reports(project_file: str) -> int:
    """Add the report and plots of new evaluations to their runs in MLflow, and say of how many."""
    from include.steps.report import log_reports as log

    with ProjectClients(project_file) as clients:
        return log(clients.project, clients.store, clients.experiments, clients.ledger)
