"""The wire: who logs in how, what is repeated and what never, what happens where nothing answers."""

import asyncio
import http.server
import logging
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import create_server

import httpx
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.exceptions import InsecureRequestWarning

from include.clients.cvat import (
    BrokenError,
    CvatAccess,
    CvatClient,
    CvatError,
    ForbiddenError,
    NotFoundError,
    Request,
    ThrottledError,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreachableError,
)
from include.clients.cvat.records import NewTask, WrongAccess
from include.clients.cvat.requests import CvatRequests
from tests.include.emulated import PASSWORD, Emulated, calls_to

SECRET = "a-secret-that-nobody-may-see"


# Who asks


def test_a_user_logs_in_once_and_a_token_never(server: Emulated) -> None:
    with calls_to(server) as calls, CvatClient(server.access) as by_password:
        by_password.find_project("none")
        by_password.find_project("none")
    assert calls.count("POST /api/auth/login") == 1
    assert len(calls.made) == 3
    token = server.token()
    with calls_to(server) as calls, CvatClient(token) as by_token:
        by_token.find_project("none")
    assert len(calls.made) == 1


def test_a_session_may_change_things(cvat: CvatClient, name: str) -> None:
    assert cvat.create_project(name, []) == cvat.find_project(name)  # CVAT wants its CSRF header then


def test_a_session_that_the_server_has_ended_is_begun_anew(server: Emulated, cvat: CvatClient, name: str) -> None:
    cvat.version()
    cookies = cvat._wire._sdk.api_client.cookies  # no call of ours ends a session
    headers = {"Cookie": "; ".join(f"{key}={value.value}" for key, value in cookies.items())}
    headers["X-CSRFToken"] = cookies["csrftoken"].value
    httpx.post(f"{server.url}/api/auth/logout", headers=headers).raise_for_status()
    with calls_to(server) as calls:
        assert cvat.create_project(name, []) == cvat.find_project(name)
    assert calls.count("POST /api/auth/login") == 1
    assert calls.count("POST /api/projects") == 2  # the first was refused: nothing was done


def test_a_wrong_password_is_refused_in_the_servers_words_and_not_shown(server: Emulated) -> None:
    with (
        CvatClient(replace(server.access, password=SECRET)) as client,
        pytest.raises(UnauthorizedError, match=r"'admin'.*Unable to log in") as raised,
    ):
        client.version()
    assert SECRET not in str(raised.value)


def test_a_revoked_token_is_unauthorized_and_a_read_only_one_forbidden_to_change(server: Emulated, name: str) -> None:
    with (
        CvatClient(CvatAccess(server.url, token=SECRET)) as client,
        pytest.raises(UnauthorizedError, match="Invalid token") as raised,
    ):
        client.find_project(name)
    assert SECRET not in str(raised.value)
    with CvatClient(server.token(read_only=True)) as reader:
        assert reader.find_project(name) is None
        with pytest.raises(ForbiddenError, match=r"POST .*/api/projects: 403: .*x-request-id [0-9a-f-]{36}"):
            reader.create_project(name, [])


def test_no_credentials_is_said_before_anything_is_sent(server: Emulated) -> None:
    with (
        calls_to(server) as calls,
        CvatClient(CvatAccess(server.url, username="anna")) as client,
        pytest.raises(UnauthorizedError, match="give a token, or a user and a password"),
    ):
        client.version()
    assert calls.made == []


def test_a_throttled_login_is_no_wrong_password(server: Emulated) -> None:
    server.fault("POST", "/api/auth/login", status=429)
    with CvatClient(server.access) as client, pytest.raises(ThrottledError, match="429"):
        client.version()
    server.fault("POST", "/api/auth/login", status=503)
    with CvatClient(server.access) as client, pytest.raises(UnreachableError, match="503"):
        client.version()


def test_closing_a_client_closes_its_connections(server: Emulated) -> None:
    def connections() -> int:
        peers = [connection.raddr for connection in psutil.Process().net_connections("tcp")]
        return sum(peer.port == server.port for peer in peers if peer)

    token = server.token()
    before = connections()
    with CvatClient(token) as client:
        client.version()
        assert connections() == before + 1
    assert connections() == before


def test_no_secret_is_in_a_text_or_a_log(server: Emulated, caplog: pytest.LogCaptureFixture) -> None:
    token = server.token()
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")
    for access in (server.access, token):
        with CvatClient(access) as client:
            client.find_project("none")
            with pytest.raises(NotFoundError):
                client.task(10**6)
        for secret in (PASSWORD, token.token or ""):
            assert secret not in f"{access!r} {access} {client!r} {vars(client)}"
    assert "GET /api/projects" in caplog.text
    assert PASSWORD not in caplog.text
    assert (token.token or "") not in caplog.text


