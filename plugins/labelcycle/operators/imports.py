"""Import annotations from a file into a task or a job."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.operators.base import CvatRequestOperator, ended
from labelcycle.operators.targets import archives_of, shown_path, target_of

if TYPE_CHECKING:
    from include.clients.cvat import CvatClient
    from include.clients.cvat.exports import Target


class CvatImportAnnotationsOperator(CvatRequestOperator):
    """Put the annotations in a file in place of all that a task or job has.

    **What is there is deleted**, whoever drew it. So it refuses where people may have worked: where a job is no longer
    at stage annotation in state new. Otherwise it may be run again at any time: two imports of one file leave what one
    does. CVAT does one import into a task or job at a time: where another is under way, this one comes after it.

    The task ends in the triggerer. What CVAT cannot read in the file it says in the request's message.

    :param target: what it is for: `task` or `job` (templated).
    :param target_id: its id in CVAT (templated).
    :param source: the file: an absolute path, or `s3://bucket/key` (templated).
    :param format: the format's name as CVAT lists it for imports, with its version: `COCO 1.0`, `CVAT 1.1` (templated).
    :param overwrite: also where people may have worked.
    :param aws_conn_id: the connection to S3, if the file is there (templated).
    :param request_timeout: how long it may take, one that is waited for first included: an absolute deadline.
    """

    template_fields: Sequence[str] = (
        *CvatRequestOperator.template_fields,
        *("target", "target_id", "source", "format", "aws_conn_id"),
    )

    def __init__(
        self,
        *,
        target: Literal["task", "job"],
        target_id: int | str,
        source: str,
        format: str,
        overwrite: bool = False,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.target_id = target_id
        self.source = source
        self.format = format
        self.overwrite = overwrite
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> None:
        """Check what can be checked, send the file, and wait for CVAT."""
        self._start(context, datetime.now(UTC) + self.request_timeout)

    def resume(self, context: Context, event: Mapping[str, Mapping[str, Any]]) -> None:
        """Fail with CVAT's words; or begin, where another import was waited for."""
        end = ended(event)
        if not end.kept["ours"] and end.answer != "overdue":
            self._start(context, datetime.fromisoformat(end.kept["deadline"]))
        if end.answer != "finished":
            raise AirflowException(f"import of {self.source} {end.answer}: {end.message or 'CVAT gives no reason'}")

    def _start(self, context: Context, deadline: datetime) -> None:
        from include.clients.cvat.imports import ImportRunning

        target, ours = target_of(self.target, self.target_id, ("task", "job")), True
        with self.cvat(self.aws_conn_id) as cvat:
            file = archives_of(self.aws_conn_id).reading(self.source)
            cvat.imports.check_format(self.format)
            self._check_jobs(cvat, target)
            self.show(context, cvat, shown_path(cvat, target))
            try:
                request_id = cvat.imports.start(target, self.format, cvat.imports.send(target, self.format, file))
            except ImportRunning as error:
                self.log.warning("%s: this one comes after it", error)
                request_id, ours = error.request_id, False
        self.wait_for(
            request_id,
            f"import of {self.source} into {target}" if ours else f"another import into {target}",
            "resume",
            deadline=deadline,
            ends_task=ours,
            cancel_on_kill=ours,
            kept={"deadline": deadline.isoformat(), "ours": ours},
        )

    def _check_jobs(self, cvat: "CvatClient", target: "Target") -> None:
        jobs = list(cvat.jobs(task_id=target.id)) if target.kind == "task" else [cvat.job(target.id)]
        touched = [f"{job.id} ({job.stage}, {job.state})" for job in jobs if (job.stage, job.state) != _UNTOUCHED]
        if touched and not self.overwrite:
            raise AirflowFailException(
                f"people may have worked in {target}, and an import deletes what is there: job {', '.join(touched)}."
                " Nothing was imported; overwrite=True does it all the same"
            )


_UNTOUCHED = ("annotation", "new")
