"""An HTTP/1.1 proxy that gets in the way of calls, as a plan says: a thread a connection, bodies by Content-Length."""

import http.client
import os
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus

from tests.drill.trouble import Fault, Trouble, Way, Work

LATER = 0.15  # seconds after which work that is done later is begun
_PIECES, _PAUSE = 8, 0.02  # of a slow body: its pieces, and the seconds between them
_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_INVALID_TOKEN = b'{"detail":"Invalid token."}'  # as CVAT says it

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came."""

    method: str
    path: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes out. A body that is only announced (HEAD) has a length all the same."""

    status: int
    headers: Headers
    body: bytes
    length: int

    @property
    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status not in (204, 304):
            lines.append(f"Content-Length: {self.length}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Reset(Exception):
    """The connection is to be reset."""


class Proxy:
    """What stands between clients and a server; `trouble` may be exchanged while it runs."""

    def __init__(self, server_port: int, trouble: Trouble) -> None:
        self.trouble = trouble
        self.cut_off = False  # whether every call is reset: those of a process that is dead do not count
        self._server_port = server_port
        self._expired: set[str] = set()
        self._late: list[threading.Thread] = []
        self._listener = _Listener(self)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    @property
    def port(self) -> int:
        return int(self._listener.server_address[1])

    def settle(self) -> None:
        """Wait until all work that was to be done later is done."""
        while self._late:
            self._late.pop().join()

    def run(self) -> None:
        self._listener.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        self.settle()
        self._listener.shutdown()
        self._listener.server_close()

    def fault_of(self, call: Call) -> Fault | None:
        """What goes wrong with a call: one with an expired token is refused."""
        if self.cut_off:
            raise Reset
        if call.header("authorization") in self._expired:
            return Fault(Way.EXPIRED)
        fault = self.trouble.draw(call.method, call.path)
        if fault:
            if fault.way is Way.EXPIRED:
                self._expired.add(call.header("authorization"))
            self.trouble.count(fault)
        return fault

    def forward(self, call: Call) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._server_port, timeout=60)
        try:
            connection.putrequest(call.method, call.path, skip_host=True, skip_accept_encoding=True)
            for name, value in call.headers:
                connection.putheader(name, value)
            connection.endheaders(call.body)
            answer = connection.getresponse()
            body = answer.read()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _OF_THE_CONNECTION]
            announced = answer.getheader("Content-Length") if call.method == "HEAD" else None
            return Answer(answer.status, kept, body, int(announced) if announced else len(body))
        finally:
            connection.close()

    def forward_later(self, call: Call) -> None:
        def late() -> None:
            time.sleep(LATER)
            self.forward(call)

        thread = threading.Thread(target=late)
        self._late.append(thread)
        thread.start()


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Connection)


class _Connection(socketserver.StreamRequestHandler):
    """One connection: call after call, until one of them ends it."""

    server: _Listener
    disable_nagle_algorithm = True

    def handle(self) -> None:
        proxy = self.server.proxy
        try:
            while call := self._read(proxy):
                self._answer(proxy, *call)
        except Reset:
            self._reset()
        except ConnectionError:
            pass  # the client has gone
        except ValueError:
            if not (self.rfile.closed or self.wfile.closed):  # the client has gone where they are
                raise

    def _read(self, proxy: Proxy) -> tuple[Call, Fault | None] | None:
        """The next call, and what goes wrong with it."""
        line = self.rfile.readline().decode("latin-1").split()
        if len(line) != 3:
            return None
        headers = list(self._headers())
        head = Call(line[0], line[1], headers, b"")
        fault = proxy.fault_of(head)
        if fault and fault.way is Way.UNREAD:
            raise Reset
        assert not head.header("transfer-encoding"), "this proxy reads bodies by their Content-Length only"
        return Call(line[0], line[1], headers, self.rfile.read(int(head.header("content-length") or 0))), fault

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self.rfile.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            yield name, value.strip()

    def _answer(self, proxy: Proxy, call: Call, fault: Fault | None) -> None:
        answer = None
        if fault is None or fault.work is Work.DONE:
            answer = proxy.forward(call)
        elif fault.work is Work.LATER:
            proxy.forward_later(call)
        if fault and fault.way is Way.RESET:
            raise Reset
        if fault and fault.way in (Way.PAGE, Way.EXPIRED):
            answer = _page(fault) if fault.way is Way.PAGE else _refused()
        assert answer is not None
        self._send(answer if call.method != "HEAD" else replace(answer, body=b""), fault.way if fault else None)

    def _send(self, answer: Answer, way: Way | None) -> None:
        if way is Way.CUT and not answer.body:
            raise Reset
        self.wfile.write(answer.head)
        if way is Way.CUT:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            raise ConnectionAbortedError
        if way is Way.SLOW:
            size = max(len(answer.body) // _PIECES, 1)
            for start in range(0, len(answer.body), size):
                self.wfile.write(answer.body[start : start + size])
                time.sleep(_PAUSE)
        else:
            self.wfile.write(answer.body)

    def _reset(self) -> None:
        """Close with RST in place of FIN: what is in flight is lost, and the client is told so."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.request.detach())


def _page(fault: Fault) -> Answer:
    words = f"{fault.status} {HTTPStatus(fault.status).phrase}"
    body = f"<html><head><title>{words}</title></head><body><h1>{words}</h1></body></html>".encode()
    more: Mapping[str, str] = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return Answer(fault.status, [("Content-Type", "text/html"), *more.items()], body, len(body))


def _refused() -> Answer:
    headers = [("Content-Type", "application/vnd.cvat+json"), ("WWW-Authenticate", "Token")]
    return Answer(401, headers, _INVALID_TOKEN, len(_INVALID_TOKEN))


@contextmanager
def in_the_way(server_port: int, trouble: Trouble) -> Iterator[Proxy]:
    """A proxy in front of a server on this machine, for as long as the context lasts."""
    proxy = Proxy(server_port, trouble)
    thread = threading.Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
