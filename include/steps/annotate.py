"""Auto-annotate: the ledger's predictions into CVAT, with their scores.

Annotating twice leaves one set of shapes, and what people deleted stays deleted (`include/steps/draw.py`).
"""

from collections.abc import Mapping, Sequence

from include.clients.bulk import BulkStore
from include.clients.cvat import Canvas, CvatClient, ProjectLabels
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Applied, Batch, Job
from include.lifecycle.batches import Stage
from include.projects.model import Project
from include.steps.batches import each_batch, task_of
from include.steps.draw import cvat_job, draw
from include.steps.functions import Functions
from include.steps.planned import JobPlan, answers_of, check_refusals, labels_in, plan_job


def annotate(project: Project, batch_ids: Sequence[str], cvat: CvatClient, store: BulkStore, ledger: Ledger) -> int:
    """Bring the predictions of every checked batch into CVAT, job by job, and say for how many batches.

    Annotators that live in CVAT are asked first, and their answers kept like those of others.

    A prediction that CVAT's rules do not allow is left out, with its reason in the log and the audit. A batch with more
    of them than the project's share is set aside before anything is drawn.
    """
    labels = labels_in(cvat, project)
    functions = Functions(project, labels, cvat, store, ledger)

    def work(batch: Batch) -> None:
        functions.ask(batch)
        jobs = ledger.batches.jobs(batch.id)
        plans = _plans(project, batch, jobs, labels, cvat, store, ledger)
        check_refusals(project, batch.asked, list(plans.values()))
        for job in jobs:
            if job.applied in (None, Applied.INTENDED):
                draw(project, batch, job, plans[job.index], cvat, ledger)
        ledger.batches.advance(batch.id, Stage.ANNOTATED)

    return each_batch(batch_ids, Stage.CHECKED, ledger, work)


def _plans(
    project: Project,
    batch: Batch,
    jobs: Sequence[Job],
    labels: ProjectLabels,
    cvat: CvatClient,
    store: BulkStore,
    ledger: Ledger,
) -> Mapping[int, JobPlan]:
    """What is to be drawn, by job index."""
    images = ledger.images.of_batch(batch.id)
    answers = answers_of(project, batch.asked, images, store, ledger)
    meta = cvat.meta(task_of(batch))
    canvases = {job.index: Canvas(cvat_job(job), job.start, job.stop, meta, labels) for job in jobs}
    return {index: plan_job(canvas, images, answers) for index, canvas in canvases.items()}
