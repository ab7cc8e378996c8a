"""Questions about a picture to a language model that sees, by OpenAI's chat completions, which many servers speak."""

import base64
import io
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import PIL.Image
from pydantic import Field, field_validator

from include.annotators.endpoint import BUSY, Endpoint, EndpointSettings, Refused, Url, read
from include.annotators.vlm_answers import UnreadableAnswer

log = logging.getLogger(__name__)

Schema = Mapping[str, Any]
_OURS = {"messages", "model"}  # what a request says of itself
_NOT_AS_ASKED = (400, 422)  # what servers answer to a response_format that they do not know, among other things


class ChatSettings(EndpointSettings):
    """Which model is asked, and what the asking may cost."""

    url: Url = Field(description="The API's root, as in https://models.example.com/v1.")
    timeout_seconds: float = Field(180, gt=0, description="How long an answer may take, all tries together.")
    images_a_minute: float | None = Field(None, gt=0, description="The most that a worker's task asks about.")
    parameters: dict[str, Any] = Field(
        default={"temperature": 0, "max_tokens": 4096},
        description="What a request says besides, in the server's words.",
    )
    image_format: Literal["jpeg", "png"] = Field(
        "jpeg", description="How pictures are sent: jpeg; or png, without loss."
    )

    @field_validator("parameters")
    @classmethod
    def _besides(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_OURS & parameters.keys()):
            raise ValueError(
                f"{', '.join(taken)} would replace what is asked: remove it; model and prompt are settings"
            )
        return parameters


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's words, and whether they were cut off at the most that it may say."""

    text: str
    cut: bool


class _Part(msgspec.Struct, frozen=True):
    text: str = ""


class _Message(msgspec.Struct, frozen=True):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct, frozen=True):
    choices: list[_Choice]


class Pace:
    """Spaces out what happens so many times a minute at the most, evenly. Safe for threads."""

    def __init__(
        self,
        a_minute: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds = 60 / a_minute if a_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait_for_turn(self) -> None:
        """Return when it is the caller's turn."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._seconds
        if turn > now:
            self._sleep(turn - now)


class Chat:
    """A model at an endpoint. Safe for threads."""

    def __init__(self, settings: ChatSettings) -> None:
        self._settings = settings
        self._endpoint = Endpoint(settings, again=BUSY | {500})
        self._pace = Pace(settings.images_a_minute)
        self._takes_schemas = True

    def ask(self, question: str, picture: PIL.Image.Image, schema: Schema) -> Reply:
        """What the model says about a picture, in JSON by the schema where the server can hold it to that.

        Raises Refused and ModelServerUnavailable as Endpoint does, and UnreadableAnswer where the model says nothing.
        """
        self._pace.wait_for_turn()
        body = self._body(question, picture)
        if not self._takes_schemas:
            return self._sent(body)
        form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
        try:
            return self._sent({**body, "response_format": form})
        except Refused as error:
            if error.status not in _NOT_AS_ASKED:
                raise
            reply = self._sent(body)
            self._takes_schemas = False
            log.warning("asked without a JSON schema from now on, which the server does not take: %s", error)
            return reply

    def _body(self, question: str, picture: PIL.Image.Image) -> dict[str, Any]:
        content = [
            {"type": "image_url", "image_url": {"url": _data_url(picture, self._settings.image_format)}},
            {"type": "text", "text": question},
        ]
        messages = [{"role": "user", "content": content}]
        return {"model": self._settings.model, "messages": messages, **self._settings.parameters}

    def _sent(self, body: Mapping[str, Any]) -> Reply:
        headers = {"Content-Type": "application/json"}
        answer = self._endpoint.ask("POST", "/chat/completions", json.dumps(body).encode(), headers)
        completion = read(answer.content, _Completion, answer.url)
        if not completion.choices:
            raise UnreadableAnswer("the model says nothing: its answer has no choices")
        choice = completion.choices[0]
        said = choice.message.content
        text = "".join(part.text for part in said) if isinstance(said, list) else said or ""
        if not text.strip():
            why = choice.message.refusal or f"finish_reason is {choice.finish_reason!r}"
            raise UnreadableAnswer(f"the model says nothing: {why[:500]}")
        return Reply(text, choice.finish_reason == "length")


def _data_url(picture: PIL.Image.Image, format_: str) -> str:
    file = io.BytesIO()
    picture.save(file, format_, quality=90)
    return f"data:image/{format_};base64,{base64.b64encode(file.getvalue()).decode()}"
