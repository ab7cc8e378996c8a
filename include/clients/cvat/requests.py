"""CVAT's background requests, asked after without blocking: for triggers, which share one event loop."""

import re
import ssl
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from urllib.parse import quote

import httpx
import msgspec

from include.clients.cvat.errors import UnreachableError, error_of, login_error
from include.clients.cvat.records import CvatAccess, Request, decode

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_LINES = {"create": "import", "import": "import", "autoannotate": "serverless"}
SERVERLESS = "serverless"


def action_of(request_id: str) -> str:
    """What a request does, as its id says: create, import, export, autoannotate; empty where it says nothing."""
    found = re.match(r"action=(\w+)", request_id)
    return found[1] if found else ""


def line_of(action: str) -> str:
    """The queue in which CVAT works on requests of an action: import, export, serverless, or one of its own."""
    return _LINES.get(action, action)


def is_serverless(request_id: str) -> bool:
    """Whether only /api/lambda knows a request."""
    return line_of(action_of(request_id)) == SERVERLESS


class ServerlessRequest(msgspec.Struct, frozen=True):
    """A run of a serverless function. While it is queued, `exc_info` may still be that of the run before.

    CVAT calls a cancelled one finished; its progress, in percent, stays below 100.
    """

    id: str
    status: str
    progress: int | None = None
    enqueued: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    exc_info: str | None = None

    @property
    def request(self) -> Request:
        """The same as other requests are told; of a failure's traceback the last line, which says what was wrong."""
        status, words = self.status, ""
        if status == "failed":
            words = (self.exc_info or "").strip().rpartition("\n")[2]
        elif status == "finished" and self.progress is not None and self.progress < 100:
            status, words = "failed", f"cancelled at {self.progress} %"
        return Request(
            self.id,
            status,
            words,
            created_date=self.enqueued,
            started_date=self.started,
            finished_date=self.ended,
        )


class _Page(msgspec.Struct, frozen=True):
    results: list[Request]


class CvatRequests:
    """Reads and cancels requests, serverless ones too, over one connection. An asynchronous context manager."""

    def __init__(self, access: CvatAccess) -> None:
        self._access = access
        headers = {"Accept": "application/vnd.cvat+json"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        if access.organization:
            headers["X-Organization"] = access.organization
        # As cvat-sdk's urllib3 reaches CVAT: no proxy of the environment, the system's certificates or SSL_CERT_FILE's.
        verify = ssl.create_default_context() if access.verify_tls else False
        self._http = httpx.AsyncClient(
            base_url=access.url.rstrip("/"), headers=headers, verify=verify, timeout=_TIMEOUT, trust_env=False
        )

    async def __aenter__(self) -> "CvatRequests":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, request_id: str) -> Request:
        """A request. Raises NotFoundError once it has expired, other CvatErrors as the synchronous client does."""
        path = _path(request_id)
        content = await self._call("GET", path)
        if is_serverless(request_id):
            return decode(content, ServerlessRequest, f"GET {path}").request
        return decode(content, Request, f"GET {path}")

    async def all(self, filters: Mapping[str, str]) -> list[Request]:
        """All requests of this account by CVAT's filters (action, status), but for the serverless ones."""
        path = "/api/requests"
        content = await self._call("GET", path, query={**filters, "page_size": "all"})
        return decode(content, _Page, f"GET {path}").results

    async def all_serverless(self) -> list[Request]:
        """All serverless requests: they know no filters."""
        path = "/api/lambda/requests"
        rows = decode(await self._call("GET", path), list[ServerlessRequest], f"GET {path}")
        return [row.request for row in rows]

    async def cancel(self, request_id: str) -> None:
        """Take a request out of its queue. Raises InvalidError where CVAT has begun or ended it, as it says itself."""
        if is_serverless(request_id):
            await self._call("DELETE", _path(request_id))
        else:
            await self._call("POST", f"{_path(request_id)}/cancel")

    async def _call(self, method: str, path: str, query: Mapping[str, str] | None = None) -> bytes:
        if not self._access.token and not self._http.cookies:
            await self._log_in()
        response = await self._send(method, path, query=query)
        if response.status_code >= 400:
            raise error_of(method, str(response.url), response.status_code, response.headers, response.content)
        return response.content

    async def _log_in(self) -> None:
        """A session costs the server one password hash; Basic authentication would cost it one a call."""
        body = {"username": self._access.username, "password": self._access.password}
        response = await self._send("POST", "/api/auth/login", body=body)
        if response.status_code >= 400:
            url, user = self._access.url.rstrip("/"), self._access.username
            raise login_error(url, user, response.status_code, response.headers, response.content)

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, str | None] | None = None,
    ) -> httpx.Response:
        headers = {}
        if csrf := self._http.cookies.get("csrftoken"):  # without it a session may only read
            headers = {"X-CSRFToken": csrf, "Origin": self._access.url.rstrip("/")}
        try:
            return await self._http.request(method, path, params=query, json=body, headers=headers)
        except httpx.HTTPError as error:
            words = str(error) or type(error).__name__
            raise UnreachableError(f"CVAT at {self._access.url} gives no answer to {method} {path}: {words}") from error


def _path(request_id: str) -> str:
    beginning = "/api/lambda/requests" if is_serverless(request_id) else "/api/requests"
    return f"{beginning}/{quote(request_id, safe='')}"
