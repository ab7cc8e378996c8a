"""Backups of projects and tasks, and what they are restored to.

A backup holds images (a lightweight one only their names in a bucket), annotations and labels. What is restored is new:
its jobs come back at stage annotation, in state new, without assignees, and a task comes back outside its project.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from include.clients.cvat.downloads import Downloaded, download
from include.clients.cvat.exports import Kind, Started, Target, start
from include.clients.cvat.imports import send_archive, start_upload
from include.clients.cvat.records import Named, Request
from include.clients.cvat.uploads import UploadFile
from include.clients.cvat.wire import Wire


class Backups:
    """Backups of one server's projects and tasks."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def start(self, target: Target, *, lightweight: bool = False) -> Started:
        """Ask for a backup, or find one of the same under way. So this may be repeated after a lost answer."""
        return start(self._wire, f"{target.path}/backup/export", {"lightweight": str(lightweight).lower()})

    def download(self, target: Target, request_id: str, to: Path, deadline: datetime) -> Downloaded:
        """Fetch a finished backup into a file (`downloads.download`)."""
        return download(self._wire, f"{target.path}/backup/download", request_id, to, deadline)

    def send(self, kind: Kind, file: UploadFile) -> str:
        """Send a backup's file; what CVAT calls it. Nothing is restored yet, so that it may be sent again."""
        return send_archive(self._wire, _path(kind), file, {})

    def restore(self, kind: Kind, upload_id: str) -> str:
        """Ask CVAT to make a new task or project of a file that was sent; the request's id.

        Raises UnknownOutcomeError where the answer was lost: `restores` then tells whether it has begun.
        """
        return start_upload(self._wire, _path(kind), upload_id, {})

    def restores(self, kind: Kind) -> list[Request]:
        """This account's requests to restore tasks or projects; CVAT forgets one an hour after its end."""
        rows = self._wire.list("/api/requests", Request, {"action": "import", "target": kind})
        return [row for row in rows if row.operation and row.operation.type == "import:backup"]

    def named(self, kind: Kind, name: str) -> Sequence[int]:
        """The ids of all tasks or projects of exactly that name, lowest first: CVAT lets many have the same."""
        rows = self._wire.list(f"/api/{kind}s", Named, {"name": name})
        return sorted(row.id for row in rows if row.name == name)

    def rename(self, target: Target, name: str) -> None:
        """Give a task or project another name."""
        self._wire.call("PATCH", target.path, Named, body={"name": name})

    def move_to_project(self, task_id: int, project_id: int) -> None:
        """Put a task into a project, which must have its labels by name. Raises InvalidError where it does not."""
        self._wire.call("PATCH", f"/api/tasks/{task_id}", Named, body={"project_id": project_id})


def _path(kind: Kind) -> str:
    return f"/api/{kind}s/backup/"
