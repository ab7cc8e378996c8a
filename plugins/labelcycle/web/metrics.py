"""Metrics for Prometheus: gauges of each project's newest snapshot. Nothing is computed here.

Prometheus has no user in Airflow: it shows the token that is the password of the connection `labelcycle_metrics`.
"""

import hmac
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException
from fastapi import APIRouter, HTTPException, Request, Response

from include.evaluation.gauges import CONTENT_TYPE, Sample, exposition, samples
from include.evaluation.snapshot import UnreadableSnapshot, from_json
from include.projects.files import read_projects
from labelcycle.hooks.project import ProjectClients, projects_folder

CONNECTION = "labelcycle_metrics"
log = logging.getLogger(__name__)
router = APIRouter()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A snapshot's gauges, by where it is kept: it is read once."""

    uri: str
    samples: tuple[Sample, ...]


_kept: dict[str, _Kept] = {}
_one = Lock()


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """The gauges of all active projects. 401 without the token, 503 where there is none to show."""
    _check(request.headers.get("authorization", ""))
    if not _one.acquire(timeout=5):
        raise HTTPException(503, "the gauges are being read for another request", {"Retry-After": "5"})
    try:
        found = [sample for project in read_projects(projects_folder())[0] for sample in _of(project.name)]
    finally:
        _one.release()
    return Response(exposition(found), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _check(given: str) -> None:
    try:
        token = BaseHook.get_connection(CONNECTION).password
    except AirflowException:
        token = None
    if not token:
        raise HTTPException(503, f"there is no connection {CONNECTION} with a token as its password: make it")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise HTTPException(401, "show the token: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})


def _of(project: str) -> Iterator[Sample]:
    """A project's gauges; where they cannot be read, that it is so."""
    label = (("project", project),)
    try:
        known = _newest(project)
    except (AirflowException, UnreadableSnapshot) as error:
        log.warning("project %s has no metrics: %s", project, error)
        yield Sample("labelcycle_up", label, 0)
        return
    yield Sample("labelcycle_up", label, 1)
    if known:
        yield from known.samples


def _newest(project: str) -> _Kept | None:
    with ProjectClients(str(projects_folder() / f"{project}.yaml")) as clients:
        record = clients.ledger.snapshots.newest(project)
        if record is None:
            return None
        if project not in _kept or _kept[project].uri != record.uri:
            snapshot = from_json(clients.store.read_text(record.uri))
            _kept[project] = _Kept(record.uri, tuple(samples(snapshot)))
        return _kept[project]
