"""Back up projects and tasks, and restore them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.operators.base import CvatRequestOperator, ended
from labelcycle.operators.exports import CvatFetchOperator
from labelcycle.operators.memory import Memory
from labelcycle.operators.targets import archives_of, name_of, number, one_of, shown_path, target_of

if TYPE_CHECKING:
    from pathlib import Path

    from include.clients.cvat import CvatClient
    from include.clients.cvat.downloads import Downloaded
    from include.clients.cvat.exports import Kind, Started, Target

_KINDS = ("project", "task")
_MEMORY = "restore"  # what CVAT was asked for, or is about to be


class CvatBackUpOperator(CvatFetchOperator):
    """Back up a project or a task: its images, labels and annotations, as CVAT restores them.

    The file is fetched and checked as an export is (CvatExportOperator), and returned as
    `{"uri": …, "bytes": …, "sha256": …}`. Run again, it is replaced by a backup of today's state.

    :param target: what is backed up: `project` or `task` (templated).
    :param target_id: its id in CVAT (templated).
    :param to: where the file goes: an absolute path, or `s3://bucket/key` (templated). For S3 it passes through a
        temporary file (TMPDIR), so that nothing unchecked gets there.
    :param lightweight: leave out images that CVAT reads from a bucket: such a backup needs that bucket to be restored.
    :param aws_conn_id: the connection to S3, if the file goes there (templated).
    :param request_timeout: how long all of it may take, the download included: an absolute deadline from its start.
    """

    what = "backup"

    def __init__(
        self,
        *,
        target: Literal["project", "task"],
        target_id: int | str,
        to: str,
        lightweight: bool = False,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(target=target, target_id=target_id, to=to, aws_conn_id=aws_conn_id, **kwargs)
        self.lightweight = lightweight

    def check(self, cvat: "CvatClient") -> None:
        """Refuse a job: CVAT backs up none."""
        target_of(self.target, self.target_id, _KINDS)

    def start(self, cvat: "CvatClient", target: "Target") -> "Started":
        """Ask for the backup."""
        return cvat.backups.start(target, lightweight=self.lightweight)

    def download(
        self, cvat: "CvatClient", target: "Target", request_id: str, path: "Path", deadline: datetime
    ) -> "Downloaded":
        """Fetch the backup."""
        return cvat.backups.download(target, request_id, path, deadline)


class CvatRestoreOperator(CvatRequestOperator):
    """Make a new project or task of a backup, under a name that says which; returns its id.

    CVAT makes another one each time that it is asked. So the name decides: if there is one of it already, that is the
    one, and nothing is restored. Give a name that nothing else has, and another for another backup. What CVAT was
    asked for is kept over the task's tries: killed while CVAT restores, the next try waits for the same request; killed
    before, nothing was asked for. Where it was killed just as it asked, and CVAT has begun some restore since, it
    fails and names what there is, and a person decides.

    Restored jobs are at stage annotation in state new, whoever had finished them, and have no assignees; a restored
    task is in no project, unless `project_id` puts it into one that has its labels.

    Ended by a person, it cancels what CVAT has not begun, so that nothing without the name is left. The next try then
    cannot tell that from a request that CVAT has forgotten: it fails once, and asks to look.

    :param target: what the backup is of: `project` or `task`.
    :param source: the backup's file: an absolute path, or `s3://bucket/key` (templated).
    :param name: what the restored project or task is called (templated).
    :param project_id: put the restored task into this project (templated).
    :param aws_conn_id: the connection to S3, if the file is there (templated).
    :param request_timeout: how long CVAT may take: an absolute deadline from the moment it was asked.
    """

    template_fields: Sequence[str] = (
        *CvatRequestOperator.template_fields,
        *("source", "name", "project_id", "aws_conn_id"),
    )

    def __init__(
        self,
        *,
        target: Literal["project", "task"],
        source: str,
        name: str,
        project_id: int | str | None = None,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target = one_of(target, "target", _KINDS)
        self.source = source
        self.name = name
        self.project_id = project_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> int:
        """Look for what is restored or asked for already; else restore it, and wait."""
        kind = target_of(self.target, 0, _KINDS).kind
        self.name = name_of(self.name, "name")
        if self.project_id is not None and kind != "task":
            raise AirflowFailException("only a task can be put into a project: leave out project_id")
        with self.cvat(self.aws_conn_id) as cvat:
            memory = Memory(context, _MEMORY)
            request_id = self._asked(cvat, memory, kind)
            if request_id is None and (found := cvat.backups.named(kind, self.name)):
                self.log.info("%s %d is called %r already: nothing is restored", kind, found[0], self.name)
                return self._settled(context, cvat, found[0])
            request_id = request_id or self._ask(cvat, memory, kind)
        name = f"restore of {self.source} as {self.name!r}"
        return self.wait_for(request_id, name, "resume", cancel_on_kill=True)

    def resume(self, context: Context, event: Mapping[str, Mapping[str, Any]]) -> int:
        """Name what CVAT has made."""
        end = ended(event)
        if end.answer == "failed":
            Memory(context, _MEMORY).forget()  # CVAT has made nothing: another try asks anew
        if end.answer != "finished" or not end.result_id:
            raise AirflowException(f"restore of {self.source} {end.answer}: {end.message or 'CVAT names no result'}")
        with self.cvat() as cvat:
            cvat.backups.rename(target_of(self.target, end.result_id, _KINDS), self.name)
            return self._settled(context, cvat, end.result_id)

    def _asked(self, cvat: "CvatClient", memory: Memory, kind: "Kind") -> str | None:
        """The request of an earlier try; None where none was made, or it came to nothing."""
        from include.clients.cvat import NotFoundError

        kept = memory.get()
        if not kept:
            return None
        if "request_id" not in kept:  # killed, or without an answer, just as it asked
            new = [request.id for request in cvat.backups.restores(kind) if request.id not in kept["known"]]
            return self._unclear(memory, f"CVAT has begun {', '.join(new)} since") if new else None
        request_id = str(kept["request_id"])
        try:
            return None if cvat.request(request_id).status == "failed" else request_id
        except NotFoundError:
            return self._unclear(memory, f"CVAT has forgotten its request {request_id}")

    def _unclear(self, memory: Memory, why: str) -> NoReturn:
        memory.forget()
        raise AirflowFailException(
            f"an earlier try has perhaps restored {self.source}: {why}. Look in CVAT for a new {self.target}: if it is"
            f" there, name it {self.name!r}. Then run this again; where none has that name, it is restored once more"
        )

    def _ask(self, cvat: "CvatClient", memory: Memory, kind: "Kind") -> str:
        upload_id = cvat.backups.send(kind, archives_of(self.aws_conn_id).reading(self.source))
        memory.set(known=[request.id for request in cvat.backups.restores(kind)])
        request_id = cvat.backups.restore(kind, upload_id)
        memory.set(request_id=request_id)
        return request_id

    def _settled(self, context: Context, cvat: "CvatClient", id_: int) -> int:
        target = target_of(self.target, id_, _KINDS)
        if self.project_id is not None:
            cvat.backups.move_to_project(id_, number(self.project_id, "project_id"))
        where = f"in project {self.project_id}" if self.project_id is not None else "in no project"
        self.log.warning(
            "%s is %s: its jobs are at stage annotation in state new, without assignees%s",
            *(target, self.name, f", and it is {where}" if self.target == "task" else ""),
        )
        self.show(context, cvat, shown_path(cvat, target))
        return id_
