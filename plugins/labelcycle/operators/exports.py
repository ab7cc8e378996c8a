"""Exports: a project's, task's or job's annotations in one of CVAT's formats, into a file on a disk or in S3."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from labelcycle.operators.base import CvatRequestOperator, ended
from labelcycle.operators.targets import archives_of, shown_path, target_of

if TYPE_CHECKING:
    from pathlib import Path

    from include.clients.cvat import CvatClient
    from include.clients.cvat.downloads import Downloaded
    from include.clients.cvat.exports import Started, Target

_ROUNDS = 3  # how often a result that is gone is asked for again


class CvatFetchOperator(CvatRequestOperator):
    """What exports and backups share: CVAT prepares a file, and it is fetched to an address.

    Run again, it asks CVAT again, or waits for what CVAT is at already, and puts the file in place of the one there.
    A result that expired, or that somebody has asked for again meanwhile, is asked for again.
    """

    template_fields: Sequence[str] = (*CvatRequestOperator.template_fields, "target", "target_id", "to", "aws_conn_id")
    what: str

    def __init__(self, *, target: str, target_id: int | str, to: str, aws_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.target_id = target_id
        self.to = to
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> NoReturn:
        """Check what was asked for, ask CVAT for it, and wait."""
        target = target_of(self.target, self.target_id)
        with self.cvat(self.aws_conn_id) as cvat:
            archives_of(self.aws_conn_id).check_writable(self.to)
            self.check(cvat)
            self.show(context, cvat, shown_path(cvat, target))
        self.ask(datetime.now(UTC) + self.request_timeout, 1)

    def ask(self, deadline: datetime, round_: int) -> NoReturn:
        """Ask CVAT, and wait."""
        target = target_of(self.target, self.target_id)
        with self.cvat() as cvat:
            started = self.start(cvat, target)
        self.wait_for(
            started.request_id,
            f"{self.what} of {target}" + ("" if started.ours else ", under way already"),
            "fetch",
            deadline=deadline,
            cancel_on_kill=started.ours,
            kept={"deadline": deadline.isoformat(), "round": round_},
        )

    def fetch(self, context: Context, event: Mapping[str, Mapping[str, Any]]) -> dict[str, str | int]:
        """Fetch what CVAT has prepared: where it is now, its size in bytes and its SHA-256."""
        end, target = ended(event), target_of(self.target, self.target_id)
        until, round_ = datetime.fromisoformat(end.kept["deadline"]), end.kept["round"]
        if end.answer in ("failed", "overdue"):
            raise AirflowException(f"{self.what} of {target} {end.answer}: {end.message or 'CVAT gives no reason'}")
        if end.answer == "finished" and (got := self._fetched(target, end.request_id, until)):
            self.log.info("%s of %s: %d bytes in %s, SHA-256 %s", self.what, target, got.bytes, self.to, got.sha256)
            return {"uri": self.to, "bytes": got.bytes, "sha256": got.sha256}
        if round_ == _ROUNDS:
            raise AirflowException(
                f"{self.what} of {target} was gone each of the {_ROUNDS} times that it was asked for"
            )
        self.log.warning("%s of %s is asked for again", self.what, target)
        return self.ask(until, round_ + 1)

    def _fetched(self, target: "Target", request_id: str, deadline: datetime) -> "Downloaded | None":
        """What was fetched; None where CVAT has it no more, or is making it anew."""
        from include.clients.cvat.downloads import ExpiredError

        with self.cvat(self.aws_conn_id) as cvat:
            try:
                with archives_of(self.aws_conn_id).writing(self.to) as path:
                    return self.download(cvat, target, request_id, path, deadline)
            except ExpiredError as error:
                self.log.warning("%s", error)
                return None

    def check(self, cvat: "CvatClient") -> None:
        """Refuse what CVAT would refuse later."""

    def start(self, cvat: "CvatClient", target: "Target") -> "Started":
        """Ask CVAT."""
        raise NotImplementedError

    def download(
        self, cvat: "CvatClient", target: "Target", request_id: str, path: "Path", deadline: datetime
    ) -> "Downloaded":
        """Fetch the result."""
        raise NotImplementedError


class CvatExportOperator(CvatFetchOperator):
    """Export annotations, with or without images, in any format that the server writes.

    The file has its name only when it is whole and, if it is a zip, every CRC in it is right. Broken connections are
    made again, and the download goes on where it broke. A file of that name is replaced: run again on unchanged
    annotations, there is one file. Returns `{"uri": …, "bytes": …, "sha256": …}`.

    COCO carries neither the source of an object nor tags, and YOLO leaves out images without boxes: where that
    matters, read the annotations through the API.

    :param target: what is exported: `project`, `task` or `job` (templated).
    :param target_id: its id in CVAT (templated).
    :param format: the format's name as CVAT lists it, with its version: `COCO 1.0` (templated).
    :param to: where the file goes: an absolute path, or `s3://bucket/key` (templated). For S3 it passes through a
        temporary file (TMPDIR), so that nothing unchecked gets there.
    :param images: whether the images are in it.
    :param aws_conn_id: the connection to S3, if the file goes there (templated).
    :param request_timeout: how long all of it may take, the download included: an absolute deadline from its start.
    """

    template_fields: Sequence[str] = (*CvatFetchOperator.template_fields, "format")
    what = "export"

    def __init__(
        self,
        *,
        target: Literal["project", "task", "job"],
        target_id: int | str,
        format: str,
        to: str,
        images: bool = False,
        aws_conn_id: str = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(target=target, target_id=target_id, to=to, aws_conn_id=aws_conn_id, **kwargs)
        self.format = format
        self.images = images

    def check(self, cvat: "CvatClient") -> None:
        """Refuse a format that the server does not write."""
        cvat.exports.check_format(self.format)

    def start(self, cvat: "CvatClient", target: "Target") -> "Started":
        """Ask for the export."""
        return cvat.exports.start(target, self.format, images=self.images)

    def download(
        self, cvat: "CvatClient", target: "Target", request_id: str, path: "Path", deadline: datetime
    ) -> "Downloaded":
        """Fetch the export."""
        return cvat.exports.download(target, request_id, path, deadline)
