"""Connections: their forms, their fields, and Airflow's Test of each."""

import json
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import Connection

from include.clients.ledger import migrate, open_engine
from labelcycle.hooks.cvat import CvatExtra, CvatHook, access_of
from labelcycle.hooks.fields import Extra, WrongConnection
from labelcycle.hooks.ledger import LedgerExtra, LedgerHook, url_of
from labelcycle.hooks.mlflow import MlflowExtra, MlflowHook
from labelcycle.hooks.repository import RepositoryExtra, RepositoryHook
from labelcycle.provider import get_provider_info
from tests.include.emulator.servers import Server
from tests.include.emulator.servers import running as running_cvat
from tests.plugins.labelcycle.systems import answering, free_port, refusing_postgres

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

EXTRAS = {"cvat": CvatExtra, "labelcycle_ledger": LedgerExtra, "labelcycle_git": RepositoryExtra, "mlflow": MlflowExtra}
HOOKS = {"cvat": CvatHook, "labelcycle_ledger": LedgerHook, "labelcycle_git": RepositoryHook, "mlflow": MlflowHook}


@pytest.fixture(scope="module")
def cvat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_cvat(tmp_path_factory.mktemp("cvat")) as server:
        yield server


def airflow_test(monkeypatch: pytest.MonkeyPatch, conn_type: str, **fields: object) -> tuple[bool, str]:
    """Airflow's Test of a connection, as its API server runs it: through the environment, as a URI."""
    from airflow.models import Connection as StoredConnection

    stored = StoredConnection(conn_id="probe", conn_type=conn_type, **fields)
    monkeypatch.setenv("AIRFLOW_CONN_PROBE", stored.get_uri())
    ok, message = stored.test_connection()
    assert "\n" not in message
    assert "probe" not in message
    return ok, message


@pytest.mark.parametrize("conn_type", EXTRAS)
def test_a_form_offers_what_the_hook_reads(conn_type: str) -> None:
    """The entry point of the installed distribution, as Airflow reads it."""
    [described] = [row for row in get_provider_info()["connection-types"] if row["connection-type"] == conn_type]
    form: type[Extra] = EXTRAS[conn_type]
    assert set(described["conn-fields"]) == set(form.model_fields)
    hook = ProvidersManager().hooks[conn_type]
    assert hook is not None
    assert hook.hook_class_name == f"{HOOKS[conn_type].__module__}.{HOOKS[conn_type].__qualname__}"
    assert hook.hook_name == described["hook-name"] == HOOKS[conn_type].hook_name
    assert conn_type in ProvidersManager().field_behaviours


def test_a_cvat_host_may_be_taken_apart() -> None:
    fields = {"conn_type": "cvat", "password": "token"}
    whole = access_of(Connection(conn_id="c", host="http://cvat.example.com:8080", **fields))
    parts = access_of(Connection(conn_id="c", host="cvat.example.com", schema="http", port=8080, **fields))
    assert whole == parts
    assert access_of(Connection(conn_id="c", host="cvat.example.com", **fields)).url == "https://cvat.example.com"


def test_what_a_form_leaves_empty_is_absent() -> None:
    extra = json.dumps({"organization": "", "verify_tls": None})
    access = access_of(Connection(conn_id="c", conn_type="cvat", host="h", password="t", extra=extra))
    assert (access.organization, access.verify_tls) == ("", True)


def test_a_uri_says_false_in_words() -> None:
    access = access_of(Connection.from_uri("cvat://:token@https%3A%2F%2Fh?verify_tls=false", "c"))
    assert access.verify_tls is False


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"password": "t"}, "connection 'c' needs a host: CVAT's URL"),
        ({"host": "h"}, "connection 'c' needs a password"),
        ({"host": "https://me:secret-word@h", "password": "t"}, "connection 'c' has a user in its host"),
        ({"host": "h", "password": "t", "extra": '{"verify_tsl": 0}'}, r"wrong extra \(verify_tsl: .*may hold organ"),
        ({"host": " ", "password": "t"}, "needs a host"),
        ({"host": "h", "password": " \n"}, "needs a password"),
        ({"host": "ftp://h", "password": "t"}, "has a host with ftp://, and it is http or https: CVAT's URL"),
        ({"host": "http://[::1", "password": "t"}, "has a host that is no URL: give it CVAT's URL"),
        ({"host": "http://h:99999", "password": "t"}, "has a host that is no URL"),
        ({"host": "https://", "password": "t"}, "has a host that is no URL"),
        ({"host": "cvat. example.com", "password": "t"}, "has a host that is no URL"),
        ({"host": "h", "password": "secret-\nword"}, "connection 'c' has a token with line breaks"),
        ({"host": "h", "password": "secret-w\u00f6rd"}, "connection 'c' has a token with .* not ASCII"),
        ({"host": "h", "password": "t", "extra": '{"organization": "a\\nb"}'}, "has an organization with line breaks"),
    ],
)
def test_a_connection_that_cannot_be_used(fields: dict[str, str], sentence: str) -> None:
    with pytest.raises(WrongConnection, match=sentence) as caught:
        access_of(Connection(conn_id="c", conn_type="cvat", **fields))
    for secret in ("secret-word", "secret-\nword", "secret-w\u00f6rd"):
        assert secret not in str(caught.value)
        assert secret not in "".join(traceback.format_exception(caught.value))


