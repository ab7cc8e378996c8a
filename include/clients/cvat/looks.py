"""What a poller asks: for one request, or for all in as few and cheap calls as there are; and what calls cost."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from include.clients.cvat.errors import BrokenError, CvatError, ForbiddenError, InvalidError, NotFoundError
from include.clients.cvat.expectation import Budget
from include.clients.cvat.lines import Wait
from include.clients.cvat.records import Request
from include.clients.cvat.requests import SERVERLESS, line_of
from include.clients.cvat.waits import Waits

# Seconds of a server's core, recorded: a single request, a list, a row of a list.
SINGLE, LIST, ROW = 0.021, 0.040, 0.0006
FEW = 5
_EVERY = 200.0  # seconds between looks at all
_FIRST, _OF_UNSEEN = 1.0, 60.0  # the same while more than a few were never looked at: then their order is not known
_FORGOTTEN = 400.0  # seconds without a look at all, after which one may have been forgotten that had finished unseen
_AGAIN = 20.0  # seconds after which a look at all that failed is tried again


class Questions(Protocol):
    """What can be asked of a server. Raises CvatErrors."""

    async def get(self, request_id: str) -> Request:
        """A request."""

    async def all(self, filters: Mapping[str, str]) -> list[Request]:
        """All requests but for the serverless ones, by CVAT's filters."""

    async def all_serverless(self) -> list[Request]:
        """All serverless requests."""


@dataclass(frozen=True, slots=True)
class Look:
    """A call to be made at a moment of the loop's, and what it should cost."""

    at: float
    cost: float
    ask: Callable[[], Awaitable[None]]


class Looks:
    """The looks at waits that there are reasons for."""

    def __init__(self, waits: Waits, questions: Questions, budget: Budget, now: Callable[[], datetime]) -> None:
        self._waits, self._questions, self._budget, self._now = waits, questions, budget, now
        self._at_all = deque[Look]()
        self._all_seen = float("-inf")
        self._all_due = _time() + _EVERY
        self._rows: dict[str, int] = {}  # by what was listed

    def next(self) -> Look:
        """The look that is due first. Somebody must wait."""
        now, past, lines = _time(), self._waits.past(self._now()), self._waits.lines
        streak = max(line.streak for line in lines)
        if not self._at_all and (self._all_due <= now or self._hurried(now, len(past), streak)):
            self._at_all.extend(self._look_at_all(now))
            self._all_due = now + _EVERY
        looks = [self._one(wait, float("-inf")) for wait in past[:1] if len(past) <= FEW]
        looks += [self._one(line.next(), line.due) for line in lines]
        return min([*looks, *list(self._at_all)[:1]], key=lambda look: look.at)

    @property
    def wake_at(self) -> float:
        """When there is a reason to look at all, if that is not under way."""
        return float("inf") if self._at_all else self._all_due

    def hurry(self) -> None:
        """Somebody has come: where more than a few were never looked at, all are soon."""
        unseen = sum(wait.looked_at is None for wait in self._waits.all)
        if unseen > FEW:
            self._all_due = min(self._all_due, max(_time() + _FIRST, self._all_seen + _OF_UNSEEN))

    def _hurried(self, now: float, past: int, streak: int) -> bool:
        """Whether lists are cheaper than what is asked one by one."""
        if past > FEW:
            return True
        return streak >= FEW and streak > sum(look.cost for look in self._look_at_all(now)) / SINGLE / 2

    # One

    def _one(self, wait: Wait, at: float) -> Look:
        return Look(at, SINGLE, partial(self._ask, wait))

    async def _ask(self, wait: Wait) -> None:
        if not self._waits.has(wait):  # it has ended since this was planned
            return
        line, asked = self._waits.line(wait), _time()
        try:
            request = await self._questions.get(wait.request_id)
        except (NotFoundError, InvalidError) as error:  # 400: its task is gone
            self._waits.expire(wait, str(error), _time())
        except ForbiddenError as error:
            self._waits.fail([wait], error, _time())
        except BrokenError as error:
            line.postpone(wait, str(error), _time())
            raise
        else:
            line.streak += 1
            if not self._waits.note(wait, request, _time(), self._now()):
                line.not_yet(wait, asked, _time())
                line.sort()

    # All

    def _look_at_all(self, now: float) -> list[Look]:
        serverless = [wait for wait in self._waits.all if line_of(wait.action) == SERVERLESS]
        others = [wait for wait in self._waits.all if line_of(wait.action) != SERVERLESS]
        fresh = now - self._all_seen <= _FORGOTTEN and all(wait.looked_at is not None for wait in others)
        looks = [*self._group(others, _lists(others, fresh), now), *self._group(serverless, [None], now)]
        return [Look(look.at, look.cost, partial(self._of_all, look.ask, now)) for look in looks]

    def _group(self, waits: Sequence[Wait], lists: Sequence[Mapping[str, str] | None], now: float) -> list[Look]:
        """The looks at a group: by lists where that is cheaper."""
        if len(waits) * SINGLE <= len(lists) * LIST:
            return [self._one(wait, now) for wait in waits]
        calls = [partial(self._list, waits, filters, filters is lists[-1]) for filters in lists]
        costs = [LIST + ROW * self._rows.get(str(filters), len(waits)) for filters in lists]
        return [Look(now, cost, call) for cost, call in zip(costs, calls, strict=True)]

    async def _of_all(self, ask: Callable[[], Awaitable[None]], begun: float) -> None:
        try:
            await ask()
        except CvatError:
            self._at_all.clear()
            self._all_due = _time() + _AGAIN
            raise
        self._at_all.popleft()
        if not self._at_all:
            self._all_seen = begun
            for line in self._waits.lines:
                line.streak = 0

    async def _list(self, waits: Sequence[Wait], filters: Mapping[str, str] | None, last: bool) -> None:
        begun, guessed = _time(), self._rows.get(str(filters), len(waits))
        try:
            rows = await (self._questions.all_serverless() if filters is None else self._questions.all(filters))
        except ForbiddenError as error:
            self._waits.fail([wait for wait in waits if self._waits.has(wait)], error, _time())
            return
        self._rows[str(filters)] = len(rows)
        took, modelled = _time() - begun, LIST + ROW * len(rows)
        self._budget.spend(max(modelled, took) - LIST - ROW * guessed, _time())
        found = {row.id: row for row in rows}
        watched = [wait for wait in waits if self._waits.has(wait)]
        for wait in watched:
            if wait.request_id in found:
                self._waits.note(wait, found[wait.request_id], _time(), self._now())
        if last:
            whole = filters is None or "status" not in filters
            self._miss([wait for wait in watched if wait.request_id not in found], whole)

    def _miss(self, waits: Sequence[Wait], whole: bool) -> None:
        """They are not among those listed: of all requests, or of those that have ended."""
        left = [wait for wait in waits if self._waits.has(wait)]
        for wait in left:
            wait.looked_at = _time()
            if whole:  # it may have expired, which only asking for it can tell
                self._waits.line(wait).suspect(wait, _time())
            self._waits.overdue(wait, self._now(), _time())
        for line in self._waits.lines:
            line.sort()


def _lists(waits: Sequence[Wait], fresh: bool) -> list[Mapping[str, str] | None]:
    """What to list to know of each wait: all requests, or only those that have ended if all were seen not long ago."""
    actions = {wait.action for wait in waits}
    common = {"action": actions.pop()} if len(actions) == 1 and actions != {""} else {}
    return [{**common, "status": "finished"}, {**common, "status": "failed"}] if fresh else [common]


def _time() -> float:
    return asyncio.get_running_loop().time()
