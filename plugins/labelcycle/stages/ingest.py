"""Ingest: from objects in a bucket to jobs in CVAT."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

from airflow.sdk import chain, get_current_context, task, task_group

from labelcycle.hooks.project import ProjectClients
from labelcycle.hooks.timings import Timing, took
from labelcycle.sensors.requests import WaitForDataSensor
from labelcycle.stages.forms import IngestOptions, end_dry_run

_IMAGES_A_SHARD = 500
_BATCHES_A_SHARD = 25


def ingest(project_file: str) -> None:
    """The tasks of `ingest_<project>`."""
    shards = prediction_shards(project_file)
    predicted = predict.partial(project_file=project_file).expand(shard=shards)
    judged, planned = judge_failures(project_file, cast("list[dict[str, int]]", predicted)), plan(project_file)
    batches = batch_shards(project_file)
    carried = carry.partial(project_file=project_file).expand(batch_ids=batches)
    waiting = refresh_shards(project_file)
    refreshed = refresh.partial(project_file=project_file).expand(batch_ids=waiting)
    found, summed = discover(project_file), sum_up(project_file)
    chain(found, shards, predicted, judged, planned, batches, carried, ask_blind_jobs(project_file), summed)
    chain(found, waiting, refreshed, summed)


@task.short_circuit
def discover(project_file: str) -> dict[str, int] | None:
    """Compare the bucket with the ledger; set aside what is no image. A dry run only counts, and ends here."""
    from include.steps.aside import take_back
    from include.steps.discover import Scope, discover_images
    from include.steps.preview import preview_ingest

    wanted, now = options(), datetime.now(UTC)
    scope = Scope(wanted.prefix, wanted.images)
    with ProjectClients(project_file) as clients:
        project, bucket, ledger = clients.project, clients.bucket, clients.ledger
        if wanted.dry_run:
            end_dry_run(preview_ingest(project, clients.versions, bucket, clients.store, ledger, now, scope))
            return None
        if wanted.again:
            take_back(project, ledger)
        return asdict(discover_images(project, bucket, ledger, now, scope))


@task
def prediction_shards(project_file: str) -> list[dict[str, str | int]]:
    """Cut the images without predictions into shards."""
    from include.steps.predict import prediction_shards as cut

    with ProjectClients(project_file) as clients:
        shards = cut(clients.project, clients.versions, clients.ledger, _IMAGES_A_SHARD)
        return [asdict(shard) for shard in shards]


@task
def predict(project_file: str, shard: dict[str, Any]) -> dict[str, int]:
    """Predict a shard; set aside what cannot be decoded or the annotator fails on, and say how many of how many."""
    from include.steps.predict import PredictionShard, predict_shard

    with ProjectClients(project_file) as clients:
        wanted = PredictionShard(**shard)
        project, annotator, ledger = clients.project, clients.annotator(wanted.annotator), clients.ledger
        mine, began = (project.name, annotator.id, wanted.after, None, wanted.last), datetime.now(UTC)
        waiting = len(ledger.images.unpredicted(*mine))
        predicted = predict_shard(project, annotator, wanted, clients.bucket, clients.store, ledger)
        took(Timing.PREDICT_IMAGE, project.name, began, waiting - len(ledger.images.unpredicted(*mine)))
        return asdict(predicted)


@task
def judge_failures(project_file: str, predicted: list[dict[str, int]]) -> None:
    """Fail where of the images of all shards more failed than the project's share."""
    from include.steps.predict import Predicted
    from include.steps.predict import judge_failures as judge

    with ProjectClients(project_file) as clients:
        judge(clients.project, [Predicted(**shard) for shard in predicted])


@task(trigger_rule="none_failed")
def plan(project_file: str) -> int:
    """Make batches of the images with predictions, and say how many."""
    from include.steps.plan import plan_batches

    with ProjectClients(project_file) as clients:
        project, store, ledger = clients.project, clients.store, clients.ledger
        return plan_batches(project, clients.versions, store, ledger, datetime.now(UTC), holder())


@task
def batch_shards(project_file: str) -> list[list[str]]:
    """Cut the batches that are on their way, whatever run planned them, into shards."""
    from include.steps.plan import batch_shards as cut

    with ProjectClients(project_file) as clients:
        return cut(clients.project, clients.ledger, _BATCHES_A_SHARD)


@task_group
def carry(project_file: str, batch_ids: list[str]) -> None:
    """Carry a shard of batches from plan to people."""
    waited = WaitForDataSensor(task_id="wait_for_data", project_file=project_file, batch_ids=batch_ids)
    chain(
        create_tasks(project_file, batch_ids),
        attach_data(project_file, batch_ids),
        waited,
        check_frames(project_file, batch_ids),
        annotate(project_file, batch_ids),
        route_jobs(project_file, batch_ids),
    )


