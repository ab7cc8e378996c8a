"""The quality pages, in Airflow's API server: who may see them, what is answered, and where pictures come from."""

import json
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.clients.ledger.snapshots import SnapshotRecord
from include.evaluation.snapshot import Snapshot, to_json
from include.local.bucket import Bucket
from tests.include.clients.ledger.records import PROJECT
from tests.include.pages import scene
from tests.plugins.labelcycle.web.conftest import Airflow, connection_to

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

PAGE = f"/quality/{PROJECT}"
Measured = Callable[[Snapshot], Snapshot]


@pytest.fixture
def vera(airflow: Airflow) -> Iterator[httpx.Client]:
    with airflow.as_("vera") as client:
        yield client


@pytest.fixture
def snapshot(measured: Measured) -> Snapshot:
    return measured(scene.full(30))


def test_who_is_not_logged_in_is_led_to_airflows_login_and_back(airflow: Airflow, snapshot: Snapshot) -> None:
    image = next(iter(snapshot.links))
    for path in ("/quality", f"{PAGE}?annotator=signs%401.4.0", f"{PAGE}/report", f"{PAGE}/images/{image}/file"):
        answer = httpx.get(f"{airflow.url}/labelcycle{path}")
        assert answer.status_code == 302
        to = urlsplit(answer.headers["location"])
        assert (to.path, parse_qs(to.query)["next"]) == ("/api/v2/auth/login", [f"/labelcycle{path}"])
        assert "set-cookie" not in answer.headers
    login = httpx.get(f"{airflow.url}{answer.headers['location']}")
    assert login.status_code == 307
    assert login.headers["location"].startswith("/auth/login?next=")
    assert httpx.get(f"{airflow.url}/labelcycle{PAGE}", headers={"Authorization": "Bearer guessed"}).status_code == 403


def test_the_page_of_the_newest_snapshot(vera: httpx.Client, snapshot: Snapshot, bucket: Bucket) -> None:
    answer = vera.get(PAGE)
    assert answer.status_code == 200
    assert "signs@1.5.0" in answer.text
    assert "https://cvat.example.com/tasks/9" in answer.text
    assert "https://mlflow.example.com/#/runs/5f0c" in answer.text
    policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == f"'self' data: {bucket.endpoint_url}"
    assert answer.headers["cache-control"] == "private, no-cache"