def test_blanks_around_a_token_and_a_host_are_no_part_of_them() -> None:
    fields = {"conn_id": "c", "conn_type": "cvat"}
    access = access_of(Connection(host=" https://cvat.example.com ", password="token\n", **fields))
    assert (access.url, access.token) == ("https://cvat.example.com", "token")
    access = access_of(Connection(host="h", login="anna", password=" blanks may be meant ", **fields))
    assert access.password == " blanks may be meant "


@pytest.mark.parametrize(
    ("extra", "address"), [({}, "http://mlflow:5000"), ({"pages": "https://ml.example.com"}, "https://ml.example.com")]
)
def test_mlflows_pages_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch, extra: dict[str, str], address: str) -> None:
    connection = {"conn_type": "mlflow", "host": "http://mlflow:5000", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_PROBE", json.dumps(connection))
    hook = MlflowHook("probe")
    assert hook.address() == address
    assert hook.get_conn().tracking_uri == "http://mlflow:5000"


def test_the_ledger_takes_airflows_own_types_too() -> None:
    own = url_of(Connection(conn_id="c", conn_type="labelcycle_ledger", host="h", login="u", password="p", schema="d"))
    assert own == url_of(Connection(conn_id="c", conn_type="postgres", host="h", login="u", password="p", schema="d"))
    assert (
        str(url_of(Connection(conn_id="c", conn_type="labelcycle_ledger", host="/srv/l.db"))) == "sqlite:////srv/l.db"
    )
    with pytest.raises(WrongConnection, match="of type 'mysql': the ledger needs labelcycle_ledger"):
        url_of(Connection(conn_id="c", conn_type="mysql", host="h"))


class TestCvat:
    def test_well(self, monkeypatch: pytest.MonkeyPatch, cvat: Server) -> None:
        fields = {"host": str(cvat.admin.base_url), "login": "admin", "password": "only-for-tests"}
        ok, message = airflow_test(monkeypatch, "cvat", **fields)
        assert ok, message
        assert message.startswith("CVAT 2.73.0 at http://127.0.0.1")
        assert message.endswith("answers to admin")

    @pytest.mark.parametrize(("days", "warned"), [(13, True), (15, False)])
    def test_a_token_that_ends(self, monkeypatch: pytest.MonkeyPatch, cvat: Server, days: int, warned: bool) -> None:
        ends = datetime.now(UTC) + timedelta(days=days)
        token = self.token(cvat, read_only=False, expiry_date=ends.isoformat())
        ok, message = airflow_test(monkeypatch, "cvat", host=str(cvat.admin.base_url), password=token)
        assert ok, message
        assert f"its token expires on {ends:%Y-%m-%d}" in message
        assert message.endswith("make a new one now") is warned

    def test_a_token_that_may_only_read(self, monkeypatch: pytest.MonkeyPatch, cvat: Server) -> None:
        token = self.token(cvat, read_only=True)
        ok, message = airflow_test(monkeypatch, "cvat", host=str(cvat.admin.base_url), password=token)
        assert not ok
        assert "may only read. Make a token that is not read-only" in message

    @pytest.mark.parametrize("login", ["admin", None])
    def test_wrong_credentials(self, monkeypatch: pytest.MonkeyPatch, cvat: Server, login: str | None) -> None:
        ok, message = airflow_test(monkeypatch, "cvat", host=str(cvat.admin.base_url), login=login, password="wrong")
        assert not ok
        assert message.endswith("Give it a valid token, or the right login and password")

    @pytest.mark.parametrize("version", ["2.72.1", "3.0.0", "unknown"])
    def test_a_version_that_is_not_supported(self, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
        with answering(200, json.dumps({"version": version}), "application/json") as other:
            ok, message = airflow_test(monkeypatch, "cvat", host=other.url, password="token")
        assert not ok
        assert f"is version {version}, and Labelcycle works with 2.73 and later 2.x" in message

    def test_an_organization_that_does_not_exist(self, monkeypatch: pytest.MonkeyPatch, cvat: Server) -> None:
        fields = {"host": str(cvat.admin.base_url), "login": "admin", "password": "only-for-tests"}
        ok, message = airflow_test(monkeypatch, "cvat", **fields, extra='{"organization": "nope"}')
        assert not ok
        assert "nope organization does not exist." in message
        assert message.endswith(
            "Correct the organization in the extra (its slug), or leave it out; the user must be a member"
        )

    def test_a_version_that_was_not_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        body = {"version": "2.80.0", "id": 1, "username": "anna", "read_only": False}
        with answering(200, json.dumps(body), "application/json") as other:
            ok, message = airflow_test(monkeypatch, "cvat", host=other.url, password="token")
        assert ok
        assert "answers to anna; its version was not tried (verified: 2.73)" in message

    def test_a_token_from_a_file(self, monkeypatch: pytest.MonkeyPatch, cvat: Server) -> None:
        token = self.token(cvat, read_only=False)
        ok, message = airflow_test(monkeypatch, "cvat", host=str(cvat.admin.base_url), password=f"{token}\n")
        assert ok, message

    def test_a_token_that_no_header_holds(self, monkeypatch: pytest.MonkeyPatch, cvat: Server) -> None:
        ok, message = airflow_test(monkeypatch, "cvat", host=str(cvat.admin.base_url), password="secret\r\nword")
        assert (ok, message.partition(" with")[0]) == (False, "the connection has a token")
        assert "word" not in message

    def test_no_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ok, message = airflow_test(monkeypatch, "cvat", host=f"http://127.0.0.1:{free_port()}", password="token")
        assert not ok
        assert "cannot be reached" in message

    @staticmethod
    def token(cvat: Server, **fields: object) -> str:
        return str(cvat.admin.post("/api/auth/access_tokens", json={"name": "t", **fields}).json()["value"])


def test_the_ledger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = str(tmp_path / "ledger.db")
    ok, message = airflow_test(monkeypatch, "labelcycle_ledger", host=host)
    assert not ok
    assert message.endswith("run python -m include.clients.ledger upgrade")
    engine = open_engine(f"sqlite:///{host}")
    migrate(engine)
    engine.dispose()
    assert airflow_test(monkeypatch, "labelcycle_ledger", host=host) == (
        True,
        f"sqlite:///{host} has this release's tables",
    )


def test_the_ledger_with_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing_postgres('password authentication failed for user "me"') as port:
        fields = {"host": "127.0.0.1", "port": port, "login": "me", "password": "secret-word", "schema": "d"}
        ok, message = airflow_test(monkeypatch, "labelcycle_ledger", **fields)
    assert not ok
    assert message.endswith("Correct its login, password and database, or make them")
    assert "secret-word" not in message


def test_the_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ok, message = airflow_test(monkeypatch, "labelcycle_git", host=str(tmp_path / "typo.git"))
    assert not ok
    assert "See that the git URL is right" in message
    ok, message = airflow_test(monkeypatch, "labelcycle_git", host="https://me:secret-word@git.example.com/r")
    assert not ok
    assert "secret-word" not in message


@pytest.mark.parametrize(("status", "words"), [(401, "Give a login that MLflow knows"), (403, "may write")])
def test_mlflow_that_refuses(monkeypatch: pytest.MonkeyPatch, status: int, words: str) -> None:
    with answering(status, "You may not.") as mlflow:
        ok, message = airflow_test(monkeypatch, "mlflow", host=mlflow.url, login="me", password="secret-word")
    assert not ok
    assert words in message
    assert "secret-word" not in message


def test_mlflow_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200, '{"experiments": []}', "application/json") as mlflow:
        assert airflow_test(monkeypatch, "mlflow", host=mlflow.url) == (True, f"MLflow answers at {mlflow.url}")
    assert "Authorization" not in mlflow.asked[0]
