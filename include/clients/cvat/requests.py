"""CVAT's background requests, looked at without blocking: for triggers, which share one event loop."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from urllib.parse import quote

import httpx

from include.clients.cvat.errors import (
    CvatError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
    UnreachableError,
    error_of,
    login_error,
)
from include.clients.cvat.records import CvatAccess, Request, decode

log = logging.getLogger(__name__)
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_ROUND_OF_ALL = 120.0  # seconds between looks at every request, not only at the oldest


@dataclass(frozen=True, slots=True)
class Ended:
    """How a wait ended: `finished`, `failed`, `expired` or `overdue`, and the server's words."""

    answer: str
    message: str = ""


class CvatRequests:
    """Reads requests over one asynchronous connection. An asynchronous context manager."""

    def __init__(self, access: CvatAccess) -> None:
        self._access = access
        headers = {"Accept": "application/vnd.cvat+json"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        if access.organization:
            headers["X-Organization"] = access.organization
        self._http = httpx.AsyncClient(
            base_url=access.url.rstrip("/"), headers=headers, verify=access.verify_tls, timeout=_TIMEOUT
        )

    async def __aenter__(self) -> "CvatRequests":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, request_id: str) -> Request:
        """A request. Raises NotFoundError once it has expired, other CvatErrors as the synchronous client does."""
        if not self._access.token and not self._http.cookies:
            await self._log_in()
        response = await self._call("GET", f"/api/requests/{quote(request_id, safe='')}")
        if response.status_code >= 400:
            raise error_of("GET", str(response.url), response.status_code, response.headers, response.content)
        return decode(response.content, Request, f"GET {response.url.path}")

    async def _log_in(self) -> None:
        """A session costs the server one password hash; Basic authentication would cost it one a call."""
        body = {"username": self._access.username, "password": self._access.password}
        response = await self._call("POST", "/api/auth/login", body)
        if response.status_code >= 400:
            url, user = self._access.url.rstrip("/"), self._access.username
            raise login_error(url, user, response.status_code, response.headers, response.content)

    async def _call(self, method: str, path: str, body: Mapping[str, str | None] | None = None) -> httpx.Response:
        try:
            return await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            words = str(error) or type(error).__name__
            raise UnreachableError(f"CVAT at {self._access.url} gives no answer to {method} {path}: {words}") from error


def growing_pause(waited: float) -> float:
    """How long to wait between looks, by how long was waited already: seconds, from 0.2 to 5."""
    return min(0.2 + waited / 20, 5.0)


async def wait_for_requests(
    access: CvatAccess,
    deadlines: Mapping[str, datetime],
    pause: Callable[[float], float] = growing_pause,
    names: Mapping[str, str] | None = None,
) -> dict[str, Ended]:
    """Wait until every request has ended or its deadline has passed.

    CVAT works its import queue first in, first out: the oldest request is looked at, and as soon as it has ended the
    next. Every two minutes all are, because CVAT forgets a finished one after 500 s. A look that fails is logged, with
    what the request is for (`names`, by request), and repeated; the deadlines bound that too. Raises UnauthorizedError
    at once: no repetition mends credentials.
    """
    ended: dict[str, Ended] = {}
    started = all_seen = asyncio.get_running_loop().time()
    async with CvatRequests(access) as requests:
        while waiting := [id_ for id_ in deadlines if id_ not in ended]:
            now = asyncio.get_running_loop().time()
            everything = now - all_seen > _ROUND_OF_ALL
            all_seen = now if everything else all_seen
            for request_id in waiting:
                name = (names or {}).get(request_id, f"request {request_id}")
                end = await _look(requests, request_id, name, deadlines[request_id])
                if end:
                    ended[request_id] = end
                elif not everything:
                    break
            if len(ended) < len(deadlines):
                await asyncio.sleep(pause(now - started))
    return ended


async def _look(requests: CvatRequests, request_id: str, name: str, deadline: datetime) -> Ended | None:
    try:
        request = await requests.get(request_id)
    except UnauthorizedError:
        raise
    except (NotFoundError, InvalidError) as error:  # 400: its task is gone
        return Ended("expired", str(error))
    except CvatError as error:
        log.warning("%s: %s", name, error)
        message = str(error)
    else:
        if request.status in ("finished", "failed"):
            return Ended(request.status, request.message)
        message = f"CVAT says {request.status} {request.message}".strip()
    return Ended("overdue", f"not done by {deadline:%Y-%m-%d %H:%M:%S} UTC: {message}") if _past(deadline) else None


def _past(deadline: datetime) -> bool:
    return datetime.now(UTC) >= deadline
