"""The pages in docs/ against the code: what they tell people to write works, and what they say is said."""

import re
from pathlib import Path

import pytest
from airflow.sdk import Connection

from include.projects.files import read_project
from labelcycle.hooks.cvat import access_of
from labelcycle.hooks.failures import FAILURES
from labelcycle.hooks.ledger import url_of
from labelcycle.hooks.mlflow import MlflowHook
from labelcycle.hooks.repository import RepositoryHook
from labelcycle.hooks.storage import bucket_access

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

DOCS = Path(__file__).parents[1] / "docs"
CONNECTIONS = (DOCS / "connections.md").read_text()
VARIABLES = re.findall(r"^AIRFLOW_CONN_(\w+)='([^']*)'", CONNECTIONS, re.MULTILINE)
JSON = dict(VARIABLES[:5])
URIS = dict(VARIABLES[5:])


def connection(conn_id: str, text: str) -> Connection:
    return Connection.from_json(text, conn_id) if text.startswith("{") else Connection.from_uri(text, conn_id)


def test_the_page_shows_all_five() -> None:
    assert set(JSON) == {"AWS_DEFAULT", "CVAT_DEFAULT", "LABELCYCLE_LEDGER", "LABELCYCLE_DATASETS", "MLFLOW_DEFAULT"}
    assert len(URIS) == 3


def test_cvat() -> None:
    access = access_of(connection("cvat_default", JSON["CVAT_DEFAULT"]))
    assert (access.url, access.token, access.username) == (
        "https://cvat.example.com",
        "<personal access token>",
        None,
    )
    access = access_of(connection("cvat_default", URIS["CVAT_DEFAULT"]))
    assert (access.url, access.token, access.organization) == ("https://cvat.example.com", "token", "lab")
    assert access.verify_tls
    command = re.findall(r"airflow connections add cvat_default --conn-json '([^']*)'", CONNECTIONS)
    assert command == [JSON["CVAT_DEFAULT"]]


def test_the_ledger() -> None:
    url = url_of(connection("labelcycle_ledger", JSON["LABELCYCLE_LEDGER"]))
    assert str(url) == "postgresql+psycopg2://labelcycle:***@db.example.com:5432/labelcycle?sslmode=require"
    again = url_of(connection("labelcycle_ledger", URIS["LABELCYCLE_LEDGER"]))
    assert str(again) == str(url)
    assert (url.password, again.password) == ("<password>", "p@ss")


def test_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", JSON["AWS_DEFAULT"])
    access = bucket_access("aws_default", "images")
    assert (access.access_key, access.secret_key) == ("<access key>", "<secret key>")
    assert (access.endpoint_url, access.region) == ("https://s3.example.com", "eu-west-1")


def test_the_dataset_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    from include.clients.versions import DataRemote

    monkeypatch.setenv("AIRFLOW_CONN_LABELCYCLE_DATASETS", JSON["LABELCYCLE_DATASETS"])
    repository = RepositoryHook().get_conn(DataRemote("s3://bucket/dvc"))
    assert (repository.url, repository.branch) == ("git@git.example.com:team/datasets.git", "main")
    assert (repository.author_name, repository.author_email) == ("Labelcycle", "labelcycle@example.com")


@pytest.mark.parametrize(("text", "password"), [(JSON, "<password>"), (URIS, "p@ss")])
def test_mlflow(monkeypatch: pytest.MonkeyPatch, text: dict[str, str], password: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DEFAULT", text["MLFLOW_DEFAULT"])
    experiments = MlflowHook().get_conn()
    assert experiments.tracking_uri == "https://mlflow.example.com"
    assert experiments.login is not None
    assert (experiments.login.username, experiments.login.password) == ("labelcycle", password)


def test_the_project_on_the_page_is_right(tmp_path: Path) -> None:
    page = (DOCS / "projects.md").read_text()
    start = page.index("    name: signs")
    lines = page[start:].split("\n\n")[0].splitlines()
    (tmp_path / "signs.yaml").write_text("\n".join(line.removeprefix("    ") for line in lines))
    assert read_project(tmp_path / "signs.yaml").name == "signs"


def test_every_advice_is_on_the_page_of_errors() -> None:
    page = " ".join((DOCS / "errors.md").read_text().split())
    assert {failure.advice for failure in FAILURES if failure.advice not in page} == set()
    from include.clients.storage import AccessDenied, BucketNotFound, NotS3, Unreachable, WrongRegion

    for kind in (AccessDenied, BucketNotFound, NotS3, Unreachable, WrongRegion):
        assert kind.sentence.partition(".")[0] in page
