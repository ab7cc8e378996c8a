"""One call as the routes see it: who makes it, its parameters, its body, and the state it works on."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Annotated, Any, cast

import orjson
from fastapi import Depends
from starlette.requests import Request

from include.emulator.accounts import User, identify
from include.emulator.answers import MEDIA_TYPE, Refusal, invalid
from include.emulator.state import State

_JSON_TYPES = ("application/json", MEDIA_TYPE)
_OUR_VERSION = "2.0"


def negotiate(request: Request) -> None:
    """Raises 406 unless the caller accepts CVAT's media type, in the version that is spoken here."""
    accept = request.headers.get("accept", "*/*")
    ranges = [part.partition(";") for part in accept.split(",")]
    matching = [rest for kind, _, rest in ranges if kind.strip() in ("*/*", "application/*", MEDIA_TYPE)]
    if not matching:
        raise Refusal(406, {"detail": "Could not satisfy the request Accept header."})
    for parameters in matching:
        name, _, value = parameters.strip().partition("=")
        if name == "version" and value != _OUR_VERSION:
            raise Refusal(406, {"detail": 'Invalid version in "Accept" header.'})


async def _small_body(request: Request) -> bytes:
    """Uploads of files are left to the routes that take them, which stream them to disk."""
    kind = request.headers.get("content-type", "")
    return b"" if kind.startswith("multipart/form-data") else await request.body()


@dataclass(frozen=True, slots=True)
class Call:
    """A call that nobody needs to log in for."""

    request: Request
    raw: bytes

    @property
    def state(self) -> State:
        return cast(State, self.request.app.state.memory)

    @property
    def query(self) -> dict[str, str]:
        return dict(self.request.query_params)

    def url(self, path: str) -> str:
        """The absolute address of a path of this server, as the caller reached it."""
        return f"{self.request.base_url}{path.lstrip('/')}"

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty without a body.

        Raises:
            Refusal: 415 for another media type, 400 for what is no JSON object.
        """
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip()
        if not self.raw:
            return {}
        if kind not in _JSON_TYPES:
            raise Refusal(415, {"detail": f'Unsupported media type "{kind}" in request.'})
        try:
            body = orjson.loads(self.raw)
        except orjson.JSONDecodeError:
            body = _parsed_slowly(self.raw)
        if not isinstance(body, dict):
            text = f"Invalid data. Expected a dictionary, but got {type(body).__name__}."
            raise invalid({"non_field_errors": [text]})
        return body


def _parsed_slowly(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise invalid({"detail": f"JSON parse error - {error}"}) from error


@dataclass(frozen=True, slots=True)
class UserCall(Call):
    """A call by a known user."""

    user: User


def _anyone(request: Request, raw: Annotated[bytes, Depends(_small_body)]) -> Call:
    negotiate(request)
    if "authorization" not in request.headers and "sessionid" not in request.cookies and request.client:
        request.app.state.throttle.count(request.client.host, request.app.state.memory.clock.now())
    return Call(request, raw)


def somebody(request: Request, raw: Annotated[bytes, Depends(_small_body)]) -> UserCall:
    """The call, once it is known who makes it. Raises a refusal, 401 or another, unless it is."""
    negotiate(request)
    user = identify(request.app.state.memory, request)
    organization = request.query_params.get("org") or request.headers.get("x-organization")
    if organization:
        raise Refusal(404, {"detail": f"{organization} organization does not exist."})
    return UserCall(request, raw, user)


Anyone = Annotated[Call, Depends(_anyone)]
Somebody = Annotated[UserCall, Depends(somebody)]


def brief_user(call: Call, connection: sqlite3.Connection, user_id: int | None) -> dict[str, Any] | None:
    """A user as other objects mention one."""
    if user_id is None:
        return None
    row = connection.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    return {
        "url": call.url(f"api/users/{row['id']}"),
        "id": row["id"],
        "username": row["username"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
    }
