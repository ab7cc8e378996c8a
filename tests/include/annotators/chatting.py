"""An OpenAI-compatible endpoint for the tests: it sees one red square, and says so as it is told to.

Requests are held to https://platform.openai.com/docs/api-reference/chat/create, as far as the annotator uses it.
"""

import base64
import io
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import numpy as np
import PIL.Image

from tests.include.annotators.listening import listening

Answer = tuple[int, dict[str, str], bytes]
Sees = Callable[[PIL.Image.Image], str]


@dataclass
class Chatting:
    """What the endpoint says of a picture, what it was asked, and how else it behaves."""

    says: Sees
    token: str | None = None
    takes_schemas: bool = True
    refuses: Callable[[PIL.Image.Image], bool] = lambda _: False
    first: deque[Answer] = field(default_factory=deque)  # answered before all else
    finish_reason: str = "stop"
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[PIL.Image.Image] = field(default_factory=list)

    @property
    def questions(self) -> list[str]:
        return [
            part["text"] for body in self.bodies for part in body["messages"][0]["content"] if part["type"] == "text"
        ]

    def answer(self, path: str, authorization: str | None, body: bytes) -> Answer:
        if path != "/v1/chat/completions":
            return refusal(404, "no such path")
        if self.token and authorization != f"Bearer {self.token}":
            return refusal(401, "wrong key")
        asked = json.loads(body)
        picture = sent_picture(asked)
        self.bodies.append(asked)
        self.pictures.append(picture)
        if self.first:
            return self.first.popleft()
        if "response_format" in asked and not self.takes_schemas:
            return refusal(400, "response_format: unknown type json_schema")
        if self.refuses(picture):
            return refusal(400, "the picture is not to my taste")
        return completion(self.says(picture), self.finish_reason)


def sent_picture(asked: dict[str, Any]) -> PIL.Image.Image:
    (message,) = asked["messages"]
    assert isinstance(asked["model"], str)
    assert message["role"] == "user"
    (url,) = [part["image_url"]["url"] for part in message["content"] if part["type"] == "image_url"]
    head, _, data = url.partition(";base64,")
    picture = PIL.Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    assert head == f"data:image/{str(picture.format).lower()}"
    return picture


def completion(content: Any, finish_reason: str = "stop") -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    whole = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return 200, {"Content-Type": "application/json"}, json.dumps(whole).encode()


def refusal(status: int, message: str, **headers: str) -> Answer:
    return status, headers, json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()


def red_square(picture: PIL.Image.Image) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom (the last two outside) in pixels of the picture, or None."""
    pixels = np.asarray(picture.convert("RGB")).astype(int)
    rows, columns = np.nonzero(pixels[:, :, 0] - pixels[:, :, 1] > 127)
    if not len(rows):
        return None
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def saying_where(across: float | None = None, label: str = "square") -> Sees:
    """Says where the square is: in numbers from 0 to `across`, else in pixels of the picture that it is given."""

    def says(picture: PIL.Image.Image) -> str:
        box = red_square(picture)
        if box is None:
            return '{"objects": []}'
        extents = [across or picture.width, across or picture.height] * 2
        sides = [picture.width, picture.height] * 2
        x1, y1, x2, y2 = (value / side * extent for value, side, extent in zip(box, sides, extents, strict=True))
        return json.dumps({"objects": [{"label": label, "x1": x1, "y1": y1, "x2": x2, "y2": y2}]})

    return says


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    chatting: Chatting

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, content = self.chatting.answer(self.path, self.headers.get("Authorization"), body)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def chatting(says: Sees, **behaviour: Any) -> Iterator[Chatting]:
    """An endpoint on a free port, while the context lasts."""
    state = Chatting(says, **behaviour)
    with listening(type("Handling", (Handler,), {"chatting": state})) as url:
        state.url = f"{url}/v1"
        yield state
