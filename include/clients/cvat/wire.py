"""The wire to CVAT: cvat-sdk's connection, with raw answers and errors that say what to do.

The SDK keeps the session, the credentials and TLS. Answers are decoded from raw JSON, because the SDK's typed
models cost several times the server's own time.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import msgspec
import urllib3
from cvat_sdk import Client, exceptions
from cvat_sdk.core.client import AccessTokenCredentials, Config, PasswordCredentials

from include.clients.cvat.errors import (
    CvatError,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreachableError,
    error_of,
    words_of,
)
from include.clients.cvat.records import CvatAccess

T = TypeVar("T")
_TIMEOUT = (10.0, 120.0)  # to connect, to read: seconds
_PAGE = 1000


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
        self._logged_in = False

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return self._access.url.rstrip("/")

    def close(self) -> None:
        """Close the connections."""
        self._sdk.api_client.close()

    def get(self, path: str, answer: type[T]) -> T:
        """Read one thing."""
        return self.call("GET", path, answer)

    def list(self, path: str, row: type[T], query: Mapping[str, str]) -> Iterator[T]:
        """Read all rows of a list, page by page."""
        page = 1
        while True:
            asked = {**query, "page": str(page), "page_size": str(_PAGE)}
            answer = self.call("GET", path, Page, query=asked)
            yield from (msgspec.json.decode(raw, type=row) for raw in answer.results)
            if answer.next is None:
                return
            page += 1

    def call(
        self,
        method: str,
        path: str,
        answer: type[T] | None,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> T:
        """Call the server and decode its answer; `answer` None decodes nothing. Raises a CvatError."""
        self._log_in()
        response = self._send(method, path, query, body)
        if response.status >= 400:
            raise error_of(method, self.url + path, response.status, response.headers, response.data)
        if answer is None:
            return None  # type: ignore[return-value]
        try:
            return msgspec.json.decode(response.data, type=answer)
        except msgspec.ValidationError as error:
            raise CvatError(f"{method} {path}: CVAT's answer is not of the known form: {error}") from error

    def _send(self, method: str, path: str, query: Mapping[str, str] | None, body: Any) -> urllib3.HTTPResponse:
        api = self._sdk.api_client
        headers = {**api.get_common_headers(), "Accept": "application/vnd.cvat+json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        parameters = list((query or {}).items())
        api.update_params_for_auth(headers, parameters, method=method)
        try:
            response: urllib3.HTTPResponse = api.rest_client.request(
                method,
                self.url + path,
                query_params=parameters,
                headers=headers,
                body=body,
                _parse_response=False,
                _request_timeout=_TIMEOUT,
                _check_status=False,
            )
            response.read(cache_content=True)
        except urllib3.exceptions.HTTPError as error:
            raise _lost(method, self.url, path, error) from error
        return response

    def _log_in(self) -> None:
        if self._logged_in:
            return
        try:
            self._sdk.login(_credentials(self._access))
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(f"CVAT at {self.url} cannot be reached: {error}") from error
        except exceptions.ApiException as error:
            words = words_of(error.body or b"")
            raise UnauthorizedError(f"CVAT at {self.url} refuses {self._access.username!r}: {words}") from error
        self._logged_in = True


def _credentials(access: CvatAccess) -> AccessTokenCredentials | PasswordCredentials:
    if access.token:
        return AccessTokenCredentials(access.token)
    if access.username and access.password:
        return PasswordCredentials(access.username, access.password)
    raise UnauthorizedError(f"no credentials for CVAT at {access.url}: give a token, or a user and a password")


def _lost(method: str, url: str, path: str, error: urllib3.exceptions.HTTPError) -> CvatError:
    never_sent = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.SSLError,
    )
    cause = getattr(error, "reason", None) or error
    if isinstance(cause, never_sent):
        return UnreachableError(f"CVAT at {url} cannot be reached: {cause}")
    if method == "GET":
        return UnreachableError(f"CVAT at {url} broke off its answer to {method} {path}: {cause}")
    return UnknownOutcomeError(f"CVAT at {url} gave no answer to {method} {path}: it may have done it: {cause}")
