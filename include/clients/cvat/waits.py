"""Who waits for what: the waits of all callers together, by CVAT's queues and by their deadlines. It asks nothing."""

import heapq
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count

from include.clients.cvat.lines import Caller, Ended, Line, Wait
from include.clients.cvat.records import Request
from include.clients.cvat.requests import line_of


class Waits:
    """A request is waited for once, however many callers want it; each has its own deadline. Times are the loop's."""

    def __init__(self) -> None:
        self._all: dict[str, Wait] = {}
        self._lines: dict[str, Line] = {}
        self._deadlines: list[tuple[datetime, int, Caller, str]] = []  # a heap; what has ended leaves it late
        self._number = count()

    def __len__(self) -> int:
        return len(self._all)

    @property
    def all(self) -> list[Wait]:
        """Every wait."""
        return list(self._all.values())

    @property
    def lines(self) -> list[Line]:
        """The queues that somebody waits for."""
        return [line for line in self._lines.values() if line.waits]

    def line(self, wait: Wait) -> Line:
        """The queue of a wait."""
        return self._lines.setdefault(line_of(wait.action), Line())

    def has(self, wait: Wait) -> bool:
        """Whether anybody still waits for it."""
        return self._all.get(wait.request_id) is wait

    def join(self, caller: Caller, now: float, moment: datetime) -> None:
        """A caller comes; `moment` is the same as `now`, by the clock of the deadlines."""
        for id_, watched in caller.left.items():
            wait = self._all.get(id_)
            if wait is None:
                wait = self._all[id_] = Wait(id_, watched.images, now, moment)
                self.line(wait).join(wait, now)
            wait.callers.append(caller)
            passes = max(watched.deadline, moment)  # one that has passed already still gets a look
            heapq.heappush(self._deadlines, (passes, next(self._number), caller, id_))

    def leave(self, caller: Caller, now: float) -> None:
        """A caller goes; what nobody else waits for is not asked for any more."""
        for id_ in caller.left:
            wait = self._all.get(id_)
            if wait and caller in wait.callers:
                wait.callers.remove(caller)
                if not wait.callers:
                    self._drop(wait, now)
        caller.left.clear()
        if not self._all:
            self._deadlines.clear()

    def expire(self, wait: Wait, words: str, now: float) -> None:
        """The server has forgotten a request."""
        if self._drop(wait, now):
            wait.end(Ended("expired", words))

    def fail(self, waits: Iterable[Wait], error: BaseException, now: float) -> None:
        """No repetition mends these waits."""
        for wait in waits:
            self._drop(wait, now)
            for caller in wait.callers:
                caller.fail(error)

    def note(self, wait: Wait, request: Request, now: float, moment: datetime) -> bool:
        """What the server says of a request; whether it has ended."""
        wait.note(request, now)
        ended = Ended.of(request)
        if not self.has(wait):
            return ended is not None
        if ended is None:
            self.overdue(wait, moment, now)
            return False
        del self._all[wait.request_id]
        self.line(wait).end(wait, request, now)
        wait.end(ended)
        return True

    def overdue(self, wait: Wait, moment: datetime, now: float) -> None:
        """It was looked at and has not ended: whose deadline has passed waits no longer."""
        for caller in list(wait.callers):
            if caller.left[wait.request_id].deadline <= moment:
                self._give_up(wait, caller, wait.words, now)

    def past(self, moment: datetime) -> list[Wait]:
        """The waits of which a deadline has passed."""
        if not self._deadlines or self._deadlines[0][0] > moment:
            return []
        entries = [(caller, id_) for deadline, _, caller, id_ in self._deadlines if deadline <= moment]
        return list(
            {id_: self._all[id_] for caller, id_ in entries if id_ in caller.left and id_ in self._all}.values()
        )

    def next_deadline(self) -> datetime | None:
        """The first deadline that somebody waits for."""
        while self._deadlines:
            deadline, _, caller, id_ = self._deadlines[0]
            if id_ in caller.left:
                return deadline
            heapq.heappop(self._deadlines)
        return None

    def give_up(self, before: datetime, trouble: str, now: float) -> None:
        """End the waits whose deadline was at or before a moment, with the trouble there is, or what was seen last."""
        while (deadline := self.next_deadline()) is not None and deadline <= before:
            _, _, caller, id_ = heapq.heappop(self._deadlines)
            wait = self._all[id_]
            self._give_up(wait, caller, trouble or wait.words, now)

    def told(self, request_id: str, now: float) -> str:
        """How it stands with a request, in words."""
        if (wait := self._all.get(request_id)) is None:
            return "about to be told"
        expected = self.line(wait).expected(wait)
        return f"{wait.words}, after {now - wait.joined:.0f} s of waiting; CVAT should need {expected:.1f} s once begun"

    def _give_up(self, wait: Wait, caller: Caller, words: str, now: float) -> None:
        deadline = caller.left[wait.request_id].deadline.astimezone(UTC)
        caller.end(wait.request_id, Ended("overdue", f"not done by {deadline:%Y-%m-%d %H:%M:%S} UTC: {words}"))
        wait.callers.remove(caller)
        if not wait.callers:
            self._drop(wait, now)

    def _drop(self, wait: Wait, now: float) -> bool:
        if not self.has(wait):
            return False
        del self._all[wait.request_id]
        self.line(wait).drop(wait, now)
        return True
