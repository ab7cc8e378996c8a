"""Issues: what is said about a place in a frame of a job. CVAT shows them to annotators as pins on the picture."""

from collections.abc import Sequence

import msgspec

from include.clients.cvat.wire import Wire


class Owner(msgspec.Struct, frozen=True):
    """Who made an issue."""

    id: int


class Comments(msgspec.Struct, frozen=True):
    """How many comments an issue has, its own words included."""

    count: int


class Issue(msgspec.Struct, frozen=True):
    """An issue, open or resolved. The frame is the task's; the position is flat (x1, y1, x2, y2, …), in pixels. Its
    words are its first comment, of which this knows nothing. The owner is None where the account was deleted."""

    id: int
    frame: int
    position: tuple[float, ...]
    owner: Owner | None
    resolved: bool
    comments: Comments


class Issues:
    """Reads and makes the issues of jobs, by their ids."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def of_job(self, job_id: int) -> list[Issue]:
        """All issues of a job."""
        return list(self._wire.list("/api/issues", Issue, {"job_id": str(job_id)}))

    def unanswered(self, job_id: int) -> list[Issue]:
        """The open issues of a job that this account made and nobody has said anything to."""
        me = self._wire.get("/api/users/self", Owner)
        return [one for one in self.of_job(job_id) if one.owner == me and not one.resolved and one.comments.count == 1]

    def resolve(self, issue_id: int) -> None:
        """Mark an issue as resolved; again does nothing more."""
        self._wire.call("PATCH", f"/api/issues/{issue_id}", None, body={"resolved": True})

    def create(self, job_id: int, frame: int, position: Sequence[float], message: str) -> Issue:
        """Make an issue. CVAT makes a second one of the same place without a word: look first.

        Raises UnknownOutcomeError where the answer was lost: the issue may be there or still be coming.
        """
        body = {"job": job_id, "frame": frame, "position": list(position), "message": message}
        return self._wire.call("POST", "/api/issues", Issue, body=body)
