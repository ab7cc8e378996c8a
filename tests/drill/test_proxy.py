"""The proxy of the drills: each fault is seen as it is named, the work is done or not, and each is counted once."""

import http.client
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.drill.proxy import Proxy, in_the_way
from tests.drill.trouble import FAULTS, Fault, Trouble, Way, Work

BODY = b'{"name": "a name that is long enough to be cut"}'


@dataclass
class Always(Trouble):
    """The same fault each time."""

    fault: Fault = field(default=FAULTS[0])

    def draw(self, *_: str) -> Fault | None:
        return self.fault


class Echo(BaseHTTPRequestHandler):
    """Answers with the body that it got, and keeps what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(f"{self.command} {self.path} {self.headers['Authorization']}")
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Scene:
    """A server, and what it was asked."""

    port: int
    asked: list[str]


@pytest.fixture
def scene() -> Iterator[Scene]:
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("EchoOfATest", (Echo,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Scene(int(server.server_address[1]), asked)
    server.shutdown()
    server.server_close()
    thread.join()


def ask(proxy: Proxy, token: str = "one") -> tuple[int, bytes]:
    """What a caller sees; status 0 for a reset connection."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    try:
        connection.request("POST", "/api/tasks?x=1", BODY, {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.IncompleteRead as error:
        return -1, error.partial
    except ConnectionResetError:
        return 0, b""
    finally:
        connection.close()


def seen(fault: Fault) -> tuple[int, bytes]:
    """What is to be seen, by the fault's own words."""
    by_way = {
        Way.UNREAD: (0, b""),
        Way.RESET: (0, b""),
        Way.SLOW: (201, BODY),
        Way.CUT: (-1, BODY[: len(BODY) // 2]),
        Way.EXPIRED: (401, b'{"detail":"Invalid token."}'),
    }
    return by_way.get(fault.way, (fault.status, b"<html>"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_is_seen_as_it_is_named(scene: Scene, fault: Fault) -> None:
    with in_the_way(scene.port, Always(0, 10, fault=fault)) as proxy:
        status, body = ask(proxy)
        at_once = list(scene.asked)
        proxy.settle()
    assert (status, body[: len(seen(fault)[1])]) == seen(fault)
    done = ["POST /api/tasks?x=1 Bearer one"]
    assert scene.asked == (done if fault.work is not Work.UNDONE else [])
    assert at_once == (done if fault.work is Work.DONE else [])
    assert proxy.trouble.struck == {fault.name: 1}


def test_what_is_not_struck_comes_through_unchanged(scene: Scene) -> None:
    with in_the_way(scene.port, Trouble(0, most=0)) as proxy:
        assert ask(proxy) == (201, BODY)
    assert proxy.trouble.struck == {}


def test_an_expired_token_is_refused_until_there_is_another(scene: Scene) -> None:
    expired = Fault(Way.EXPIRED)
    with in_the_way(scene.port, Always(0, 1, fault=expired)) as proxy:
        assert ask(proxy, "old")[0] == 401
        proxy.trouble = Trouble(0, most=0)
        assert ask(proxy, "old")[0] == 401
        assert ask(proxy, "new") == (201, BODY)


def test_the_dead_reach_nobody_and_are_not_counted(scene: Scene) -> None:
    with in_the_way(scene.port, Always(0, 10)) as proxy:
        proxy.cut_off = True
        assert ask(proxy) == (0, b"")
    assert scene.asked == []
    assert proxy.trouble.struck == {}


def test_a_seed_strikes_the_same_calls_whatever_other_calls_there_are() -> None:
    alone, beside = (Trouble(7, most=1000, expiries=0) for _ in range(2))
    calls = [("PATCH", f"/api/jobs/{number}/annotations") for number in range(200)]
    first = [alone.draw(*call) for call in calls]
    second = []
    for call in calls:
        for _ in range(random.randrange(3)):
            beside.draw("GET", "/api/requests/1")
        second.append(beside.draw(*call))
    assert first == second
    assert len({fault.name for fault in first if fault}) > 10


def test_so_many_strike_and_no_more() -> None:
    trouble = Trouble(1, most=5, share=1.0)
    for number in range(50):
        if fault := trouble.draw("POST", f"/api/tasks/{number}"):
            trouble.count(fault)
    assert trouble.struck.total() == 5
    assert trouble.is_over
