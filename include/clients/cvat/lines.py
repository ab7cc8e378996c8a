"""CVAT's queues as a wait sees them: each is first in, first out, so that only the oldest request can be next."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from include.clients.cvat.expectation import Expectation
from include.clients.cvat.records import Request
from include.clients.cvat.requests import action_of

_FEW = 5  # waits of a line for which it is worth being early
_SHORTEST, _LONGEST = 0.12, 10.0  # seconds between two looks at a line
_SHARE_OF_WAITED = 0.05
_UNKNOWN = datetime.min.replace(tzinfo=UTC)
# (images, seconds) of a real server: tasks of linked images, a COCO export of 100 images; a second for the rest.
_PRIORS: dict[str, tuple[tuple[int, float], ...]] = {
    "create": ((500, 1.3), (2000, 2.3)),
    "export": ((100, 2.5),),
}
_PRIOR = ((0, 1.0),)


@dataclass(frozen=True, slots=True)
class Watched:
    """A request that is waited for until a deadline (aware); the name is how log lines call it.

    `images` is how many it is about, 0 where that is not known.
    """

    request_id: str
    deadline: datetime
    images: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a wait ended: `finished`, `failed`, `expired` or `overdue`, with the server's words and what came of it.

    Whoever tells it to others may say `refused`: it could not be waited for, and no other try mends that.
    """

    answer: str
    message: str = ""
    result_id: int | None = None
    result_url: str | None = None

    @classmethod
    def of(cls, request: Request) -> "Ended | None":
        """The end of a request, if it has ended."""
        if request.status not in ("finished", "failed"):
            return None
        return cls(request.status, request.message, request.result_id, request.result_url)


@dataclass(eq=False, slots=True)
class Caller:
    """Somebody who waits for some requests."""

    left: dict[str, Watched]
    ended: dict[str, Ended] = field(default_factory=dict)
    error: BaseException | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, request_id: str, ended: Ended) -> None:
        """That one wait is over."""
        del self.left[request_id]
        self.ended[request_id] = ended
        if not self.left:
            self.woken.set()

    def fail(self, error: BaseException) -> None:
        """That nothing mends the wait."""
        self.error = error
        self.woken.set()


@dataclass(eq=False, slots=True)
class Wait:
    """A request, whoever waits for it. `created` is the server's date of it, or when it was first waited for."""

    request_id: str
    images: int
    joined: float
    created: datetime
    callers: list[Caller] = field(default_factory=list)
    looked_at: float | None = None
    status: str = ""
    words: str = "not looked at yet"
    suspected: bool = False
    action: str = field(init=False)

    def __post_init__(self) -> None:
        self.action = action_of(self.request_id)

    def note(self, request: Request, now: float) -> None:
        """What the server says of it."""
        self.looked_at, self.status = now, request.status
        self.created = request.created_date or self.created
        self.words = f"CVAT says {request.status} {request.message}".strip()

    def end(self, ended: Ended) -> None:
        """It is over, for all who wait for it."""
        for caller in self.callers:
            caller.end(self.request_id, ended)


class Line:
    """The waits for one queue of CVAT's, oldest first, and when to look at the oldest again. Times are the loop's."""

    def __init__(self) -> None:
        self.waits: dict[str, Wait] = {}
        self.due = 0.0
        self.streak = 0  # requests that were asked for one by one and had ended
        self._begun = 0.0  # when the oldest is thought to have come to its turn
        self._lag = float("inf")  # the least by which the loop's time of an end was seen to be past the server's
        self._expectations: dict[tuple[str, bool], Expectation] = {}

    def join(self, wait: Wait, now: float) -> None:
        """One more, the youngest as far as is known."""
        if not self.waits:
            self._begun, self.due, self.streak = now, now + self._lead(wait), 0
        self.waits[wait.request_id] = wait

    def next(self) -> Wait:
        """Whom to look at: the oldest. If that is still queued, those whose age nobody knows are looked at in turn."""
        oldest = next(iter(self.waits.values()))
        if oldest.status != "queued":
            return oldest
        return next((wait for wait in self.waits.values() if wait.looked_at is None), oldest)

    def drop(self, wait: Wait, now: float) -> None:
        """One less. If it was the oldest, the next is looked at at once: it may have ended meanwhile."""
        if next(iter(self.waits)) == wait.request_id:
            self._begun = self.due = now
        del self.waits[wait.request_id]

    def not_yet(self, wait: Wait, asked: float, now: float) -> None:
        """It was asked for and has not ended: wait for its expected end, then a share of what was waited already."""
        self.streak = 0
        if wait.suspected:  # and is there all the same: who is the oldest is not known yet
            wait.suspected, self.due = False, now
            return
        pause = min(max(_SHARE_OF_WAITED * (now - wait.joined), _SHORTEST), _LONGEST)
        self.due = max(asked + pause, now + pause / 2, self._begun + self._lead(wait))

    def suspect(self, wait: Wait, now: float) -> None:
        """The server's list does not have it: it is asked for first, once sorted."""
        wait.created, wait.status, wait.words, wait.suspected = _UNKNOWN, "", "CVAT does not list it", True
        self.due = now

    def postpone(self, wait: Wait, words: str, now: float) -> None:
        """The server breaks on it: the others come first."""
        wait.looked_at, wait.words = now, words
        if self.waits.pop(wait.request_id, None) is wait:
            wait.created = max((other.created for other in self.waits.values()), default=wait.created)
            self.waits[wait.request_id] = wait

    def sort(self) -> None:
        """Put the oldest first, by the server's dates."""
        self.waits = dict(sorted(self.waits.items(), key=lambda item: item[1].created))

    def end(self, wait: Wait, request: Request, now: float) -> None:
        """One less, and what its dates tell: how long such requests take, and since when the next has its turn."""
        self.drop(wait, now)
        if request.started_date and request.finished_date:
            ended = request.finished_date.timestamp()
            self._lag = min(self._lag, now - ended)  # the clocks differ by no more
            self._begun = ended + self._lag
            if request.status == "finished":
                seconds = (request.finished_date - request.started_date).total_seconds()
                self._expectation(wait).learn(wait.images, seconds)

    def expected(self, wait: Wait) -> float:
        """How long the server should work on it, in seconds."""
        return self._expectation(wait).seconds(wait.images)

    def _lead(self, wait: Wait) -> float:
        early = 0.5 if len(self.waits) <= _FEW else 1.0
        return max(early * self.expected(wait), _SHORTEST)

    def _expectation(self, wait: Wait) -> Expectation:
        prior = Expectation(_PRIORS.get(wait.action, _PRIOR))
        return self._expectations.setdefault((wait.action, wait.images > 0), prior)
