"""Auto-annotate: a model that runs beside CVAT (a Nuclio function) goes over a task."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.operators.base import CvatRequestOperator, ended
from labelcycle.operators.memory import Memory
from labelcycle.operators.targets import number, one_of, shown_path, target_of

if TYPE_CHECKING:
    from include.clients.cvat import CvatClient, CvatJob
    from include.clients.cvat.exports import Target
    from include.clients.cvat.serverless import Run

_MEMORY = "autoannotate"  # that CVAT was asked, or is about to be, and which run was the task's last one before
_UNTOUCHED = ("annotation", "new")


class CvatAutoAnnotateOperator(CvatRequestOperator):
    """Let a serverless function annotate a task, or one job of it.

    Two runs leave everything twice. So, run again after a kill or a failure, it waits for its run that is still under
    way; ends where that has been over every frame; and else deletes what it left (shapes of source `auto`) and begins
    again, if every job is still at stage annotation in state new, and fails if not. A task that had automatic shapes
    before its first try is refused, unless `existing` says what becomes of them. CVAT forgets a run some time after
    its end; a try later than that finds the shapes, and refuses.

    CVAT does one run a task at a time, of its jobs too: map over tasks. A run of the same function that somebody else
    began is waited for; any other fails this task. CVAT drops the model's scores: every shape has score 1.

    The task ends in the triggerer. Ended by a person, it cancels its run in CVAT; what that has found so far stays.

    :param function: the function's id in CVAT (templated).
    :param cvat_task_id: the task's id in CVAT (templated).
    :param cvat_job_id: only this job of it (templated).
    :param mapping: from the function's labels to the task's; without one, labels of the same name. Others are left out.
    :param threshold: the least score that is kept, if the function knows scores: 0 to 1.
    :param existing: what becomes of automatic shapes that are there: `refuse` to run; `keep` them; `replace` those
        that no person has moved or relabelled; or `cleanup`, which deletes **everything in it, also what people drew**,
        and refuses where a job is no longer at stage annotation in state new.
    :param request_timeout: how long CVAT may take: an absolute deadline from the moment it was asked.
    """

    template_fields: Sequence[str] = (
        *CvatRequestOperator.template_fields,
        *("function", "cvat_task_id", "cvat_job_id"),
    )

    def __init__(
        self,
        *,
        function: str,
        cvat_task_id: int | str,
        cvat_job_id: int | str | None = None,
        mapping: Mapping[str, str] | None = None,
        threshold: float | None = None,
        existing: Literal["refuse", "keep", "replace", "cleanup"] = "refuse",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.function = function
        self.cvat_task_id = cvat_task_id
        self.cvat_job_id = cvat_job_id
        self.mapping = mapping
        self.threshold = threshold
        self.existing = one_of(existing, "existing", ("refuse", "keep", "replace", "cleanup"))

    def execute(self, context: Context) -> None:
        """Check what can be checked, run the function, or find its run, and wait for it."""
        from include.clients.cvat.serverless import checked_mapping

        task_id, job_id = self._ids()
        target = target_of("task", task_id) if job_id is None else target_of("job", job_id)
        with self.cvat() as cvat:
            jobs = [job for job in cvat.jobs(task_id=task_id) if job_id in (None, job.id)]
            if not jobs:
                raise AirflowFailException(f"task {task_id} has no {'images' if job_id is None else f'job {job_id}'}")
            self.show(context, cvat, shown_path(cvat, target))
            mapping = checked_mapping(
                cvat.serverless.function(self.function), cvat.serverless.labels(target), self.mapping
            )
            begun = self._find_or_begin(cvat, Memory(context, _MEMORY), target, jobs, mapping)
        if begun:
            self._wait(*begun, jobs)

    def resume(self, context: Context, event: Mapping[str, Mapping[str, Any]]) -> None:
        """Fail with CVAT's words."""
        end = ended(event)
        if end.answer != "finished":
            raise AirflowException(f"function {self.function} {end.answer}: {end.message or 'CVAT gives no reason'}")

    def _ids(self) -> tuple[int, int | None]:
        job_id = None if self.cvat_job_id is None else number(self.cvat_job_id, "cvat_job_id")
        return number(self.cvat_task_id, "cvat_task_id"), job_id

    def _same(self, run: "Run") -> bool:
        return (run.function.id, run.function.job) == (self.function, self._ids()[1])

    def _made(self, memory: Memory, run: "Run | None") -> bool:
        """Whether a try of this task has begun the run: it asked, and this is not the run that was there before."""
        kept = memory.get()
        return bool(kept and run and self._same(run) and run.enqueued.isoformat() != kept["before"])

    def _find_or_begin(
        self,
        cvat: "CvatClient",
        memory: Memory,
        target: "Target",
        jobs: "Sequence[CvatJob]",
        mapping: Mapping[str, str],
    ) -> "tuple[Run, bool] | None":
        """The run to wait for, and whether it is ours; None where ours has been over every frame."""
        task_id, job_id = self._ids()
        last = cvat.serverless.last_run(task_id)
        ours = self._made(memory, last)
        if last and last.active:
            return last, ours
        if last and last.complete and ours:
            self.log.info("function %s has been over %s already, from %s on", self.function, target, last.enqueued)
            return None
        self._make_room(cvat, target, jobs, remains=ours)
        memory.set(before=last.enqueued.isoformat() if last else "")
        return self._begin(cvat, task_id, job_id, mapping)

    def _begin(
        self, cvat: "CvatClient", task_id: int, job_id: int | None, mapping: Mapping[str, str]
    ) -> "tuple[Run, bool]":
        """Begin, or find that somebody has begun another run since we looked."""
        from include.clients.cvat import ConflictError

        cleanup, threshold = self.existing == "cleanup", self.threshold
        start = partial(cvat.serverless.start, mapping=mapping, threshold=threshold, cleanup=cleanup)
        try:
            return start(self.function, task_id, job_id), True
        except ConflictError:
            run = cvat.serverless.last_run(task_id)
            if run is None:
                raise
            return run, False

    def _make_room(self, cvat: "CvatClient", target: "Target", jobs: "Sequence[CvatJob]", *, remains: bool) -> None:
        """Delete the automatic shapes that are to go. Raises AirflowFailException where they may not, or must not."""
        touched = [f"{job.id} ({job.stage}, {job.state})" for job in jobs if (job.stage, job.state) != _UNTOUCHED]
        if touched and self.existing == "cleanup":
            raise AirflowFailException(
                f"people may have worked in {target}: job {', '.join(touched)}. Cleanup would delete what they drew"
            )
        shapes = cvat.serverless.automatic(target)
        if not shapes or (self.existing in ("keep", "cleanup") and not remains):
            return
        if remains and touched:
            raise AirflowFailException(
                f"a run that did not end left {len(shapes)} automatic shapes in {target}, and people may have worked"
                f" there since: job {', '.join(touched)}. Look at it in CVAT; delete them there, then run this again"
            )
        if not remains and self.existing == "refuse":
            raise AirflowFailException(
                f"{target} has {len(shapes)} automatic shapes already, and a run would add its own to them. Say by"
                " `existing` what becomes of them (replace, keep), or delete them in CVAT"
            )
        self.log.warning("%d automatic shapes in %s are deleted", len(shapes), target)
        cvat.serverless.delete(target, shapes)

    def _wait(self, run: "Run", ours: bool, jobs: "Sequence[CvatJob]") -> NoReturn:
        if not self._same(run):
            over = f"job {run.function.job} of " if run.function.job else ""
            raise AirflowException(
                f"CVAT runs function {run.function.id} over {over}task {run.function.task}, and does one run a task at"
                " a time. Try again when it has ended, or cancel it in CVAT"
            )
        frames = [min(job.start_frame for job in jobs), max(job.stop_frame for job in jobs)]
        what = {"request": run.id, "function": self.function, "task": run.function.task, "job": run.function.job}
        self.log.info("%s", json.dumps({**what, "frames": frames, "threshold": self.threshold, "ours": ours}))
        self.log.warning("CVAT drops the scores of function %s: every shape will have score 1", self.function)
        self.wait_for(
            run.id,
            f"function {self.function} over frames {frames[0]} to {frames[1]} of task {run.function.task}",
            "resume",
            images=frames[1] - frames[0] + 1,
            ends_task=True,
            cancel_on_kill=ours,
        )
