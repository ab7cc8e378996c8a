"""The server under test: the emulator over real HTTP, or the CVAT that the environment names.

`CVAT_URL`, `CVAT_USERNAME` and `CVAT_PASSWORD` (an administrator's) point the same tests at a real server. It must
reach this machine's loopback for the tests with a bucket, and it keeps the projects that the tests make.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from tests.contract.objects import PATIENCE_S, Bucket, Project, Server, Task, filled_task, new_project

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PASSWORD = "only-for-tests"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if "CVAT_URL" in os.environ:
        yield Server(os.environ["CVAT_URL"], os.environ["CVAT_USERNAME"], os.environ["CVAT_PASSWORD"])
        return
    command = [sys.executable, "-m", "include.emulator", "--data", str(tmp_path_factory.mktemp("cvat"))]
    environment = {**os.environ, "CVAT_ADMIN_PASSWORD": _PASSWORD}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Server(process.stdout.readline().split()[-1], "admin", _PASSWORD)
        process.terminate()


@pytest.fixture(scope="session")
def cvat_url(server: Server) -> str:
    return server.url


@pytest.fixture(scope="session")
def admin(server: Server) -> Iterator[httpx.Client]:
    """Plain HTTP as the administrator."""
    with httpx.Client(base_url=server.url, auth=(server.username, server.password), timeout=PATIENCE_S) as client:
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
def s3_endpoint() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture(scope="session")
def s3(s3_endpoint: str) -> "Iterator[S3Client]":
    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="tester",
        aws_secret_access_key="of-tests",
    )
    yield client
    client.close()


@pytest.fixture
def bucket(s3: "S3Client", s3_endpoint: str) -> Bucket:
    """A new, empty bucket."""
    name = f"bucket-{uuid4()}"
    s3.create_bucket(Bucket=name)
    return Bucket(s3, name, s3_endpoint)
