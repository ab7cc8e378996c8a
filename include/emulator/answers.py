"""What CVAT answers with: its own media type, and refusals in the many forms that it gives them."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

MEDIA_TYPE = "application/vnd.cvat+json"
HTML = "text/html; charset=utf-8"

_PAGE = """
<!doctype html>
<html lang="en">
<head>
  <title>{title}</title>
</head>
<body>
  <h1>{title}</h1><p>{text}</p>
</body>
</html>
"""


class CvatJson(Response):
    """A JSON answer under CVAT's media type."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


class Refusal(Exception):
    """Ends a call with this status and body: a JSON value, or text under another media type."""

    def __init__(
        self,
        status: int,
        body: Any,
        *,
        media_type: str = MEDIA_TYPE,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.media_type = media_type
        self.headers = dict(headers or {})

    def answer(self) -> Response:
        if self.media_type == MEDIA_TYPE:
            return CvatJson(self.body, self.status, self.headers)
        return Response(self.body, self.status, self.headers, media_type=self.media_type)


def invalid(body: Any) -> Refusal:
    """400 with the body that Django REST framework gives a failed validation: an object or a list."""
    return Refusal(400, body)


def invalid_text(text: str) -> Refusal:
    """400 as bare text, labelled HTML."""
    return Refusal(400, text, media_type=HTML)


def forbidden(detail: str = "You do not have permission to perform this action.") -> Refusal:
    return Refusal(403, {"detail": detail})


def unauthorized(detail: str) -> Refusal:
    return Refusal(401, {"detail": detail}, headers={"www-authenticate": "Token"})


def no_such(kind: str) -> Refusal:
    """404 for an id of a known kind: `No Task matches the given query.`"""
    return Refusal(404, {"detail": f"No {kind} matches the given query."})


def no_such_page() -> Refusal:
    """404 for an address that CVAT does not know."""
    text = "The requested resource was not found on this server."
    return Refusal(404, _PAGE.format(title="Not Found", text=text), media_type=HTML)


def server_error() -> Refusal:
    """500: where CVAT itself breaks, it shows an HTML page."""
    return Refusal(500, _PAGE.format(title="Server Error (500)", text=""), media_type=HTML)
