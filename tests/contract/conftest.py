"""The server under test: the emulator over real HTTP, or the CVAT that the environment names.

`CVAT_URL` with `CVAT_TOKEN` (an administrator's, not read-only), or with `CVAT_USERNAME` and `CVAT_PASSWORD`, or with
all three, points the same tests at a real server. It keeps the projects, tasks and people that the tests make. The
tests with a bucket use `CVAT_BUCKET`, empty and for tests alone, with `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
`AWS_REGION`, and `CVAT_BUCKET_ENDPOINT` where it is not at AWS; without one they use a server of their own, which CVAT
must reach at this machine's loopback. The tests of serverless functions use `CVAT_FUNCTION`, a detector.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest
from moto.server import ThreadedMotoServer

from tests.contract.objects import PATIENCE_S, Bucket, BucketKeys, Project, Server, Task, filled_task, new_project

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PASSWORD = "only-for-tests"
_DETECTOR = {
    "id": "boxes",
    "labels": [{"name": "person"}, {"name": "car"}],
    "finds": {
        "*": [
            {"label": "person", "points": [10, 20, 110, 220], "confidence": 0.9},
            {"label": "car", "points": [150.5, 60.25, 300, 180], "confidence": 0.4},
        ]
    },
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if "CVAT_URL" in os.environ:
        names = ("CVAT_TOKEN", "CVAT_USERNAME", "CVAT_PASSWORD")
        yield Server(os.environ["CVAT_URL"], *(os.environ.get(name) for name in names))
        return
    command = [sys.executable, "-m", "include.emulator", "--data", str(tmp_path_factory.mktemp("cvat"))]
    environment = {**os.environ, "CVAT_ADMIN_PASSWORD": _PASSWORD}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Server(process.stdout.readline().split()[-1], username="admin", password=_PASSWORD)
        process.terminate()


@pytest.fixture(scope="session")
def detector(server: Server) -> str:
    """The id of a serverless function."""
    if "CVAT_URL" not in os.environ:
        httpx.post(f"{server.url}/emulator/functions", json=_DETECTOR, timeout=PATIENCE_S).raise_for_status()
        return str(_DETECTOR["id"])
    if "CVAT_FUNCTION" not in os.environ:
        pytest.skip("CVAT_FUNCTION names no detector")
    return os.environ["CVAT_FUNCTION"]


@pytest.fixture(scope="session")
def cvat_url(server: Server) -> str:
    return server.url


@pytest.fixture(scope="session")
def admin(server: Server) -> Iterator[httpx.Client]:
    """Plain HTTP as the administrator."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def admin_by_password(server: Server) -> Iterator[httpx.Client]:
    """The same with Basic, which may make tokens."""
    if server.password is None:
        pytest.skip("CVAT_USERNAME and CVAT_PASSWORD are not given")
    with server.client_by_password() as client:
        yield client


@pytest.fixture
def annotator(server: Server) -> Iterator[httpx.Client]:
    """Plain HTTP as somebody who has just registered."""
    name, password = f"person-{uuid4().hex[:12]}", f"long-{uuid4().hex}"
    person = {"username": name, "email": f"{name}@example.com", "password1": password, "password2": password}
    httpx.post(f"{server.url}/api/auth/register", json=person, timeout=PATIENCE_S).raise_for_status()
    with httpx.Client(base_url=server.url, auth=(name, password), timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture(scope="session")
def project(admin: httpx.Client) -> Project:
    return new_project(admin)


@pytest.fixture
def task(admin: httpx.Client, project: Project) -> Task:
    """Thirty frames in three jobs."""
    return filled_task(admin, project_id=project.id, segment_size=10, overlap=0, subset="Train")


@pytest.fixture(scope="session")
def bucket_keys() -> Iterator[BucketKeys]:
    if "CVAT_BUCKET" in os.environ:
        secrets = (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        region = os.environ.get("AWS_REGION", "us-east-1")
        yield BucketKeys(os.environ.get("CVAT_BUCKET_ENDPOINT"), region, *secrets)
        return
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield BucketKeys(f"http://{host}:{port}", "us-east-1", "tester", "of-tests")
    moto.stop()


@pytest.fixture(scope="session")
def s3(bucket_keys: BucketKeys) -> "Iterator[S3Client]":
    client = bucket_keys.client()
    yield client
    client.close()


@pytest.fixture
def bucket(s3: "S3Client", bucket_keys: BucketKeys) -> Iterator[Bucket]:
    """An empty bucket. The one that the environment names must be, and is emptied after each test."""
    bucket = Bucket(s3, os.environ.get("CVAT_BUCKET", f"bucket-{uuid4()}"), bucket_keys)
    if "CVAT_BUCKET" not in os.environ:
        s3.create_bucket(Bucket=bucket.name)
        yield bucket
        return
    assert bucket.objects() == [], f"{bucket.name} is not empty: give a bucket that is for these tests alone"
    yield bucket
    bucket.empty()
