"""Jobs: stage, state and assignee, of all that match."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from labelcycle.links.cvat import job_path, project_path, task_path
from labelcycle.operators.base import CvatOperator
from labelcycle.operators.targets import number, one_of

if TYPE_CHECKING:
    from include.clients.cvat import CvatClient, CvatJob
    from include.clients.cvat.jobs import JobChange

Stage = Literal["annotation", "validation", "acceptance"]
State = Literal["new", "in progress", "completed", "rejected"]
STAGES: tuple[str, ...] = get_args(Stage)
STATES: tuple[str, ...] = get_args(State)
NOBODY = "nobody"


class CvatUpdateJobsOperator(CvatOperator):
    """Set the stage, the state or the assignee of jobs; returns how many were changed and how many matched.

    Only what differs is sent: run again, it changes nothing. A stage that changes without a state sets the state to
    `new`, as CVAT does; give both to keep a state. Ground-truth jobs are left alone.

    :param job_ids: these jobs; and, or
    :param cvat_task_id: the jobs of a task; and, or
    :param project_id: the jobs of a project. One of the three must be given, so that nobody changes a whole server.
    :param in_stage: of these, only jobs in this stage.
    :param in_state: of these, only jobs in this state.
    :param assigned_to: of these, only jobs of this user; `nobody` for jobs without one.
    :param stage: the stage they are to be in; not given, it stays. Likewise the following.
    :param state: the state.
    :param assignee: the user's name, or `nobody`.

    All are templated; empty ones count as not given, so that a form's fields can be passed on.
    """

    template_fields: Sequence[str] = (
        *CvatOperator.template_fields,
        *("job_ids", "cvat_task_id", "project_id", "in_stage", "in_state", "assigned_to", "stage", "state", "assignee"),
    )

    def __init__(
        self,
        *,
        job_ids: Sequence[int] | str = (),
        cvat_task_id: int | str | None = None,
        project_id: int | str | None = None,
        in_stage: Stage | str = "",
        in_state: State | str = "",
        assigned_to: str = "",
        stage: Stage | str = "",
        state: State | str = "",
        assignee: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_ids = job_ids
        self.cvat_task_id = cvat_task_id
        self.project_id = project_id
        self.in_stage = in_stage
        self.in_state = in_state
        self.assigned_to = assigned_to
        self.stage = stage
        self.state = state
        self.assignee = assignee

    def execute(self, context: Context) -> dict[str, int]:
        """Change the jobs that match."""
        from include.clients.cvat.jobs import change_job

        self._check()
        changed = matched = 0
        with self.cvat() as cvat:
            self.show(context, cvat, self._page())
            self._check_there(cvat)
            change = self._change(cvat)
            for job in [job for job in cvat.jobs(**self._where()) if self._matches(job)]:
                matched += 1
                if change_job(job, change, cvat):
                    changed += 1
                    self.log.info("task %d job %d: was %s, %s, of %s", *_told(job))
                    self._show_only(context, cvat, job, changed)
        self.log.info("%d of %d matching jobs changed, the others were so already", changed, matched)
        return {"changed": changed, "matched": matched}

    def _check(self) -> None:
        if not (self._ids or self.cvat_task_id or self.project_id):
            raise AirflowFailException("say which jobs: give job_ids, cvat_task_id or project_id")
        if not (self.stage or self.state or self.assignee):
            raise AirflowFailException("say what to change: give stage, state or assignee")
        known = {"stage": STAGES, "in_stage": STAGES, "state": STATES, "in_state": STATES}
        for name, allowed in known.items():
            if value := getattr(self, name):
                one_of(value, name, allowed)

    def _check_there(self, cvat: "CvatClient") -> None:
        """See that what is named exists, as CVAT lists no jobs of what does not. Raises NotFoundError, or
        AirflowFailException for jobs."""
        if self.cvat_task_id:
            cvat.task(number(self.cvat_task_id, "cvat_task_id"))
        if self.project_id:
            cvat.project(number(self.project_id, "project_id"))
        there = cvat.jobs_by_id(sorted(self._ids)) if self._ids else {}
        if missing := sorted(self._ids - there.keys()):
            named = ", ".join(map(str, missing[:10])) + (", …" if len(missing) > 10 else "")
            raise AirflowFailException(
                f"connection {self.cvat_conn_id!r}: CVAT shows this account no annotation job {named}"
                f" ({len(missing)} of {len(self._ids)} in job_ids). Nothing was changed; correct job_ids"
            )

    @property
    def _ids(self) -> frozenset[int]:
        given = self.job_ids.replace(",", " ").split() if isinstance(self.job_ids, str) else self.job_ids
        return frozenset(number(job_id, "job_ids") for job_id in given or ())

    def _where(self) -> dict[str, str | int]:
        """CVAT's filters; of parameters that it does not know it takes no notice, so `_matches` looks again."""
        where: dict[str, Any] = {
            "task_id": self.cvat_task_id,
            "project_id": self.project_id,
            "stage": self.in_stage,
            "state": self.in_state,
        }
        if self.assigned_to and self.assigned_to != NOBODY:
            where["assignee"] = self.assigned_to
        if self._ids and not (self.cvat_task_id or self.project_id):
            where["filter"] = _any_of(self._ids)
        return {name: value for name, value in where.items() if value}

    def _matches(self, job: "CvatJob") -> bool:
        return (
            (not self._ids or job.id in self._ids)
            and (not self.cvat_task_id or job.task_id == number(self.cvat_task_id, "cvat_task_id"))
            and self.in_stage in ("", None, job.stage)
            and self.in_state in ("", None, job.state)
            and self.assigned_to in ("", None, job.assignee.username if job.assignee else NOBODY)
        )

    def _change(self, cvat: "CvatClient") -> "JobChange":
        from include.clients.cvat.jobs import JobChange

        user = None
        if self.assignee:
            user = 0 if self.assignee == NOBODY else cvat.user_id(self.assignee)
        return JobChange(stage=self.stage or None, state=self.state or None, assignee=user)

    def _page(self) -> str:
        if self.cvat_task_id:
            return task_path(number(self.cvat_task_id, "cvat_task_id"))
        return project_path(number(self.project_id, "project_id")) if self.project_id else "/jobs"

    def _show_only(self, context: Context, cvat: "CvatClient", job: "CvatJob", changed: int) -> None:
        """Of one changed job the link leads to the job itself."""
        self.show(context, cvat, job_path(job.task_id, job.id) if changed == 1 else self._page())


def _any_of(ids: frozenset[int]) -> str:
    """CVAT's JSON filter for jobs of these ids."""
    import json

    return json.dumps({"in": [{"var": "id"}, sorted(ids)]})


def _told(job: "CvatJob") -> tuple[int, int, str, str, str]:
    return job.task_id, job.id, job.stage, job.state, job.assignee.username if job.assignee else NOBODY
