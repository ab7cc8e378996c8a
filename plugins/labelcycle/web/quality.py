"""The quality pages (docs/quality.md): they show the newest snapshot of a project, and compute nothing.

What goes wrong is a page too, and who is not logged in is led to Airflow's login. Pictures are never sent from here:
the browser is led to the bucket, by an address that is good for minutes.
"""

import hashlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike, stat_result
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from include.evaluation.snapshot import Snapshot, UnreadableSnapshot
from include.lifecycle.images import split_uri
from include.pages import render
from include.pages.addresses import Addresses
from include.pages.view import View
from labelcycle.hooks.cvat import CvatHook
from labelcycle.hooks.fields import WrongConnection
from labelcycle.hooks.mlflow import MlflowHook
from labelcycle.hooks.project import projects_folder
from labelcycle.web.auth import Reader, User, readable
from labelcycle.web.opening import active_projects, opened

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from mypy_boto3_s3 import S3Client

    from labelcycle.hooks.project import ProjectClients

_SIGNED = 300  # seconds that an address of a picture is good for
_PATIENCE = 20.0  # seconds to wait while another request reads
_FRESH = 15.0  # seconds that what was read is shown: a page's hundred pictures cost one reading
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{bucket}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_TITLES = {403: "Not yours to see", 404: "Not found", 503: "Not now"}

log = logging.getLogger(__name__)

Annotator = Annotated[str | None, Query(max_length=300)]


class Page(APIRoute):
    """An endpoint whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, and what becomes of what it raises."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                if error.status_code == 401:
                    return _to_login(request)
                return _notice(request, error.status_code, str(error.detail), error.headers)
            except AirflowException as error:  # hooks/failures.py: whether another try may do
                return _notice(request, 500 if isinstance(error, AirflowFailException) else 503, str(error))

        return handled


class Static(StaticFiles):
    """Styles and scripts. Their addresses change with them, so that browsers keep them."""

    def file_response(
        self, full_path: "str | PathLike[str]", stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, to be kept for a year."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


pages = APIRouter(prefix="/quality", route_class=Page, default_response_class=HTMLResponse)


@pages.get("")
def overview(request: Request, user: User) -> Response:
    """All projects that the user may see."""
    rows = [_row(name, user) for name in readable(active_projects(), user)]
    return _page(request, render.overview_page(rows, _addresses(request)))


@pages.get("/{project}")
def project_page(project: str, request: Request, user: Reader, annotator: Annotator = None) -> Response:
    """A project's page, as an annotator version has it: the newest, if none is asked for."""
    shown = _shown(project, user)
    addresses = shown.addresses(request)
    if shown.snapshot is None:
        return _page(request, render.unmeasured_page(project, addresses))
    return _page(request, render.quality_page(_view(shown.snapshot, annotator), addresses), shown.bucket)


@pages.get("/{project}/report")
def report(project: str, user: Reader, annotator: Annotator = None) -> Response:
    """The same as one file."""
    from include.pages import report as file

    shown = _shown(project, user)
    snapshot = _measured(shown)
    addresses = Addresses(cvat=shown.cvat, mlflow=shown.mlflow)  # from a file, no others lead anywhere
    response = HTMLResponse(file.report(snapshot, _view(snapshot, annotator).annotator, addresses))
    name = quote(f"{project} {snapshot.made_at:%Y-%m-%d}.html")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
    response.headers["Cache-Control"] = "no-store"
    return response


@pages.get("/{project}/images/{image_id}")
def image_page(project: str, image_id: str, request: Request, user: Reader, annotator: Annotator = None) -> Response:
    """An image with what was predicted and what is final."""
    shown = _shown(project, user)
    view = _view(_measured(shown), annotator)
    _uri(shown, image_id)
    return _page(request, render.image_page(view, image_id, shown.addresses(request)), shown.bucket)