@task
def create_tasks(project_file: str, batch_ids: list[str]) -> int:
    """Find or create a CVAT task for each planned batch."""
    from include.steps.create import create_tasks as create

    with ProjectClients(project_file) as clients:
        return create(clients.project, batch_ids, clients.cvat, clients.ledger)


@task
def attach_data(project_file: str, batch_ids: list[str]) -> int:
    """Ask CVAT to link the images of each created batch, or send it their bytes."""
    from include.steps.attach import attach_data as attach

    with ProjectClients(project_file) as clients:
        storage = clients.storage_for_cvat
        return attach(clients.project, batch_ids, clients.cvat, clients.bucket, storage, clients.ledger)


@task
def check_frames(project_file: str, batch_ids: list[str]) -> int:
    """Check that each task's frames are its batch's images, in order."""
    from include.steps.check import check_frames as check

    with ProjectClients(project_file) as clients:
        return check(batch_ids, clients.cvat, clients.ledger)


@task
def annotate(project_file: str, batch_ids: list[str]) -> int:
    """Bring the predictions into CVAT."""
    from include.steps.annotate import annotate as apply

    with ProjectClients(project_file) as clients:
        began = datetime.now(UTC)
        annotated = apply(clients.project, batch_ids, clients.cvat, clients.store, clients.ledger)
        took(Timing.ANNOTATE_BATCH, clients.project.name, began, annotated)
        return annotated


@task
def route_jobs(project_file: str, batch_ids: list[str]) -> int:
    """Accept the sure jobs, save the audited ones; give the others to people, with pins and the run's deadline."""
    from include.steps.deadline import ask_review_by
    from include.steps.route import route_jobs as route

    review_by = options().review_by
    with ProjectClients(project_file) as clients:
        routed = route(clients.project, batch_ids, clients.cvat, clients.store, clients.ledger)
        if review_by is not None:
            ask_review_by(clients.project, batch_ids, review_by, clients.ledger)
        return routed


@task(trigger_rule="none_failed")
def ask_blind_jobs(project_file: str) -> int:
    """Give the drawn batches their ground truth job, and learn of their replicas, whatever run carried them; say how
    many are new. Nothing is asked where the project asks for none."""
    from include.steps.blind import ask_blind_jobs as ask

    with ProjectClients(project_file) as clients:
        return ask(clients.project, clients.cvat, clients.ledger)


@task
def refresh_shards(project_file: str) -> list[list[str]]:
    """Cut the batches whose waiting jobs are to show newer versions into shards; those that a killed run left halfway
    are always among them."""
    from include.steps.refresh import refresh_shards as cut

    with ProjectClients(project_file) as clients:
        wanted = options().refresh or clients.project.batches.refresh
        versions = clients.versions if wanted else []
        return cut(clients.project, versions, clients.ledger, _BATCHES_A_SHARD, wanted=wanted)


@task
def refresh(project_file: str, batch_ids: list[str]) -> int:
    """Bring the jobs of a shard that nobody has begun up to date, and say how many."""
    from include.steps.refresh import Refresher

    with ProjectClients(project_file) as clients:
        project, wanted = clients.project, options().refresh or clients.project.batches.refresh
        annotators = [clients.annotator(place) for place in range(len(project.annotators))] if wanted else []
        refresher = Refresher(project, annotators, clients.cvat, clients.bucket, clients.store, clients.ledger)
        return refresher.refresh(batch_ids, wanted=wanted)


@task(trigger_rule="none_failed")
def sum_up(project_file: str) -> dict[str, dict[str, int] | dict[str, str]]:
    """Count images by state, batches by stage, and jobs that show newer versions than they were planned with; name
    batches that are late and what is left open. Fails where a batch was set aside and nobody has looked at it."""
    from include.steps.aside import left_open, require_none_aside
    from include.steps.deadline import late_batches

    with ProjectClients(project_file) as clients:
        name, ledger = clients.project.name, clients.ledger
        images = {
            f"{state}: {reason}" if reason else state: n for (state, reason), n in ledger.images.counts(name).items()
        }
        still_open = left_open(clients.project, ledger)
        require_none_aside(clients.project, ledger)
        late = late_batches(clients.project, ledger, datetime.now(UTC))
        batches, jobs = dict(ledger.batches.counts(name)), {"refreshed": ledger.refreshes.count(name)}
        return {"images": images, "batches": batches, "jobs": jobs, "late": late, "open": still_open}


def options() -> IngestOptions:
    """What was filled in for this run."""
    context = get_current_context()
    return IngestOptions.read(context["params"], context["dag_run"].run_after)


def holder() -> str:
    """Who this task is, for a lease: the same in every try of it."""
    instance = get_current_context()["ti"]
    return f"{instance.dag_id}/{instance.run_id}/{instance.task_id}/{instance.map_index}"
