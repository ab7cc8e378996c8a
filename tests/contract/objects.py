"""What the tests work with: projects, tasks and buckets on the server under test."""

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import boto3
import httpx
from PIL import Image

from tests.contract.wire import Recorded, recorded

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and how its administrator proves who it is: a token, a password, or both."""

    url: str
    token: str | None = None
    username: str | None = None
    password: str | None = None

    def client(self) -> httpx.Client:
        """Plain HTTP as the administrator, by token where there is one."""
        if self.token is None:
            return self.client_by_password()
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S)

    def client_by_password(self) -> httpx.Client:
        assert self.username is not None
        assert self.password is not None
        return httpx.Client(base_url=self.url, auth=(self.username, self.password), timeout=PATIENCE_S)


def request_ended(admin: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """Waits for the request that an answer names; returns what the server says of it at its end."""
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        request = admin.get(f"/api/requests/{quote(answer.json()['rq_id'])}")
        if request.json()["status"] in ("finished", "failed"):
            return request
        time.sleep(0.02)
    raise TimeoutError(f"{answer.json()['rq_id']} did not end within {PATIENCE_S} s")


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 30)).save(target, "JPEG", **options)
    return target.getvalue()


def upload(admin: httpx.Client, task_id: int, files: dict[str, bytes], **values: Any) -> httpx.Response:
    """Sends a task's files as one multipart form."""
    form = {"image_quality": "70", **values}
    parts = {f"client_files[{i}]": (name, content) for i, (name, content) in enumerate(files.items())}
    return admin.post(f"/api/tasks/{task_id}/data", data=form, files=parts)


@dataclass(frozen=True, slots=True)
class Project:
    """The project of the recordings, made anew, and which ids here stand for the recorded ones."""

    id: int
    labels: dict[int, int]
    specs: dict[int, int]

    def translated(self, body: Any) -> Any:
        """A recorded body with this project's label and attribute ids."""
        if isinstance(body, list):
            return [self.translated(item) for item in body]
        if not isinstance(body, dict):
            return body
        known = {"label_id": self.labels, "spec_id": self.specs}
        return {
            key: known[key].get(value, value)
            if key in known and isinstance(value, int)
            else "none"
            if value == "REDACTED"
            else self.translated(value)
            for key, value in body.items()
        }


def new_project(admin: httpx.Client) -> Project:
    """The project of the recordings, made anew."""
    calls = recorded("projects")
    project_id = admin.post("/api/projects", json=calls["create project"].sent).json()["id"]
    here = admin.get("/api/labels", params={"project_id": project_id}).json()["results"]
    return Project(project_id, dict(_ids(calls["labels"], here)), dict(_specs(calls["labels"], here)))


def _ids(labels: Recorded, here: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    for then, now in zip(labels.body["results"], here, strict=True):
        yield then["id"], now["id"]
        for sub_then, sub_now in zip(then["sublabels"], now["sublabels"], strict=True):
            yield sub_then["id"], sub_now["id"]


def _specs(labels: Recorded, here: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    for then, now in zip(labels.body["results"], here, strict=True):
        for spec_then, spec_now in zip(then["attributes"], now["attributes"], strict=True):
            yield spec_then["id"], spec_now["id"]


@dataclass(frozen=True, slots=True)
class Task:
    id: int
    jobs: tuple[int, ...]


def new_task(admin: httpx.Client, **values: Any) -> int:
    answer = admin.post("/api/tasks", json={"name": f"task-{uuid4().hex[:8]}", **values})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def filled_task(admin: httpx.Client, frames: int = 30, **values: Any) -> Task:
    """A task with images of 640×480 named as in the recordings."""
    task_id = new_task(admin, **values)
    image = jpeg(640, 480)
    answer = upload(admin, task_id, {f"frame_{i:04d}.jpg": image for i in range(frames)}, image_quality="80")
    assert request_ended(admin, answer).json()["status"] == "finished"
    jobs = admin.get("/api/jobs", params={"task_id": task_id, "sort": "id", "page_size": "all"}).json()["results"]
    return Task(task_id, tuple(job["id"] for job in jobs))


@dataclass(frozen=True, slots=True)
class BucketKeys:
    """How a bucket is reached: by these tests, and by the server. Without an endpoint it is at AWS."""

    endpoint: str | None
    region: str
    key: str
    secret: str

    def client(self) -> "S3Client":
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that the server can read, and the body that makes a cloud storage of it."""

    s3: "S3Client"
    name: str
    keys: BucketKeys

    def storage(self, **values: Any) -> dict[str, Any]:
        options = {"region": self.keys.region} | ({"endpoint_url": self.keys.endpoint} if self.keys.endpoint else {})
        return {
            "provider_type": "AWS_S3_BUCKET",
            "resource": self.name,
            "display_name": "for tests",
            "credentials_type": "KEY_SECRET_KEY_PAIR",
            "key": self.keys.key,
            "secret_key": self.keys.secret,
            "specific_attributes": urlencode(options),
            "description": "d",
            "manifests": [],
            **values,
        }

    def put(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=content)

    def objects(self) -> list[str]:
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def empty(self) -> None:
        for key in self.objects():
            self.s3.delete_object(Bucket=self.name, Key=key)
