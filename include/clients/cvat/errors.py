"""CVAT's refusals as types, with the server's words whatever their form: object, list, string, text or HTML."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class CvatError(Exception):
    """CVAT did not do what it was asked to."""


class UnreachableError(CvatError):
    """No answer, or a proxy's (502 to 504). Nothing was changed."""


class BrokenError(UnreachableError):
    """CVAT itself broke on what it was to read (500): it may be this one thing that it cannot read."""


class UnauthorizedError(CvatError):
    """Wrong or expired credentials (401)."""


class ForbiddenError(CvatError):
    """This account may not do that (403)."""


class ThrottledError(CvatError):
    """Too many calls (429). `retry_after`: in how many seconds the server wants to be asked again, if it says."""

    retry_after: float | None = None


class NotFoundError(CvatError):
    """There is no such thing, or it has expired (404, 410)."""


class ConflictError(CvatError):
    """The same is under way already (409)."""


class InvalidError(CvatError):
    """The server does not accept what it was given (other 4xx)."""


class UnknownOutcomeError(CvatError):
    """A change may or may not have happened (5xx, or no answer): look before trying again."""


_BY_STATUS: Mapping[int, type[CvatError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    429: ThrottledError,
}


def error_of(method: str, url: str, status: int, headers: Mapping[str, str], body: bytes) -> CvatError:
    """The error of an answer: its type by the status, its words with the call and the server's request id."""
    request_id = headers.get("x-request-id", "none")
    message = f"{method} {url}: {status}: {words_of(body)} (x-request-id {request_id})"
    if status >= 500 and method != "GET":
        return UnknownOutcomeError(message)
    if status >= 500:
        return (BrokenError if status == 500 else UnreachableError)(message)
    error = _BY_STATUS.get(status, InvalidError)(message)
    if isinstance(error, ThrottledError):
        error.retry_after = seconds_of(headers.get("retry-after"), datetime.now(UTC))
    return error


def seconds_of(retry_after: str | None, now: datetime) -> float | None:
    """A Retry-After header (RFC 9110: seconds, or a date) in seconds from now; None for one that is neither."""
    if retry_after is None:
        return None
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", retry_after):
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def login_error(url: str, username: str | None, status: int, headers: Mapping[str, str], body: bytes) -> CvatError:
    """The error of a login's answer. CVAT refuses wrong credentials with 400; a login that is lost changes nothing."""
    error = error_of("POST", f"{url}/api/auth/login", status, headers, body)
    if status in (400, 401):
        return UnauthorizedError(f"CVAT refuses user {username!r}: {error}")
    return UnreachableError(str(error)) if isinstance(error, UnknownOutcomeError) else error


def words_of(body: bytes) -> str:
    """What a server wants to say with an error's body."""
    text = body.decode("utf-8", errors="replace").strip()
    try:
        return _flat(json.loads(text))
    except json.JSONDecodeError:
        title = re.search(r"<(title|h1)>(.*?)</\1>", text, re.DOTALL | re.IGNORECASE)
        return (title.group(2) if title else text).strip()[:500] or "no words"


def _flat(value: object) -> str:
    if isinstance(value, dict):
        if set(value) == {"detail"}:
            return _flat(value["detail"])
        return "; ".join(f"{key}: {_flat(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_flat(item) for item in value)
    return str(value)
