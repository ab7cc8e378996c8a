"""What operators are given: projects, tasks and jobs by id, and files by address."""

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from labelcycle.links.cvat import job_path, project_path, task_path

if TYPE_CHECKING:
    from include.clients.archives import Archives
    from include.clients.cvat import CvatClient
    from include.clients.cvat.exports import Target


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
