"""Messages about alarms, to real receivers: one for the beginning, one for the end, with what leads to the images."""

import json
import logging
import os
import shutil
import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from include.clients.ledger import Ledger, migrate, open_engine
from include.lifecycle.alarms import Detail, Finding, Message, Severity
from include.projects.model import Project
from include.steps.notices import NotSentError, Told, tell
from labelcycle.hooks.notifiers import channels_of
from tests.include.clients.ledger.records import PROJECT, add
from tests.include.projects.test_model import LEAST
from tests.include.steps.world import killed

pytestmark = pytest.mark.filterwarnings("default")  # Airflow's own are no business of these tests

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
AIRFLOW = "https://airflow.example.com/"


@dataclass
class Receiver:
    """What takes messages: it keeps them, and answers with a status."""

    url: str
    status: int = 200
    refused: str = "\0"  # words that it does not take
    got: list[tuple[str, str | None, dict[str, Any]]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [content["text"] for _, _, content in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status = 400 if found.refused in content["text"] else found.status
            if status == 200:
                found.got.append((self.path, self.headers["authorization"], content))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.url = f"http://127.0.0.1:{server.server_port}"
        yield found
        server.shutdown()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "ledger.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest.fixture
def ledger(empty: Path, tmp_path: Path) -> Iterator[Ledger]:
    shutil.copy(empty, tmp_path / "ledger.db")
    ledger = Ledger(open_engine(f"sqlite:///{tmp_path}/ledger.db"))
    yield ledger
    ledger.engine.dispose()


def project(*notify: dict[str, object]) -> Project:
    return Project.model_validate({**LEAST, "name": PROJECT, "alarms": {"notify": notify}})


def connect(patch: pytest.MonkeyPatch, name: str, **values: object) -> None:
    patch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "http", **values}))


def send(of: Project, ledger: Ledger, now: datetime = NOW) -> Told:
    return tell(of, AIRFLOW, channels_of(of), ledger, now)


def go_bad(ledger: Ledger) -> str:
    """An alarm with an image to look at; the image's id."""
    (image,) = add(ledger, "street <1>.jpg")
    detail = Detail("eye@2", "number", (image, "of no image"))
    ledger.alarms.see(PROJECT, Finding("quality/eye/f1/number", "eye@2: F1 fell", Severity.CRITICAL, detail), NOW)
    return image


def test_one_message_begins_it_and_one_ends_it(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "pager", host=f"{receiver.url}/in", password="hunter2")
    of, image = project({"webhook": "pager"}), go_bad(ledger)
    assert send(of, ledger) == Told(1, ())
    assert send(of, ledger) == Told(0, ())
    ((path, login, content),) = receiver.got
    assert (path, login) == ("/in", "Bearer hunter2")
    page = f"https://airflow.example.com/labelcycle/quality/{PROJECT}"
    assert content["text"] == (
        f"[critical] {PROJECT}: eye@2: F1 fell\n"
        "From 2026-11-01 09:00 UTC on.\n"
        f"Look at street <1>.jpg: {page}/images/{image}?annotator=eye%402\n"
        f"All of it: {page}#alarms"
    )
    url = f"{page}/images/{image}?annotator=eye%402"
    assert content["images"] == [{"id": image, "name": "street <1>.jpg", "url": url}]
    (alarm,) = ledger.alarms.open(PROJECT)
    assert (content["key"], content["label"]) == (f"{PROJECT}/{alarm.id}/opened", "number")
    ledger.alarms.resolve(alarm.id, LATER)
    assert send(of, ledger, LATER) == Told(1, ())
    assert send(of, ledger, LATER) == Told(0, ())
    assert receiver.texts[1] == (
        f"[over] {PROJECT}: eye@2: F1 fell\n"
        "From 2026-11-01 09:00 UTC to 2026-11-01 11:00 UTC.\n"
        f"All of it: {page}#alarms"
    )


