"""The steps of the set-up that have an effect outside Airflow, run twice."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from deploy.init import InitFailed, make_bucket, make_repository


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    settings = {"AWS_ENDPOINT_URL_S3": url, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    for name, value in (settings | {"AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    yield url
    server.stop()


def test_a_bucket_is_made_once(s3: str) -> None:
    for _ in range(2):
        make_bucket("labelcycle")
    with closing(boto3.Session().client("s3")) as client:
        assert [b["Name"] for b in client.list_buckets()["Buckets"]].count("labelcycle") == 1


def test_an_s3_that_does_not_answer_is_named(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(InitFailed, match=r"labelcycle cannot be reached .*127\.0\.0\.1:9.*S3_ENDPOINT"):
        make_bucket("labelcycle")


def test_a_repository_is_made_once_and_only_at_a_path(tmp_path: Path) -> None:
    place = tmp_path / "datasets.git"
    for _ in range(2):
        make_repository(str(place))
    make_repository("ssh://git@git.example.org/datasets.git")
    command = ["git", "--git-dir", str(place), "rev-parse", "--is-bare-repository"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "true"
    assert list(tmp_path.iterdir()) == [place]


def test_a_repository_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InitFailed, match="setting up the datasets' repository failed"):
        make_repository(str(tmp_path / "file" / "datasets.git"))
