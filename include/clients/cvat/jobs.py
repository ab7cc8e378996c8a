"""Jobs changed: only what differs is sent, and no state is lost on the way."""

from collections.abc import Mapping
from dataclasses import dataclass

from include.clients.cvat.client import CvatClient
from include.clients.cvat.records import CvatJob


@dataclass(frozen=True, slots=True)
class JobChange:
    """What a job is to be. None leaves a thing as it is; `assignee` is a user's id, or 0 for nobody.

    A stage that changes without a state begins anew: CVAT sets the state to `new`.
    """

    stage: str | None = None
    state: str | None = None
    assignee: int | None = None

    def differing(self, job: CvatJob) -> Mapping[str, str | int | None]:
        """What is to be sent for a job; nothing where it is so already."""
        values: dict[str, str | int | None] = {}
        if self.stage is not None and self.stage != job.stage:
            values["stage"] = self.stage
        if self.state is not None and (values or self.state != job.state):
            values["state"] = self.state  # with the stage in one call, which would reset it
        if self.assignee is not None and self.assignee != (job.assignee.id if job.assignee else 0):
            values["assignee"] = self.assignee or None
        return values


def change_job(job: CvatJob, change: JobChange, cvat: CvatClient) -> bool:
    """Make a job what it is to be, and say whether anything was to be done."""
    values = change.differing(job)
    if values:
        cvat.update_job(job.id, **values)
    return bool(values)
