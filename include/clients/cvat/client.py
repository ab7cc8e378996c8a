"""CVAT: one client a server, with typed answers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

from include.clients.cvat.annotations import JobAnnotations
from include.clients.cvat.backups import Backups
from include.clients.cvat.blind import BlindJobs
from include.clients.cvat.errors import NotFoundError
from include.clients.cvat.exports import Exports
from include.clients.cvat.filters import changed_since
from include.clients.cvat.imports import Imports
from include.clients.cvat.issues import Issues
from include.clients.cvat.quality import Quality
from include.clients.cvat.records import (
    About,
    BucketAccess,
    CvatAccess,
    CvatJob,
    CvatTask,
    Frame,
    LabelRow,
    Meta,
    Named,
    NewTask,
    ProjectLabels,
    Request,
    Storage,
    Submitted,
    User,
)
from include.clients.cvat.serverless import Serverless
from include.clients.cvat.uploads import UploadFile, upload_files
from include.clients.cvat.wire import Wire


class CvatClient:
    """Calls to one server. Build it once a process: anonymous calls are throttled. Usable as a context manager."""

    def __init__(self, access: CvatAccess) -> None:
        self._wire = Wire(access)
        self.annotations = JobAnnotations(self._wire)
        self.exports = Exports(self._wire)
        self.imports = Imports(self._wire)
        self.backups = Backups(self._wire)
        self.issues = Issues(self._wire)
        self.blind = BlindJobs(self._wire)
        self.quality = Quality(self._wire)
        self.serverless = Serverless(self._wire)

    def __enter__(self) -> "CvatClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a session of a user and password stays valid on the server."""
        self._wire.close()

    @property
    def url(self) -> str:
        """The server's address, as people open it."""
        return self._wire.url

    def version(self) -> str:
        """The server's version."""
        return self._wire.get("/api/server/about", About).version

    # Projects and labels

    def find_project(self, name: str) -> int | None:
        """The id of the project of that name; of two, the lowest."""
        found = [p.id for p in self._wire.list("/api/projects", Named, {"name": name}) if p.name == name]
        return min(found, default=None)

    def project(self, project_id: int) -> Named:
        """A project by id."""
        return self._wire.get(f"/api/projects/{project_id}", Named)

    def create_project(self, name: str, labels: Sequence[Mapping[str, Any]]) -> int:
        """Create a project with labels in CVAT's form, and say its id."""
        return self._wire.call("POST", "/api/projects", Named, body={"name": name, "labels": list(labels)}).id

    def labels(self, project_id: int) -> ProjectLabels:
        """A project's labels and attributes."""
        return ProjectLabels(self._wire.list("/api/labels", LabelRow, {"project_id": str(project_id)}))

    def add_labels(self, project_id: int, labels: Sequence[Mapping[str, Any]]) -> None:
        """Add labels, in CVAT's form, to a project, or to a label of which the id, name and colour are given its new
        attributes; all others stay as they are."""
        self._wire.call("PATCH", f"/api/projects/{project_id}", Named, body={"labels": list(labels)})

    def rename_label(self, label_id: int, name: str, color: str) -> None:
        """Rename a label; what is drawn keeps it. Without its colour, CVAT would give it that of the new name."""
        self._wire.call("PATCH", f"/api/labels/{label_id}", LabelRow, body={"name": name, "color": color})

    # The bucket, as CVAT reads it

    def find_or_create_storage(self, name: str, access: BucketAccess) -> int:
        """The cloud storage through which CVAT reads a bucket at an endpoint."""
        wanted = (access.bucket, access.attributes)
        found = [
            storage.id
            for storage in self._wire.list("/api/cloudstorages", Storage, {"resource": access.bucket})
            if (storage.resource, storage.specific_attributes) == wanted
        ]
        if found:
            return min(found)
        body = {
            "provider_type": "AWS_S3_BUCKET",
            "resource": access.bucket,
            "display_name": name[:63],
            "credentials_type": "KEY_SECRET_KEY_PAIR",
            "key": access.access_key,
            "secret_key": access.secret_key,
            "specific_attributes": access.attributes,
            "manifests": [],
        }
        return self._wire.call("POST", "/api/cloudstorages", Storage, body=body).id

    # Tasks

    def tasks_named(self, project_id: int | None, name: str) -> list[CvatTask]:
        """The tasks of exactly that name of a project, or of none, oldest first: nothing in CVAT makes names unique."""
        query = {"name": name} | ({} if project_id is None else {"project_id": str(project_id)})
        found = self._wire.list("/api/tasks", CvatTask, query)
        return sorted((t for t in found if (t.project_id, t.name) == (project_id, name)), key=lambda task: task.id)

    def create_task(self, wanted: NewTask) -> CvatTask:
        """Create a task without data."""
        return self._wire.call("POST", "/api/tasks", CvatTask, body=wanted.form)

    def task(self, task_id: int) -> CvatTask:
        """A task by id."""
        return self._wire.get(f"/api/tasks/{task_id}", CvatTask)

    def delete_task(self, task_id: int) -> None:
        """Delete a task and all that is in it; one that is gone already is no error."""
        with suppress(NotFoundError):
            self._wire.call("DELETE", f"/api/tasks/{task_id}", None)

    def attach_link(self, task_id: int, storage_id: int, manifest: str, keys: Sequence[str]) -> str:
        """Ask CVAT to attach a bucket's objects in this order, without copying them; the request's id comes back.

        The manifest must lie in the bucket's root, so that the names in it are whole keys.
        """
        body = {
            "image_quality": 80,
            "cloud_storage_id": storage_id,
            "server_files": [manifest, *keys],
            "sorting_method": "predefined",
            "use_cache": True,
        }
        return self._wire.call("POST", f"/api/tasks/{task_id}/data", Submitted, body=body).rq_id

    def upload_files(self, task_id: int, files: Sequence[UploadFile]) -> None:
        """Send files for a task without data; `attach_uploads` makes frames of them.

        Raises a CvatError: after it only a new task can take them. What their `open` and `read` raise comes through.
        """
        upload_files(self._wire, task_id, files)

    def attach_uploads(self, task_id: int, names: Sequence[str]) -> str:
        """Ask CVAT to attach the files that were uploaded, in this order; the request's id comes back."""
        body = {
            "image_quality": 80,
            "sorting_method": "predefined",
            "upload_file_order": list(names),
            "use_cache": True,
        }
        headers = {"Upload-Finish": ""}
        return self._wire.call("POST", f"/api/tasks/{task_id}/data/", Submitted, body=body, headers=headers).rq_id

    def request(self, request_id: str) -> Request:
        """A background request. Raises NotFoundError once it has expired: 500 s after it finished."""
        return self._wire.get(f"/api/requests/{quote(request_id, safe='')}", Request)

    def frames(self, task_id: int) -> list[Frame]:
        """A task's frames in order."""
        return self.meta(task_id).frames

    def meta(self, task_id: int) -> Meta:
        """A task's frames in order, and the numbers of those that people took out; their annotations stay in CVAT."""
        return self._wire.get(f"/api/tasks/{task_id}/data/meta", Meta)

    # Jobs

    def job(self, job_id: int) -> CvatJob:
        """A job by id."""
        return self._wire.get(f"/api/jobs/{job_id}", CvatJob)

    def jobs(self, **filters: str | int) -> Iterator[CvatJob]:
        """Annotation jobs by CVAT's filters (task_id, project_id, stage, state), oldest first."""
        query = {name: str(value) for name, value in filters.items()}
        rows = self._wire.list("/api/jobs", CvatJob, query | {"sort": "id"})
        return (job for job in rows if job.type == "annotation")

    def jobs_by_id(self, ids: Sequence[int]) -> dict[int, CvatJob]:
        """The annotation jobs of these ids, of so many as fit into a URL, by id; those that are gone are left out."""
        return {job.id: job for job in self.jobs(filter=json.dumps({"in": [{"var": "id"}, list(ids)]}))}

    def jobs_updated_since(self, project_id: int, state: str, since: datetime | None) -> list[CvatJob]:
        """The project's annotation jobs in a state that changed at or after a time, in the order of their changes."""
        jobs = self.jobs(filter=changed_since(project_id, state, since))
        return sorted(jobs, key=lambda job: datetime.fromisoformat(job.updated_date))

    def update_job(self, job_id: int, **values: str | int | None) -> CvatJob:
        """Change a job's stage, state or assignee (a user id). A stage without a state resets the state."""
        return self._wire.call("PATCH", f"/api/jobs/{job_id}", CvatJob, body=values)

    def user_id(self, username: str) -> int:
        """A user's id. Raises NotFoundError where there is no such user, or this account may not see it."""
        for user in self._wire.list("/api/users", User, {"search": username}):
            if user.username == username:
                return user.id
        raise NotFoundError(f"CVAT at {self.url} has no user {username!r} that this account can see")
