"""A model server over HTTP: asked again while it is busy or away, until a deadline."""

import hashlib
import logging
import os
import threading
import time
import weakref
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from pydantic import BaseModel, ConfigDict, Field

from include.annotators.networks import ModelError
from include.annotators.registry import AnnotatorUnavailable
from include.projects.fields import Like

_Kind = TypeVar("_Kind")
_URL = Like(r"https?://[^/?#@\s]+(/[^?#\s]*)?", "must look like http://host:8000, without login, ? or #")
Url = Annotated[str, _URL]

BUSY = frozenset({429, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0  # seconds


class ModelServerUnavailable(AnnotatorUnavailable):
    """A model server did not answer within its deadline; another try may find it."""


class Refused(ModelError):
    """A model server's answer is an error, by its HTTP status; another try would have the same."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class EndpointSettings(BaseModel):
    """Where a model is served, and how it is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Url = Field(description="The server, without the path of the protocol.")
    model: str = Field(min_length=1, description="The model's name there.")
    token_env: str | None = Field(None, description="The variable of the worker's environment that holds the token.")
    token_header: str = Field("Authorization", description="Where the token goes; in Authorization it is a Bearer's.")
    timeout_seconds: float = Field(60, gt=0, description="How long an answer may take, all tries together.")
    concurrency: int = Field(4, ge=1, description="How many requests are under way at once.")


class Endpoint:
    """The server. Safe for threads; no more of them ask at once than the settings allow.

    It is asked `again` where it answers with one of these HTTP statuses. Raises ModelError where the token is not in
    the environment.
    """

    def __init__(self, settings: EndpointSettings, again: Collection[int] = BUSY) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it has a line for every request
        self.settings = settings
        self._again = again
        self._places = threading.BoundedSemaphore(settings.concurrency)
        self._client = httpx.Client(
            headers=_token(settings), timeout=settings.timeout_seconds, follow_redirects=False, trust_env=True
        )
        weakref.finalize(self, self._client.close)

    def model_path(self, root: str, version: str | None) -> str:
        """`root/models/<name>[/versions/<version>]`."""
        path = f"{root}/models/{quote(self.settings.model, safe='')}"
        return f"{path}/versions/{quote(version, safe='')}" if version else path

    def digest(self, version: str | None, described: bytes) -> str:
        """A SHA-256 of where the model is served, its version and what the server says of it."""
        what = "\n".join([self.settings.url, self.settings.model, version or ""]).encode()
        return hashlib.sha256(what + b"\n" + described).hexdigest()

    def get(self, path: str, kind: type[_Kind]) -> _Kind:
        """The JSON there. Raises ModelError and ModelServerUnavailable."""
        answer = self.ask("GET", path)
        return read(answer.content, kind, answer.url)

    def ask(
        self, method: str, path: str, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """The answer, once there is one that is not about the server's being busy.

        Raises Refused where the server refuses, ModelServerUnavailable after the deadline.
        """
        url = self.settings.url.rstrip("/") + path
        end, pause = time.monotonic() + self.settings.timeout_seconds, _FIRST_PAUSE
        with self._places:
            while True:
                left = end - time.monotonic()
                answer, why = self._once(method, url, content, headers or {}, max(left, 0.001))
                if answer is not None and answer.status_code not in self._again:
                    return _accepted(url, answer)
                wait = _retry_after(answer, pause)
                if time.monotonic() + wait >= end:
                    seconds = self.settings.timeout_seconds
                    raise ModelServerUnavailable(f"{url} did not answer within {seconds:g} s; at last: {why}")
                time.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _once(
        self, method: str, url: str, content: bytes, headers: dict[str, str], seconds: float
    ) -> tuple[httpx.Response | None, str]:
        try:
            answer = self._client.request(method, url, content=content, headers=headers, timeout=seconds)
        except httpx.TransportError as error:
            return None, str(error) or type(error).__name__
        return answer, f"{answer.status_code} {answer.reason_phrase}"


def read(content: bytes, kind: type[_Kind], url: object) -> _Kind:
    """What a JSON says. Raises ModelError where it is none, or another than the protocol's."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        start = content[:100].decode(errors="replace")
        raise ModelError(
            f"{url} does not answer as the protocol says: {error}: {start!r}. Correct url or protocol"
        ) from error


def _accepted(url: str, answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    status = answer.status_code
    if status in (401, 403):
        raise Refused(f"{url} answers {status}: give the variable that token_env names a valid token", status)
    raise Refused(f"{url} answers {status} {answer.reason_phrase}: {answer.text[:500].strip()}", status)


def _retry_after(answer: httpx.Response | None, pause: float) -> float:
    """Seconds, as the server asks for (a number or a date, RFC 9110), else as we do."""
    said = answer.headers.get("Retry-After", "") if answer is not None else ""
    if said.isdecimal():
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return pause
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def _token(settings: EndpointSettings) -> dict[str, str]:
    if settings.token_env is None:
        return {}
    token = os.environ.get(settings.token_env, "")
    if not token:
        raise ModelError(f"there is no token: the environment has no variable {settings.token_env}, or an empty one")
    bearer = settings.token_header.lower() == "authorization"
    return {settings.token_header: f"Bearer {token}" if bearer else token}
