"""The wire to CVAT: cvat-sdk's connection, with raw answers and errors that say what to do.

The SDK keeps the session, the credentials and TLS. Answers are decoded from raw JSON, because the SDK's typed
models cost several times the server's own time.
"""

import math
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import msgspec
import urllib3
from cvat_sdk import Client, exceptions, models
from cvat_sdk.core.client import Config

from include.clients.cvat.errors import (
    CvatError,
    NotFoundError,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreachableError,
    error_of,
    login_error,
    seconds_of,
)
from include.clients.cvat.records import CvatAccess, decode

T = TypeVar("T")
_TIMEOUT = (10.0, 120.0)  # to connect, to read: seconds
_SOON = (3.0, 10.0)  # the same, while a person waits
_PAGE = 1000


class _Retries(urllib3.Retry):
    """Who wants to be left alone for longer than `retry_after_max` is not asked again: its answer is what is raised."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Self:
        """The next try. Raises MaxRetryError, on which urllib3 returns the answer."""
        wanted = seconds_of(response.headers.get("Retry-After"), datetime.now(UTC)) if response else None
        left = self.new(total=0) if wanted is not None and wanted > self.retry_after_max else self
        return super(_Retries, left).increment(method, url, response, *args, **kwargs)


# The SDK would repeat a DELETE too, which then finds nothing. What never reached the server is repeated whatever it
# is; anything else only if it reads.
_RETRIES = _Retries(
    total=3,
    backoff_factor=0.25,
    allowed_methods={"GET"},
    status_forcelist={429, 502, 503, 504},
    raise_on_status=False,
    retry_after_max=30,
)
_ONE_RETRY = _RETRIES.new(total=1, retry_after_max=2)


class Page(msgspec.Struct, frozen=True):
    """A page of a list; rows are decoded one by one."""

    next: str | None
    results: list[msgspec.Raw]


class Wire:
    """Calls to one server, by method and path."""

    def __init__(self, access: CvatAccess) -> None:
        self._access = access
        self._sdk = Client(access.url, config=Config(verify_ssl=access.verify_tls), check_server_version=False)
        self._sdk.organization_slug = access.organization or None
        self._connections: urllib3.PoolManager = self._sdk.api_client.rest_client.pool_manager
        self._connections.connection_pool_kw["retries"] = _ONE_RETRY if access.interactive else _RETRIES
        self._patience = _SOON if access.interactive else _TIMEOUT
        self._logged_in = False

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return self._access.url.rstrip("/")

    def close(self) -> None:
        """Close the connections."""
        self._sdk.close()
        self._connections.clear()

    def get(self, path: str, answer: type[T]) -> T:
        """Read one thing."""
        return self.call("GET", path, answer)

    def list(self, path: str, row: type[T], query: Mapping[str, str]) -> Iterator[T]:
        """Read all rows of a list, page by page."""
        for page in count(1):
            asked = {**query, "page": str(page), "page_size": str(_PAGE)}
            try:
                answer = self.call("GET", path, Page, query=asked)
            except NotFoundError:
                if page == 1:
                    raise
                return  # the list has become shorter meanwhile
            yield from (decode(raw, row, f"GET {path}") for raw in answer.results)
            if answer.next is None:
                return

    def call(
        self,
        method: str,
        path: str,
        answer: type[T] | None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        answered: frozenset[int] = frozenset(),
    ) -> T:
        """Call the server and decode its answer; `answer` None decodes nothing. Raises a CvatError.

        `answered` are statuses from 400 on whose bodies are answers all the same.
        """
        response = self._answer(method, path, query, body, headers or {}, answered)
        if answer is None:
            return None  # type: ignore[return-value]
        return decode(response.data, answer, f"{method} {path}")

    def traced(self, method: str, path: str, answer: type[T], body: Any) -> tuple[T, str]:
        """As `call`, with the id under which the server's logs have this request (x-request-id)."""
        response = self._answer(method, path, None, body, {}, frozenset())
        return decode(response.data, answer, f"{method} {path}"), response.headers.get("x-request-id", "none")

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str], patience: float
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Read an answer piece by piece, as it comes, each within so many seconds; closed by leaving.

        416 is an answer here. Raises a CvatError, UnreachableError also for what breaks off while it is read.
        """
        self._log_in()
        common, parameters = self._headers("GET", query)
        url = f"{self.url}{path}?{urlencode(parameters)}"
        timeout = self._timeout(patience)
        wanted = {**common, **headers, "Accept": "*/*", "Accept-Encoding": "identity"}
        try:
            response = self._connections.request("GET", url, headers=wanted, timeout=timeout, preload_content=False)
            try:
                if response.status >= 400 and response.status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    raise error_of("GET", url, response.status, response.headers, response.data)
                yield response
            finally:
                response.close()  # what was not read is given up with its connection
        except urllib3.exceptions.HTTPError as error:
            raise _lost("GET", self.url, path, error) from error

    def upload(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] = b""
    ) -> urllib3.HTTPHeaderDict:
        """Send bytes as they are, and give the headers of the answer. Raises a CvatError.

        A body that comes in pieces is sent as it comes, and needs its Content-Length among the headers. It is not sent
        again, unless no connection came about: whoever gave it decides that.
        """
        self._log_in()
        common, _ = self._headers(method, None)
        url, timeout = self.url + path, self._timeout()
        try:
            response = self._connections.request(method, url, body=body, headers={**common, **headers}, timeout=timeout)
        except urllib3.exceptions.HTTPError as error:
            raise _lost(method, self.url, path, error) from error
        if response.status >= 400:
            raise error_of(method, url, response.status, response.headers, response.data)
        return response.headers

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        headers: Mapping[str, str],
        answered: frozenset[int],
    ) -> urllib3.BaseHTTPResponse:
        self._log_in()
        response = self._send(method, path, query, body, headers)
        if response.status == 401 and self._access.username:  # a session ends after some days; nothing was done then
            self._log_in_again()
            response = self._send(method, path, query, body, headers)
        if response.status >= 400 and response.status not in answered:
            raise error_of(method, self.url + path, response.status, response.headers, response.data)
        return response

    def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, body: Any, more: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        headers, parameters = self._headers(method, query)
        headers.update(more)
        url = f"{self.url}{path}?{urlencode(parameters)}" if parameters else self.url + path
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        timeout = self._timeout()
        try:
            return self._connections.request(method, url, body=content, headers=headers, timeout=timeout)
        except urllib3.exceptions.HTTPError as error:
            raise _lost(method, self.url, path, error) from error

    def _headers(
        self, method: str, query: Mapping[str, str] | None
    ) -> tuple[dict[str, str], Sequence[tuple[str, str]]]:
        """The headers of every call, and its query, with the credentials."""
        api = self._sdk.api_client
        headers = {**api.get_common_headers(), "Accept": "application/vnd.cvat+json"}
        parameters = list((query or {}).items())
        api.update_params_for_auth(headers, parameters, method=method)
        return headers, parameters

    def _log_in(self) -> None:
        if self._logged_in:
            return
        try:
            self._give_credentials()
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(f"CVAT at {self.url} cannot be reached: {_cause(error)}") from error
        except exceptions.ApiException as error:
            body = (error.body or "").encode()
            raise login_error(self.url, self._access.username, error.status, error.headers or {}, body) from error
        self._logged_in = True

    def _give_credentials(self) -> None:
        """As the SDK's own login, which would wait for an answer for ever."""
        access, api = self._access, self._sdk.api_client
        if access.token:
            api.configuration.access_token = access.token
        elif access.username and access.password:
            form = models.LoginSerializerExRequest(username=access.username, password=access.password)
            api.auth_api.create_login(form, _request_timeout=self._patience)
            api.configuration.api_key["csrfHeaderAuth"] = api.cookies["csrftoken"].value
        else:
            raise UnauthorizedError(f"no credentials for CVAT at {access.url}: give a token, or a user and a password")

    def _timeout(self, most: float = math.inf) -> urllib3.Timeout:
        connect, read = self._patience
        return urllib3.Timeout(connect=connect, read=min(read, most))

    def _log_in_again(self) -> None:
        self._sdk.api_client.cookies.clear()
        self._sdk.api_client.configuration.api_key.pop("csrfHeaderAuth", None)
        self._logged_in = False
        self._log_in()


def _lost(method: str, url: str, path: str, error: urllib3.exceptions.HTTPError) -> CvatError:
    cause = _cause(error)
    if _never_sent(cause):
        return UnreachableError(f"CVAT at {url} cannot be reached: {cause}")
    if method == "GET":
        return UnreachableError(f"CVAT at {url} broke off its answer to {method} {path}: {cause}")
    return UnknownOutcomeError(f"CVAT at {url} gave no answer to {method} {path}: it may have done it: {cause}")


def _cause(error: urllib3.exceptions.HTTPError) -> BaseException:
    return getattr(error, "reason", None) or error


def _never_sent(cause: BaseException) -> bool:
    if isinstance(cause, urllib3.exceptions.SSLError):
        return isinstance(cause.args[0], ssl.SSLCertVerificationError)
    return isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
