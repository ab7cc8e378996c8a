"""A server with one result to fetch, as CVAT serves it (ETag, Range, If-Range), that breaks off as it is told to."""

import hashlib
import http.server
import io
import random
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Result:
    """What is served, and what goes wrong: an answer a number, in the order in which they are asked for."""

    content: bytes
    url: str = ""
    media_type: str = "application/zip"
    cuts: list[int] = field(default_factory=list)  # after so many bytes of the body an answer breaks off
    changes: dict[int, bytes] = field(default_factory=dict)  # before this answer the content becomes another
    refusals: dict[int, tuple[int, str]] = field(default_factory=dict)
    announced: int | None = None  # a Content-Length that is not so
    ranges: bool = True
    stall: float = 0.0  # seconds before the second half of each answer
    asked: list[str] = field(default_factory=list)  # the Range of each request

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()[:8]}-{len(self.content):x}"'


def zipped(size: int, seed: int = 0) -> bytes:
    """A zip of about so many bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("annotations.json", "{}")
        archive.writestr("images/a.bin", random.Random(seed).randbytes(size))
    return target.getvalue()


@contextmanager
def serving(result: Result) -> Iterator[Result]:
    """The result at `result.url`, whatever the path."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            number = len(result.asked)
            result.content = result.changes.get(number, result.content)
            result.asked.append(self.headers.get("Range", ""))
            if refusal := result.refusals.get(number):
                self._refuse(*refusal)
                return
            start = self._start()
            if start > len(result.content) or (start and start == len(result.content)):
                self._refuse(416, "")
                return
            body = result.content[start:]
            self._head(start, body)
            cut = result.cuts[number] if number < len(result.cuts) else len(body)
            self.wfile.write(body[: cut // 2])
            time.sleep(result.stall)
            self.wfile.write(body[cut // 2 : cut])
            self.close_connection = cut < len(body) or result.announced is not None

        def _start(self) -> int:
            wanted = self.headers.get("Range", "")
            same = self.headers.get("If-Range", result.etag) == result.etag
            return int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and same and result.ranges else 0

        def _head(self, start: int, body: bytes) -> None:
            self.send_response(206 if start else 200)
            self.send_header("Content-Type", result.media_type)
            self.send_header("ETag", result.etag)
            self.send_header("Content-Length", str(result.announced or len(body)))
            if start:
                whole = len(result.content)
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.end_headers()

        def _refuse(self, status: int, words: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        result.url = f"http://127.0.0.1:{server.server_port}"
        yield result
        server.shutdown()
