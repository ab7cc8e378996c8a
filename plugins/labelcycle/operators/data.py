"""A task's data: linked in a bucket that CVAT reads itself, or copied to it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from labelcycle.links.cvat import task_path
from labelcycle.operators.base import CvatRequestOperator, ended
from labelcycle.operators.intents import asking
from labelcycle.operators.memory import Memory
from labelcycle.operators.targets import number, one_of

if TYPE_CHECKING:
    from include.clients.cvat import CvatClient, CvatTask
    from include.clients.cvat.asking import Asking
    from labelcycle.operators.sources import Bucketed, Local


class CvatAttachDataOperator(CvatRequestOperator):
    """Give a task its images, in the order given, and wait until CVAT has made its jobs.

    `link`: CVAT reads the bucket itself, by a cloud storage and a manifest, both found or made; of an image only the
    first bytes (at most 64 KiB as a rule) pass through the worker, for its width and height. `copy`: the images are
    sent, streamed a few at a time; a frame is called by its number and its file's name.

    A task that has its data is left as it is: it must be these images, in this order. A task whose creation failed, or
    whose upload was cut short, takes no data any more: this fails and says so, or with `recreate` makes the task anew
    and deletes the old one. Returns the id of the task that has the data: a new one then. The XCom
    `cvat_task_id` has it too, while CVAT is at it already.

    Ended by a person, it leaves CVAT at its work: a task whose creation was cancelled takes no data any more.

    :param cvat_task_id: a task without data, as from CvatCreateTaskOperator (templated).
    :param images: an S3 prefix (`s3://bucket/photos/`: its objects sorted by key), a list of S3 URIs, or, for copying,
        a list of paths on the worker (templated).
    :param mode: `link` or `copy`.
    :param aws_conn_id: the connection to the bucket (templated).
    :param storage_conn_id: the connection whose endpoint and keys CVAT reads the bucket with, where they differ
        (templated).
    :param recreate: whether a task of a project that takes no data any more is made anew.
    :param server_timeout: after how long a call cannot take effect any more at the server.
    :param request_timeout: how long CVAT may take.
    """

    template_fields: Sequence[str] = (
        *CvatRequestOperator.template_fields,
        *("cvat_task_id", "images", "aws_conn_id", "storage_conn_id"),
    )

    def __init__(
        self,
        *,
        cvat_task_id: int | str,
        images: str | Sequence[str],
        mode: Literal["link", "copy"] = "link",
        aws_conn_id: str = "aws_default",
        storage_conn_id: str = "",
        recreate: bool = False,
        server_timeout: timedelta = timedelta(seconds=60),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cvat_task_id = cvat_task_id
        self.images = images
        self.mode = one_of(mode, "mode", ("link", "copy"))
        self.aws_conn_id = aws_conn_id
        self.storage_conn_id = storage_conn_id
        self.recreate = recreate
        self.server_timeout = server_timeout

    def execute(self, context: Context) -> int:
        """Look at the task, ask for its data where that was not done, and wait."""
        from include.clients.cvat.tasks import creation_request

        with self.cvat(self.aws_conn_id) as cvat:
            source = self._source()
            task = self._task(context, cvat)
            if task.size == 0:
                task = self._ask(context, task, source, cvat)
            self._tell(context, task, cvat)
            if task.size:
                self._check(task, source, cvat)
                return task.id
        name, images = f"data of task {task.id}", len(source.frames())
        return self.wait_for(creation_request(task.id), name, "resume", images=images, ends_task=True, returns=task.id)

    def resume(self, context: Context, event: Mapping[str, Mapping[str, Any]]) -> int:
        """What did not end well in the triggerer: CVAT forgets requests, so the task tells."""
        end = ended(event)
        with self.cvat() as cvat:
            task = self._task(context, cvat)
            if task.size:
                return task.id
        reason = " ".join(end.message.split()) or "CVAT gives no reason"
        words = f"task {task.id} did not get its data: {end.answer}: {reason}"
        if end.answer == "overdue" or self.recreate:
            raise AirflowException(words)  # the next try waits on, or makes the task anew
        raise AirflowFailException(f"{words}. {_ADVICE}")

    def _source(self) -> "Bucketed | Local":
        from include.clients.images import ImageBucket
        from labelcycle.hooks.storage import s3_client
        from labelcycle.operators.sources import source_of

        first = self.images if isinstance(self.images, str) else next(iter(self.images), "")
        if self.mode == "copy" and not first.startswith("s3://"):
            return source_of(self.images, None)
        return source_of(self.images, ImageBucket(s3_client(self.aws_conn_id)))

    def _task(self, context: Context, cvat: "CvatClient") -> "CvatTask":
        """The task, or the one that an earlier try has made instead of it."""
        renewed = Memory(context, "task").get()
        if not renewed:
            return cvat.task(number(self.cvat_task_id, "cvat_task_id"))
        cvat.delete_task(renewed["instead_of"])
        return cvat.task(renewed["id"])

    def _tell(self, context: Context, task: "CvatTask", cvat: "CvatClient") -> None:
        self.show(context, cvat, task_path(task.id))
        context["ti"].xcom_push(key="cvat_task_id", value=task.id)

    def _ask(self, context: Context, task: "CvatTask", source: "Bucketed | Local", cvat: "CvatClient") -> "CvatTask":
        """Have CVAT attach the data, if it is not at it; the task that gets it."""
        from include.clients.cvat.asking import look_until_known
        from include.clients.cvat.tasks import under_way

        asked = self._asking(context, task)
        if look_until_known(lambda: under_way(task, cvat), asked.asked_at, self.server_timeout):
            return task
        if cvat.task(task.id).has_data:
            task = self._renewed(context, task, cvat)
            asked = self._asking(context, task)
        if self.mode == "link":
            self._link(asked, task, source, cvat)
        else:
            self._copy(asked, task, source, cvat)
        return task

    def _asking(self, context: Context, task: "CvatTask") -> "Asking":
        return asking(context, self.server_timeout, f"data of task {task.id}")

    def _link(self, asked: "Asking", task: "CvatTask", source: "Bucketed | Local", cvat: "CvatClient") -> None:
        from include.clients.cvat.asking import once
        from include.clients.cvat.tasks import link, linked
        from include.lifecycle.manifest import manifest, manifest_key
        from labelcycle.hooks.storage import bucket_access
        from labelcycle.operators.sources import Bucketed, WrongImages

        if not isinstance(source, Bucketed):
            raise WrongImages("files on a disk can only be copied: CVAT links objects of a bucket")
        access = bucket_access(self.storage_conn_id or self.aws_conn_id, source.name)
        storage_id = cvat.find_or_create_storage(source.name, access)
        key = manifest_key(f"task-{task.id}")
        source.bucket.write(f"s3://{source.name}/{key}", manifest(source.images()), "application/jsonl")
        once(
            asked,
            look=lambda: linked(task.id, cvat),
            act=lambda: link(task.id, storage_id, key, source.keys, cvat),
        )

    def _copy(self, asked: "Asking", task: "CvatTask", source: "Bucketed | Local", cvat: "CvatClient") -> None:
        from include.clients.cvat import UnknownOutcomeError
        from include.clients.cvat.asking import look_until_known
        from include.clients.cvat.tasks import under_way

        files = source.files()
        cvat.upload_files(task.id, files)
        self.log.info("task %d: %d files sent, %d bytes", task.id, len(files), sum(file.size for file in files))
        asked.intend(datetime.now(UTC))  # only now: what was sent before does nothing by itself
        try:
            cvat.attach_uploads(task.id, [file.name for file in files])
        except UnknownOutcomeError:
            if not look_until_known(lambda: under_way(task, cvat), datetime.now(UTC), self.server_timeout):
                raise

    def _renewed(self, context: Context, task: "CvatTask", cvat: "CvatClient") -> "CvatTask":
        """An empty task like this one, which goes."""
        from include.clients.cvat.tasks import failure_of, renew_task

        reason = f"task {task.id} takes no data any more: {failure_of(task, cvat)}"
        if not self.recreate:
            raise AirflowFailException(f"{reason}. {_ADVICE}")
        self.log.warning("%s: a new task instead", reason)
        new = renew_task(task, self.server_timeout, cvat)
        Memory(context, "task").set(id=new.id, instead_of=task.id)
        cvat.delete_task(task.id)
        return new

    def _check(self, task: "CvatTask", source: "Bucketed | Local", cvat: "CvatClient") -> None:
        from include.clients.cvat.tasks import difference

        if problem := difference(source.frames(), cvat.frames(task.id)):
            raise AirflowFailException(f"task {task.id} has other data than was asked for: {problem}")
        self.log.info("task %d has these %d images already", task.id, task.size)


_ADVICE = "Delete the task and let it be created anew, or set recreate"
