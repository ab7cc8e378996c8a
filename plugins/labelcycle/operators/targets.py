"""What operators are given: projects, tasks and jobs by id, and files by address."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from labelcycle.links.cvat import job_path, project_path, task_path

if TYPE_CHECKING:
    from include.clients.archives import Archives
    from include.clients.cvat import CvatClient
    from include.clients.cvat.exports import Target

_NAME_MOST = 256  # characters, by CVAT's schema


def target_of(kind: str, id_: int | str, kinds: tuple[str, ...] = ("project", "task", "job")) -> "Target":
    """A project, task or job; ids that come from templates are text. Raises AirflowFailException for what is none."""
    from include.clients.cvat.exports import Kind, Target

    if kind not in kinds:
        raise AirflowFailException(f"{kind!r} is none of {', '.join(kinds)}")
    return Target(Kind(kind), number(id_, f"the {kind}'s id"))


def number(value: int | str, name: str) -> int:
    """An id, which from a template is text. Raises AirflowFailException."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise AirflowFailException(f"{name} is {value!r}, and should be a whole number") from None


def one_of(value: str, name: str, allowed: Sequence[str]) -> str:
    """A value that must be one of a few. Raises AirflowFailException."""
    if value not in allowed:
        raise AirflowFailException(f"{name} is {value!r}: it must be one of {', '.join(allowed)}")
    return value


def name_of(value: str, parameter: str) -> str:
    """A name as CVAT stores it: without blanks at its ends, or it would not be found again.

    Raises AirflowFailException for none, and for one of more than 256 characters.
    """
    name = value.strip()
    if not name or len(name) > _NAME_MOST:
        length = f"has {len(name)} characters" if name else "is empty"
        raise AirflowFailException(f"{parameter} {length}: CVAT takes names of 1 to {_NAME_MOST}")
    return name


def shown_path(cvat: "CvatClient", target: "Target") -> str:
    """The page of a project, task or job. Raises NotFoundError for a job that is none."""
    if target.kind == "project":
        return project_path(target.id)
    return task_path(target.id) if target.kind == "task" else job_path(cvat.job(target.id).task_id, target.id)


def archives_of(aws_conn_id: str) -> "Archives":
    """Files on this machine's disk, and in S3 by a connection."""
    from include.clients.archives import Archives
    from labelcycle.hooks.storage import s3_client

    return Archives(lambda: s3_client(aws_conn_id))
