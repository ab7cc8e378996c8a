"""Blind jobs: those in which people draw from scratch on images that are in an ordinary job too.

A task has one ground truth job at the most, over chosen frames. Where it was made with consensus replicas, it has so
many empty copies of each ordinary job. `CvatClient.jobs` gives none of them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from include.clients.cvat.asking import Asking, once
from include.clients.cvat.errors import ForbiddenError, InvalidError, NotFoundError
from include.clients.cvat.filters import changed_since
from include.clients.cvat.records import CvatJob, CvatTask, Meta, NotSupported
from include.clients.cvat.wire import Wire

GROUND_TRUTH, REPLICA = "ground_truth", "consensus_replica"


class BlindJobs:
    """Finds, makes and removes blind jobs, by the ids of tasks and jobs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def ground_truth(self, task_id: int) -> CvatJob | None:
        """The task's ground truth job, if it has one."""
        return next(iter(self._jobs(task_id, GROUND_TRUTH)), None)

    def replicas(self, task_id: int) -> list[CvatJob]:
        """The task's consensus replicas, each with the id of the job that it is a copy of; oldest first."""
        return self._jobs(task_id, REPLICA)

    def find_or_create(self, task_id: int, frames: Sequence[int], asking: Asking) -> CvatJob | NotSupported:
        """The task's ground truth job, found or made over these frames. One that is there is not changed.

        Raises the client's CvatErrors: UnknownOutcomeError where it may have been made, InvalidError for frames that
        the task does not have.
        """

        def act() -> CvatJob | NotSupported:
            try:
                return self.create(task_id, frames)
            except InvalidError:
                if (found := self.ground_truth(task_id)) is None:  # else: somebody was quicker
                    raise
                return found
            except (ForbiddenError, NotFoundError) as error:
                self._wire.get(f"/api/tasks/{task_id}", CvatTask)  # raises where it is the task that is gone
                return NotSupported(str(error))

        return once(asking, lambda: self.ground_truth(task_id), act)

    def create(self, task_id: int, frames: Sequence[int]) -> CvatJob:
        """Make a task's ground truth job over these frames. CVAT refuses a second one (InvalidError)."""
        body = {"type": GROUND_TRUTH, "task_id": task_id, "frame_selection_method": "manual", "frames": list(frames)}
        return self._wire.call("POST", "/api/jobs", CvatJob, body=body)

    def frames(self, job_id: int) -> tuple[int, ...]:
        """The frames that a ground truth job is about, in order."""
        return tuple(sorted(self._wire.get(f"/api/jobs/{job_id}/data/meta", Meta).included_frames or ()))

    def updated_since(self, project_id: int, state: str, since: datetime | None) -> list[CvatJob]:
        """The project's blind jobs in a state that changed at or after a time, in the order of their changes."""
        wanted = changed_since(project_id, state, since)
        jobs = [job for kind in (GROUND_TRUTH, REPLICA) for job in self._listed(kind, {"filter": wanted})]
        return sorted(jobs, key=lambda job: datetime.fromisoformat(job.updated_date))

    def _jobs(self, task_id: int, kind: str) -> list[CvatJob]:
        return self._listed(kind, {"task_id": str(task_id)})

    def _listed(self, kind: str, query: Mapping[str, str]) -> list[CvatJob]:
        rows = self._wire.list("/api/jobs", CvatJob, {**query, "type": kind, "sort": "id"})
        return [job for job in rows if job.type == kind]