def test_slack_gets_its_own_form(ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "ops", host=f"{receiver.url}/services", password="T0/B0/hunter2")
    go_bad(ledger)
    assert send(project({"slack": "ops"}), ledger).sent == 1
    ((path, login, content),) = receiver.got
    assert (path, login) == ("/services/T0/B0/hunter2", None)
    assert list(content) == ["text"]
    assert "Look at street &lt;1&gt;.jpg" in content["text"]  # docs.slack.dev: escape &, < and >


def test_a_run_that_is_killed_after_sending_sends_again_with_the_same_key(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "pager", host=receiver.url)
    of = project({"webhook": "pager"})
    go_bad(ledger)
    with killed(ledger, "INSERT INTO notices"):
        send(of, ledger)
    assert send(of, ledger).sent == 1
    assert send(of, ledger).sent == 0
    first, second = (content for _, _, content in receiver.got)
    assert first == second


def test_a_channel_that_fails_is_tried_again_and_the_others_are_told_once(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect(monkeypatch, "ops", host=f"{receiver.url}/services", password="T0/B0/hunter2")
    connect(monkeypatch, "nowhere", host="http://127.0.0.1:9/hunter2")
    of = project({"webhook": "nowhere"}, {"slack": "ops"}, {"webhook": "not_there"})
    go_bad(ledger)
    with caplog.at_level(logging.INFO):
        for sent in (1, 0):
            assert send(of, ledger) == Told(sent, ("webhook nowhere", "webhook not_there"))
    assert "connection 'nowhere': its URL does not answer: ConnectError" in caplog.text
    assert "hunter2" not in caplog.text
    receiver.status = 404
    (alarm,) = ledger.alarms.open(PROJECT)
    ledger.alarms.resolve(alarm.id, LATER)
    assert send(of, ledger).failed == ("slack ops",)
    receiver.status = 200
    assert send(of, ledger) == Told(1, ())
    assert [text.partition("]")[0] for text in receiver.texts] == ["[critical", "[over"]


def test_a_message_that_a_channel_refuses_holds_up_no_other(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "pager", host=receiver.url)
    of, receiver.refused = project({"webhook": "pager"}), "F1 fell"
    go_bad(ledger)
    ledger.alarms.see(PROJECT, Finding("reviews late", "1 batch is late", Severity.WARNING), LATER)
    for sent in (1, 0):
        assert send(of, ledger, LATER) == Told(sent, ("webhook pager",))
    assert [text.partition("\n")[0] for text in receiver.texts] == [f"[warning] {PROJECT}: 1 batch is late"]
    receiver.refused = "\0"
    assert send(of, ledger, LATER) == Told(1, ())


def test_a_channel_that_has_failed_for_long_is_left_alone(ledger: Ledger) -> None:
    tried = []

    def hang(message: Message) -> None:
        tried.append(message.key)
        raise NotSentError("no answer")

    for cause in ("one", "two", "three"):
        ledger.alarms.see(PROJECT, Finding(cause, cause, Severity.WARNING), NOW)
    assert tell(project(), AIRFLOW, {"a": hang, "b": hang}, ledger, NOW, patience=-1.0) == Told(0, ("a", "b"))
    assert len(tried) == 2


def test_whatever_a_channel_raises_the_others_are_told(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    def breaks(_: Message) -> None:
        raise KeyError("of the channel's library")

    got: list[Message] = []
    go_bad(ledger)
    assert tell(project(), AIRFLOW, {"a": breaks, "b": got.append}, ledger, NOW) == Told(1, ("a",))
    assert len(got) == 1
    assert "of the channel's library" in caplog.text


def test_words_of_other_systems_are_one_line_of_a_sane_length(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As CVAT's own words of a request that failed: a traceback, with what looks like a header in it."""
    connect(monkeypatch, "pager", host=receiver.url)
    frames = "  frame\n" * 1000
    trace = f"Traceback (most recent call last):\n  File x\nBcc: eve@example.com\r\n{frames}OSError: full\n"
    ledger.alarms.see(PROJECT, Finding("batches set aside", f"b: {trace}", Severity.WARNING), NOW)
    of = project({"email": ["anna@example.com"]}, {"webhook": "pager"})
    with mail_to(monkeypatch) as letters:
        assert send(of, ledger) == Told(2, ())
    mail = message_from_bytes(letters[0], policy=policy.default)
    assert mail["bcc"] is None
    subject = mail["subject"]
    assert subject.startswith(f"[warning] {PROJECT}: b: Traceback (most recent call last): File x Bcc: eve@example.com")
    assert subject.endswith("OSError: full")
    assert len(subject) < 450
    ((_, _, content),) = receiver.got
    assert "\n" not in content["what"]
    assert max(len(content["what"]), len(content["text"].partition("\n")[0])) < 450


def test_a_slack_connection_without_the_end_of_the_url_is_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect(monkeypatch, "ops", host="https://hooks.slack.com/services")
    go_bad(ledger)
    assert send(project({"slack": "ops"}), ledger).failed == ("slack ops",)
    assert "connection 'ops' needs a password: the end of the webhook's URL" in caplog.text


class Mailbox(StreamRequestHandler):
    """As much of SMTP (RFC 5321) as one letter needs."""

    letters: list[bytes]

    def handle(self) -> None:
        self._say("220 mail.example.com")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self._say("354 go on")
                rows = list(iter(self.rfile.readline, b".\r\n"))
                self.letters.append(b"".join(rows))
            self._say("221 bye" if verb == b"QUIT" else "250 fine")
            if verb == b"QUIT":
                return

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def mailbox() -> Iterator[tuple[int, list[bytes]]]:
    letters: list[bytes] = []
    handler = type("Here", (Mailbox,), {"letters": letters})
    with ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], letters
        server.shutdown()


@contextmanager
def mail_to(patch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Airflow's connection for letters leads to a mailbox."""
    with mailbox() as (port, letters):
        extra = {"disable_tls": True, "disable_ssl": True, "from_email": "labelcycle@example.com"}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
        patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield letters


def test_a_letter_that_cannot_be_written_holds_up_no_other(
    ledger: Ledger, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "pager", host=receiver.url)
    go_bad(ledger)
    extra = {"disable_tls": True, "disable_ssl": True, "from_email": "labelcycle\nBcc: eve@example.com"}
    with mail_to(monkeypatch) as letters:
        connection = json.loads(os.environ["AIRFLOW_CONN_SMTP_DEFAULT"]) | {"extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        of = project({"email": ["anna@example.com"]}, {"webhook": "pager"})
        assert send(of, ledger) == Told(1, ("email anna@example.com",))
    assert letters == []


def test_an_email_has_the_images_as_links(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    image = go_bad(ledger)
    of = project({"email": ["anna@example.com"]})
    with mail_to(monkeypatch) as letters:
        assert send(of, ledger) == Told(1, ())
    (letter,) = letters
    mail = message_from_bytes(letter)
    assert (mail["to"], mail["subject"]) == ("anna@example.com", f"[critical] {PROJECT}: eye@2: F1 fell")
    (part,) = [part for part in mail.walk() if part.get_content_type() == "text/html"]
    page = part.get_payload(decode=True)
    url = f"https://airflow.example.com/labelcycle/quality/{PROJECT}/images/{image}?annotator=eye%402"
    assert f'street &lt;1&gt;.jpg: <a href="{url}">{url}</a>'.encode() in page


def test_a_mail_server_that_refuses_is_tried_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert issubclass(smtplib.SMTPException, OSError)
    go_bad(ledger)
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": 9, "extra": {"from_email": "a@example.com"}}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
    assert send(project({"email": ["anna@example.com"]}), ledger).failed == ("email anna@example.com",)
