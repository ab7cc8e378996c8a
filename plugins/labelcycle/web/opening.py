"""Opening a project for a request. So few are open at a time that a system which hangs cannot take all of Airflow's
threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from fastapi import HTTPException

from include.projects.files import project_paths, read_projects
from labelcycle.hooks.project import ProjectClients, projects_folder
from labelcycle.web.auth import readable

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

_places = BoundedSemaphore(8)


def active_projects() -> list[str]:
    """The names of all projects that are active."""
    return [project.name for project in read_projects(projects_folder())[0] if project.active]


@contextmanager
def opened(project: str, user: "BaseUser") -> Iterator[ProjectClients]:
    """The clients of an active project. Raises an HTTPException where there is none of that name (404), and where many
    ask already (503)."""
    folder = projects_folder()
    if project in {path.stem for path in project_paths(folder)}:
        with _place(), ProjectClients(str(folder / f"{project}.yaml")) as clients:
            if clients.project.active:
                yield clients
                return
    known = ", ".join(readable((one.name for one in read_projects(folder)[0]), user)) or "none that you may see"
    raise HTTPException(404, f"there is no active project {project!r}; there are: {known}")


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise HTTPException(503, "many ask at this moment: ask again in a few seconds", {"Retry-After": "5"})
    try:
        yield
    finally:
        _places.release()