@pytest.mark.parametrize("wrong", ["\n", " ", "\r\nX-Admin: 1", "\x00", "\u00f6", "\u2013"])
def test_what_no_header_holds_is_refused_before_any_library_shows_it(wrong: str) -> None:
    with pytest.raises(WrongAccess, match="has a token with line breaks") as raised:
        CvatAccess("http://cvat.example.com", token=SECRET + wrong)
    assert SECRET not in str(raised.value)
    with pytest.raises(WrongAccess, match="has an organization with"):
        CvatAccess("http://cvat.example.com", token=SECRET, organization=f"acme{wrong}")


# What is repeated


@pytest.mark.parametrize("fault", [{"status": 502}, {"status": 504, "when": "after"}, {"drop": True}])
def test_a_read_is_repeated(server: Emulated, cvat: CvatClient, fault: dict[str, object]) -> None:
    cvat.version()
    server.fault("GET", "/api/projects", **fault)
    assert cvat.find_project("none") is None


def test_a_throttled_read_waits_as_long_as_the_server_asks(server: Emulated, cvat: CvatClient) -> None:
    cvat.version()
    server.fault("GET", "/api/projects", status=429, headers={"Retry-After": "1"})
    begun = time.monotonic()
    assert cvat.find_project("none") is None
    assert 1 <= time.monotonic() - begun < 5


@pytest.mark.parametrize(("interactive", "seconds"), [(False, 31), (False, 86_400), (True, 3)])
def test_who_wants_more_patience_than_there_is_is_not_asked_early(
    server: Emulated, interactive: bool, seconds: int
) -> None:
    with CvatClient(replace(server.token(), interactive=interactive)) as cvat:
        cvat.version()
        server.fault("GET", "/api/projects", status=429, headers={"Retry-After": str(seconds)})
        with calls_to(server) as calls, pytest.raises(ThrottledError) as raised:
            cvat.find_project("none")
    assert raised.value.retry_after == seconds
    assert len(calls.made) == 1


def test_a_read_that_breaks_the_server_is_not_repeated_and_one_that_fails_for_long_is_given_up(
    server: Emulated, cvat: CvatClient
) -> None:
    cvat.version()
    server.fault("GET", "/api/projects", status=500)
    with calls_to(server) as calls, pytest.raises(BrokenError, match="500 Internal Server Error"):
        cvat.find_project("none")
    assert len(calls.made) == 1
    server.fault("GET", "/api/projects", status=503, count=100)
    with calls_to(server) as calls, pytest.raises(UnreachableError, match="503 Service Unavailable"):
        cvat.find_project("none")
    assert len(calls.made) == 4


def test_a_person_who_waits_is_told_soon(server: Emulated) -> None:
    with CvatClient(replace(server.token(), interactive=True)) as cvat:
        cvat.version()
        server.fault("GET", "/api/projects", status=503, count=100)
        with calls_to(server) as calls, pytest.raises(UnreachableError):
            cvat.find_project("none")
    assert len(calls.made) == 2


def test_a_login_that_is_not_answered_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.clients.cvat.wire._SOON", (0.3, 0.3))
    with create_server(("127.0.0.1", 0)) as silent:
        access = CvatAccess(f"http://127.0.0.1:{silent.getsockname()[1]}", username="a", password="b", interactive=True)
        with CvatClient(access) as cvat, pytest.raises(UnreachableError, match="Read timed out"):
            cvat.find_project("none")


@pytest.mark.parametrize("fault", [{"status": 502}, {"status": 504}, {"drop": True}])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_is_never_repeated_and_its_outcome_unknown(
    server: Emulated, cvat: CvatClient, name: str, fault: dict[str, object], when: str
) -> None:
    cvat.version()
    server.fault("POST", "/api/projects", when=when, **fault)
    with pytest.raises(UnknownOutcomeError, match="POST"):
        cvat.create_project(name, [])
    assert len(server.rows("/api/projects", name=name)) == (1 if when == "after" else 0)


def test_deleting_is_no_error_where_it_was_done_and_the_answer_lost(
    server: Emulated, cvat: CvatClient, name: str
) -> None:
    task = cvat.create_task(NewTask(name, cvat.create_project(name, []), segment_size=1))
    server.fault("DELETE", "/api/tasks", drop=True, when="after")
    with pytest.raises(UnknownOutcomeError):
        cvat.delete_task(task.id)
    cvat.delete_task(task.id)
    with pytest.raises(NotFoundError):
        cvat.task(task.id)


# Where nothing answers, or no CVAT


