"""A task and its data: which of several tasks it is, whether its data was asked for, and what its frames must be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest

from include.clients.cvat.asking import Asking, log, once
from include.clients.cvat.client import CvatClient
from include.clients.cvat.errors import InvalidError, NotFoundError
from include.clients.cvat.records import CvatTask, Frame, NewTask, Request


def find_or_create_task(wanted: NewTask, asking: Asking, cvat: CvatClient, *, ours: bool = False) -> CvatTask:
    """The task of that name in the project (or in none), found or created. It is not changed where it is found.

    Of several tasks of the name the first by `best_first` counts. Where all tasks of such a name are `ours`, the empty
    others are deleted.
    """

    def look() -> CvatTask | None:
        found = best_first(cvat.tasks_named(wanted.project_id, wanted.name))
        for twin in found[1:]:
            if ours and not twin.has_data:
                log.warning("%s: deleting the empty twin task %d of task %d", asking.name, twin.id, found[0].id)
                cvat.delete_task(twin.id)
        return found[0] if found else None

    return once(asking, look, act=lambda: cvat.create_task(wanted))


def best_first(tasks: Iterable[CvatTask]) -> list[CvatTask]:
    """Tasks of one name, the one that counts first: the lowest id with data, or else the lowest."""
    return sorted(tasks, key=lambda task: (not task.has_data, task.id))


def creation_request(task_id: int) -> str:
    """CVAT's id of the request that attaches a task's data."""
    return f"action=create&target=task&target_id={task_id}"


def linked(task_id: int, cvat: CvatClient) -> str | None:
    """The request that links data to a task, if there was one."""
    return creation_request(task_id) if cvat.task(task_id).has_data else None


def link(task_id: int, storage_id: int, manifest: str, keys: Sequence[str], cvat: CvatClient) -> str:
    """Have CVAT link a bucket's objects to a task, in this order; the request's id, also where it was asked before."""
    try:
        return cvat.attach_link(task_id, storage_id, manifest, keys)
    except InvalidError:
        if (found := linked(task_id, cvat)) is None:  # else: it was asked for before, and takes no more data
            raise
        return found


def copied(task_id: int, cvat: CvatClient) -> str | None:
    """The request that attaches the files sent for a task, if it was asked for. An upload that was cut short gives a
    task data, but no request; CVAT forgets a request that is long finished, but then the task has frames."""
    request_id = creation_request(task_id)
    if cvat.task(task_id).size > 0:
        return request_id
    try:
        return cvat.request(request_id).id
    except NotFoundError:
        return None


def under_way(task: CvatTask, cvat: CvatClient) -> Request | None:
    """The request by which CVAT is attaching data to a task, or has just done so."""
    found = _request(task, cvat)
    return None if found is None or found.status == "failed" else found


def failure_of(task: CvatTask, cvat: CvatClient) -> str:
    """Why a task that has data has no frames, and will have none."""
    found = _request(task, cvat)
    return found.message.strip() or "CVAT gives no reason" if found else "an upload was cut short, or CVAT has failed"


def renew_task(task: CvatTask, server_timeout: timedelta, cvat: CvatClient) -> CvatTask:
    """An empty task like this one, found or created: one that lies there already is taken. This one stays.

    Raises InvalidError for a task of no project, whose labels would be lost.
    """
    if task.project_id is None:
        raise InvalidError(f"task {task.id} belongs to no project, and its labels would be lost: make it anew yourself")
    like = NewTask(task.name, task.project_id, (), task.segment_size, task.overlap, task.subset)

    def look() -> CvatTask | None:
        named = cvat.tasks_named(task.project_id, task.name)
        return next((twin for twin in named if twin.id != task.id and not twin.has_data), None)

    asking = Asking(None, lambda _: None, server_timeout, f"task {task.name}")
    return once(asking, look, act=lambda: cvat.create_task(like))


def _request(task: CvatTask, cvat: CvatClient) -> Request | None:
    try:
        return cvat.request(creation_request(task.id))
    except NotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class WantedFrame:
    """What a frame may be called, the name to tell people first, and its width and height in pixels where known."""

    names: tuple[str, ...]
    size: tuple[int, int] | None = None


def difference(wanted: Iterable[WantedFrame], frames: Iterable[Frame]) -> str | None:
    """The first frame that is not as wanted, in words; None where all are, in this order."""
    for number, (expected, found) in enumerate(zip_longest(wanted, frames)):
        if problem := _difference(expected, found):
            return f"frame {number} {problem}"
    return None


def _difference(wanted: WantedFrame | None, frame: Frame | None) -> str | None:
    if wanted is None or frame is None:
        return "is missing" if frame is None else f"is {frame.name}, one more than there are images"
    if frame.name not in wanted.names:
        return f"is {frame.name}, not {wanted.names[0]}"
    if wanted.size is not None and (frame.width, frame.height) != wanted.size:
        expected = f"{wanted.size[0]} x {wanted.size[1]}"
        return f"has {frame.width} x {frame.height} pixels, not {expected}"
    return None