def test_a_page_that_is_still_the_same_is_not_sent_again(vera: httpx.Client, snapshot: Snapshot) -> None:
    etag = vera.get(PAGE).headers["etag"]
    again = vera.get(PAGE, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    other = vera.get(PAGE, params={"annotator": "signs@1.4.0"}, headers={"If-None-Match": etag})
    assert other.status_code == 200


def test_the_overview_has_the_active_projects(vera: httpx.Client, snapshot: Snapshot) -> None:
    text = vera.get("/quality").text
    assert f'href="/labelcycle/quality/{PROJECT}"' in text
    assert "asleep" not in text


def test_pictures_come_from_the_bucket_for_some_minutes(vera: httpx.Client, snapshot: Snapshot, bucket: Bucket) -> None:
    image = snapshot.annotators[0].evaluation.worst[0].image_id
    answer = vera.get(f"{PAGE}/images/{image}/file")
    assert (answer.status_code, answer.headers["cache-control"]) == (302, "no-store")
    signed = urlsplit(answer.headers["location"])
    assert f"{signed.scheme}://{signed.netloc}" == bucket.endpoint_url
    query = parse_qs(signed.query)
    assert query["X-Amz-Expires"] == ["300"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert httpx.get(answer.headers["location"]).content == scene.picture(image)[0]
    assert httpx.get(f"{bucket.endpoint_url}{signed.path}").is_client_error


def test_browsers_may_know_the_bucket_by_another_address(
    vera: httpx.Client, snapshot: Snapshot, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = bucket.endpoint_url.replace("127.0.0.1", "localhost")
    connection = connection_to(bucket)
    connection["extra"] = {**connection["extra"], "pages": outer}  # type: ignore[dict-item]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    assert f"img-src 'self' data: {outer};" in vera.get(PAGE).headers["content-security-policy"]
    image = snapshot.annotators[0].evaluation.worst[0].image_id
    address = vera.get(f"{PAGE}/images/{image}/file").headers["location"]
    assert address.startswith(f"{outer}/images/")
    assert httpx.get(address).content == scene.picture(image)[0]


def test_an_address_that_is_none_is_said_on_the_page(
    vera: httpx.Client, snapshot: Snapshot, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connection_to(bucket)
    connection["extra"] = {**connection["extra"], "pages": "localhost:8333"}  # type: ignore[dict-item]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    answer = vera.get(PAGE)
    assert answer.status_code == 500
    assert (
        "connection &#39;aws_default&#39; has wrong pages in its extra: Invalid endpoint: localhost:8333" in answer.text
    )


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{PAGE}/images/stranger", "does not name an image"),
        (f"{PAGE}/images/stranger/file", "does not name an image"),
        (f"{PAGE}?annotator=signs%409", "no figures of"),
        ("/quality/strangers", f"there are: {PROJECT}"),
        ("/quality/asleep", f"there are: {PROJECT}"),
    ],
)
def test_what_is_not_there_is_said_on_a_page(vera: httpx.Client, snapshot: Snapshot, path: str, words: str) -> None:
    answer = vera.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert words in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_an_image_has_a_page(vera: httpx.Client, snapshot: Snapshot) -> None:
    image = snapshot.annotators[0].evaluation.worst[0].image_id
    answer = vera.get(f"{PAGE}/images/{image}")
    assert answer.status_code == 200
    assert f'src="/labelcycle/quality/{PROJECT}/images/{image}/file"' in answer.text


def test_a_report_is_a_file_to_be_kept(vera: httpx.Client, measured: Measured) -> None:
    measured(scene.named("word"))
    answer = vera.get(f"{PAGE}/report")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{PROJECT}%202026-03-14.html"
    assert "/labelcycle/" not in answer.text


def test_before_the_first_run_the_page_says_what_to_do(
    vera: httpx.Client, measured: Measured, bucket: Bucket, ledger: Ledger
) -> None:
    assert "Nothing has been measured yet" in vera.get(PAGE).text
    assert vera.get(f"{PAGE}/report").status_code == 404
    assert "nothing has been measured yet" in vera.get("/quality").text


def test_a_snapshot_of_another_version_is_said_on_a_page(
    vera: httpx.Client, measured: Measured, ledger: Ledger, bucket: Bucket
) -> None:
    uri = replace_newest(measured(scene.empty()), ledger)
    for path in (PAGE, f"{PAGE}/report", f"{PAGE}/images/any"):
        answer = vera.get(path)
        assert (answer.status_code, answer.headers["content-type"].startswith("text/html")) == (503, True)
        assert f"run evaluate_{PROJECT}" in answer.text
        assert uri not in answer.text
    assert f"run evaluate_{PROJECT}" in vera.get("/quality").text


def replace_newest(snapshot: Snapshot, ledger: Ledger) -> str:
    """The newest snapshot loses a field that this version needs; where it is."""
    content = json.loads(to_json(snapshot))
    del content["funnel"]
    client = boto3.Session().client("s3")
    uri = BulkStore(client, "s3://data/ledger").write_text(f"snapshots/{PROJECT}", json.dumps(content))
    ledger.snapshots.put(PROJECT, SnapshotRecord(uri, "digest", snapshot.made_at))
    return uri


def test_a_bucket_that_refuses_is_said_on_a_page(
    vera: httpx.Client, snapshot: Snapshot, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = connection_to(bucket) | {"password": "wrong"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(wrong))
    answer = vera.get(PAGE)
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    assert "S3 denies access" in answer.text
    assert "S3 denies access" in vera.get("/quality").text


def test_a_page_without_cvat_and_mlflow_has_no_links_to_them(
    vera: httpx.Client, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_CVAT_DEFAULT")
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_DEFAULT", '{"conn_type": "mlflow", "host": "sqlite:////srv/mlflow.db"}')
    text = vera.get(PAGE).text
    assert "cvat.example.com" not in text
    assert "#/runs/" not in text
    assert "task 9" in text


def test_styles_and_scripts_are_kept_by_browsers(airflow: Airflow) -> None:
    for name, kind in (("quality.css", "text/css"), ("quality.js", "text/javascript")):
        answer = httpx.get(f"{airflow.url}/labelcycle/static/{name}")
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
    assert httpx.get(f"{airflow.url}/labelcycle/static/../web/app.py").status_code == 404
    assert httpx.get(f"{airflow.url}/labelcycle/static/%2e%2e/render.py").status_code == 404


def test_airflows_ui_has_a_link(airflow: Airflow) -> None:
    headers = {"Authorization": f"Bearer {airflow.token('ursula')}"}
    found = httpx.get(f"{airflow.url}/api/v2/plugins", headers=headers).json()["plugins"]
    views = [view for plugin in found if plugin["name"] == "labelcycle" for view in plugin["external_views"]]
    assert [(view["name"], view["href"], view["url_route"]) for view in views] == [
        ("Quality", "labelcycle/quality", None)
    ]