def test_an_unreachable_server_is_said_with_its_address(server: Emulated) -> None:
    with closing(create_server(("127.0.0.1", 0))) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    with (
        CvatClient(CvatAccess(nowhere, token=SECRET)) as client,
        pytest.raises(UnreachableError, match=f"CVAT at {nowhere} cannot be reached: .*refused"),
    ):
        client.create_project("x", [])  # never sent: nothing is unknown


class _Asked(http.server.BaseHTTPRequestHandler):
    """Answers every call with a page, and remembers the headers it was called with."""

    def do_GET(self) -> None:
        self.server.asked.append(dict(self.headers))  # type: ignore[attr-defined]
        body = b'{"version": "2.73.0"}' if "about" in self.path else b"<html><title>Sign in</title></html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _other_server(context: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[dict[str, str]]]]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Asked) as other:
        other.asked = []  # type: ignore[attr-defined]
        if context:
            other.socket = context.wrap_socket(other.socket, server_side=True)
        thread = threading.Thread(target=other.serve_forever, args=(0.05,))
        thread.start()
        scheme = "https" if context else "http"
        try:
            yield f"{scheme}://127.0.0.1:{other.server_address[1]}", other.asked  # type: ignore[attr-defined]
        finally:
            other.shutdown()
            thread.join()


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    """What a server shows whose certificate nobody vouches for; it is in server.pem."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cvat")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "server.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_page_in_place_of_cvats_json_is_said(server: Emulated) -> None:
    with (
        _other_server() as (url, _),
        CvatClient(CvatAccess(url, token=SECRET)) as client,
        pytest.raises(CvatError, match="GET /api/tasks/1: the answer is not of CVAT's form"),
    ):
        client.task(1)


def test_the_organization_and_the_token_go_with_each_call() -> None:
    with _other_server() as (url, asked), CvatClient(CvatAccess(url, token=SECRET, organization="acme")) as client:
        assert client.version() == "2.73.0"
    assert asked[0]["X-Organization"] == "acme"
    assert asked[0]["Authorization"] == f"Bearer {SECRET}"
    with _other_server() as (url, asked), CvatClient(CvatAccess(url, token=SECRET)) as client:
        client.version()
    assert "X-Organization" not in asked[0]


def test_a_certificate_that_nobody_vouches_for_is_refused_unless_that_is_asked_for(self_signed: ssl.SSLContext) -> None:
    with _other_server(self_signed) as (url, asked):
        with (
            CvatClient(CvatAccess(url, token=SECRET)) as client,
            pytest.raises(UnreachableError, match="certificate verify failed"),
        ):
            client.create_project("x", [])
        assert asked == []
        with (
            CvatClient(CvatAccess(url, token=SECRET, verify_tls=False)) as client,
            pytest.warns(InsecureRequestWarning),  # urllib3's: whoever asks for it shall see it
        ):
            assert client.version() == "2.73.0"


# The same of the asynchronous client


def get(access: CvatAccess) -> Request:
    async def ask() -> Request:
        async with CvatRequests(access) as requests:
            return await requests.get("a request")

    return asyncio.run(ask())


def test_the_organization_and_the_token_go_with_each_look() -> None:
    access = CvatAccess("", token=SECRET, organization="acme")
    with _other_server() as (url, asked), pytest.raises(CvatError, match="the answer is not of CVAT's form"):
        get(replace(access, url=url))
    assert {name.lower(): value for name, value in asked[0].items()}.items() >= {
        "x-organization": "acme",
        "authorization": f"Bearer {SECRET}",
        "accept": "application/vnd.cvat+json",
    }.items()


def test_a_look_refuses_a_certificate_that_nobody_vouches_for_unless_that_is_asked_for(
    self_signed: ssl.SSLContext,
) -> None:
    with _other_server(self_signed) as (url, asked):
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            get(CvatAccess(url, token=SECRET))
        assert asked == []
        with pytest.raises(CvatError, match="the answer is not of CVAT's form"):
            get(CvatAccess(url, token=SECRET, verify_tls=False))
        assert len(asked) == 1


def test_a_look_and_a_call_trust_the_same_certificates(
    self_signed: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with _other_server(self_signed) as (url, asked):
        with CvatClient(CvatAccess(url, token=SECRET)) as client:
            assert client.version() == "2.73.0"
        with pytest.raises(CvatError, match="the answer is not of CVAT's form"):
            get(CvatAccess(url, token=SECRET))
    assert len(asked) == 2


def test_a_look_and_a_call_go_by_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(create_server(("127.0.0.1", 0))) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nowhere)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with _other_server() as (url, asked):
        with CvatClient(CvatAccess(url, token=SECRET)) as client:
            assert client.version() == "2.73.0"
        with pytest.raises(CvatError, match="the answer is not of CVAT's form"):
            get(CvatAccess(url, token=SECRET))
    assert len(asked) == 2