@pages.get("/{project}/images/{image_id}/file")
def picture(project: str, image_id: str, user: Reader) -> Response:
    """To the image in the bucket, for five minutes; of those only that the snapshot names."""
    shown = _shown(project, user)
    address = _signed(shown.s3, _uri(shown, image_id))
    return RedirectResponse(address, 302, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


@dataclass(frozen=True, slots=True)
class _Shown:
    """What was read for a project's pages: its newest snapshot, where to look at its images, and where CVAT and MLflow
    are."""

    snapshot: Snapshot | None
    s3: "S3Client"
    bucket: str
    cvat: str | None
    mlflow: str | None

    def addresses(self, request: Request) -> Addresses:
        """Where the links of its pages lead to."""
        found = _addresses(request)
        return Addresses(found.pages, found.airflow, self.cvat, self.mlflow)


_recent: dict[str, tuple[float, _Shown]] = {}
_reading = Lock()


def _shown(project: str, user: "BaseUser") -> _Shown:
    """What was read of late; else it is read once, and whoever asks meanwhile waits for it."""
    if known := _fresh(project):
        return known
    if not _reading.acquire(timeout=_PATIENCE):
        raise HTTPException(503, "what the page shows cannot be read fast enough: ask again in a minute")
    try:
        return _fresh(project) or _read_anew(project, user)
    finally:
        _reading.release()


def _fresh(project: str) -> _Shown | None:
    read_at, shown = _recent.get(_key(project), (-_FRESH, None))
    return shown if monotonic() < read_at + _FRESH else None


def _read_anew(project: str, user: "BaseUser") -> _Shown:
    with opened(project, user) as clients:
        shown = _read(clients)
    _recent[_key(project)] = monotonic(), shown
    return shown


def _key(project: str) -> str:
    return str(projects_folder() / project)


def _read(clients: "ProjectClients") -> _Shown:
    from include.steps.quality import newest_snapshot

    project = clients.project
    try:
        snapshot = newest_snapshot(project, clients.store, clients.ledger)
    except UnreadableSnapshot as error:
        log.warning("the newest snapshot of project %s cannot be read: %s", project.name, error)
        sentence = "the newest snapshot was written by another version of Labelcycle and cannot be shown"
        raise HTTPException(503, f"{sentence}: run evaluate_{project.name}, which writes a new one") from None
    return _Shown(
        snapshot=snapshot,
        s3=clients.s3_for_pages,
        bucket=_origin(_signed(clients.s3_for_pages, f"{project.images.uri}x")),
        cvat=_known(lambda: CvatHook(project.cvat.connection).access().url),
        mlflow=_known(lambda: MlflowHook(project.mlflow.connection).address()),
    )


def _known(address: Callable[[], str]) -> str | None:
    """An address that people can open; a page without it does as well."""
    with suppress(WrongConnection, AirflowNotFoundException):
        found = address().rstrip("/")
        return found if found.startswith(("http://", "https://")) else None
    return None


def _row(project: str, user: "BaseUser") -> render.ProjectRow:
    try:
        snapshot = _shown(project, user).snapshot
    except (AirflowException, HTTPException) as error:
        return render.ProjectRow(project, None, str(error.detail if isinstance(error, HTTPException) else error))
    return render.ProjectRow(project, View.of(snapshot) if snapshot else None)


def _measured(shown: _Shown) -> Snapshot:
    if shown.snapshot is None:
        raise HTTPException(404, "nothing has been measured yet")
    return shown.snapshot


def _view(snapshot: Snapshot, annotator: str | None) -> View:
    try:
        return View.of(snapshot, annotator)
    except KeyError:
        raise HTTPException(404, f"the newest snapshot has no figures of {annotator!r}") from None


def _uri(shown: _Shown, image_id: str) -> str:
    link = _measured(shown).links.get(image_id)
    if link is None:
        raise HTTPException(404, f"the newest snapshot does not name an image {image_id!r}")
    return link.uri


def _signed(s3: "S3Client", uri: str) -> str:
    bucket, key = split_uri(uri)
    return s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=_SIGNED)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _addresses(request: Request) -> Addresses:
    root: str = request.scope["root_path"].rstrip("/")
    return Addresses(pages=root, airflow=root.removesuffix("/labelcycle"))


def _page(request: Request, text: str, bucket: str = "", status: int = 200) -> Response:
    """The page, or that it is still the same."""
    etag = f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": _POLICY.format(bucket=f" {bucket}" if bucket else ""),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if status == 200 and etag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(text, status, headers)


def _notice(request: Request, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    title = _TITLES.get(status, "Something is wrong")
    response = _page(request, render.notice_page(title, sentence, _addresses(request)), status=status)
    response.headers.update({"Cache-Control": "no-store", **(headers or {})})
    return response


def _to_login(request: Request) -> Response:
    """To Airflow's login, and from there back to the page."""
    page = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    address = f"{_addresses(request).airflow}/api/v2/auth/login?next={quote(page, safe='')}"
    return RedirectResponse(address, 302, {"Cache-Control": "no-store"})
