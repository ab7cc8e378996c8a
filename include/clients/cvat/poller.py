"""One poller an account, one budget a server: waits share looks, and what all cost a server together is bounded.

CVAT starts the requests of a queue first in, first out, so the oldest of each is asked for when it should be done, and
when it is, the next at once. Now and then all are looked at: CVAT forgets a finished request after 500 s.
"""

import asyncio
import contextvars
import logging
import random
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from weakref import WeakKeyDictionary

from include.clients.cvat.errors import BrokenError, CvatError, ThrottledError, UnauthorizedError, UnreachableError
from include.clients.cvat.expectation import Budget
from include.clients.cvat.lines import Caller, Ended, Watched
from include.clients.cvat.looks import Look, Looks, Questions
from include.clients.cvat.records import CvatAccess
from include.clients.cvat.requests import CvatRequests
from include.clients.cvat.waits import Waits

log = logging.getLogger(__name__)
_SHARE, _BURST = 0.035, 0.9  # of a core, and seconds of it: together at most 5 % over any minute
_GRACE = timedelta(seconds=10)  # for the last look at a wait whose deadline has passed
_BACK_OFF, _BACK_OFF_MOST = 0.5, 30.0  # seconds
_THROTTLED_MOST = 120.0  # seconds, whatever the server's Retry-After says: finished requests are forgotten
_TELL = 60.0  # seconds between words about a wait
_INSTANT = 1e-6

Open = Callable[[], AbstractAsyncContextManager[Questions]]


def _utc() -> datetime:
    return datetime.now(UTC)


class Poller:
    """The waits of one account for a server's requests, in one event loop. It asks only while somebody waits.

    `open_` connects to the server, `now` is the clock of the deadlines; `budget` is the server's, which all accounts
    share: what they may ask, and how long they leave it alone.
    """

    def __init__(self, open_: Open, now: Callable[[], datetime] = _utc, budget: Budget | None = None) -> None:
        self._open, self._now = open_, now
        self.budget = budget or new_budget()
        self._waits = Waits()
        self._looks: Looks | None = None
        self._failures, self._quiet_until, self._trouble = 0, 0.0, ""
        self._task: asyncio.Task[None] | None = None
        self._alarm: asyncio.Future[None] | None = None
        self._abandoned = False

    async def wait(self, watched: Iterable[Watched]) -> dict[str, Ended]:
        """Wait until every request has ended or its deadline has passed.

        Calls that fail are repeated, less and less often, until the deadlines. Raises UnauthorizedError and
        ForbiddenError at once: no repetition mends credentials.
        """
        caller = Caller({one.request_id: one for one in watched})
        if not caller.left:
            return {}
        total = len(caller.left)
        self._join(caller)
        try:
            while not caller.woken.is_set():
                try:
                    await asyncio.wait_for(caller.woken.wait(), _TELL)
                except TimeoutError:
                    self._tell(caller, total)
        finally:
            await self._leave(caller)
        if caller.error:
            raise caller.error
        return caller.ended

    def _join(self, caller: Caller) -> None:
        self._waits.join(caller, _time(), self._now())
        if self._looks:
            self._looks.hurry()
        if self._task is None:
            self._start()
        elif self._alarm and not self._alarm.done():
            self._alarm.set_result(None)

    async def _leave(self, caller: Caller) -> None:
        self._abandoned = bool(caller.left)
        self._waits.leave(caller, _time())
        if not self._waits and self._task:
            if self._abandoned:  # else it is about to end by itself
                self._task.cancel()
            await asyncio.wait({self._task})

    def _tell(self, caller: Caller, total: int) -> None:
        """Say in the log of whoever waits how it goes."""
        watched = next(iter(caller.left.values()))
        trouble = f"; {self._trouble}" if self._trouble else ""
        told = self._waits.told(watched.request_id, _time())
        log.info(
            "%d of %d requests are left; the first is %s: %s; until %s%s",
            *(len(caller.left), total, watched.name or watched.request_id, told, watched.deadline, trouble),
        )

    def _start(self) -> None:
        # Apart from whoever waits first: else that one's log would get the words that concern all.
        self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
        self._task.add_done_callback(self._stopped)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()):
            self._waits.fail(self._waits.all, error, _time())
        elif self._waits and (self._abandoned or not task.cancelled()):  # who came while the connection was closed
            self._start()

    async def _run(self) -> None:
        async with self._open() as questions:
            self._looks = Looks(self._waits, questions, self.budget, self._now)
            self._looks.hurry()
            try:
                while self._waits:
                    await self._step(self._looks)
            finally:
                self.budget.forgo(self)

    async def _step(self, looks: Looks) -> None:
        self._waits.give_up(self._now() - self._grace, self._trouble, _time())
        if not self._waits:
            return
        look = looks.next()
        at = self._may_ask_at(look)
        if at - _time() > _INSTANT:
            await self._sleep(min(at, looks.wake_at, self._next_deadline()) - _time())
            return
        self.budget.spend(look.cost, _time())
        self.budget.forgo(self)
        try:
            await look.ask()
        except UnauthorizedError as error:
            self._waits.fail(self._waits.all, error, _time())
        except CvatError as error:
            self._back_off(error)
        else:
            self._failures, self._trouble = 0, ""

    def _may_ask_at(self, look: Look) -> float:
        due = max(look.at, self._quiet_until, self.budget.quiet_until)
        if due - _time() > _INSTANT:
            self.budget.forgo(self)  # who is not due holds up nobody
            return due
        return self.budget.claim(self, look.cost)

    @property
    def _grace(self) -> timedelta:
        return timedelta(0) if self._failures else _GRACE

    def _next_deadline(self) -> float:
        """The loop's time at which a deadline passes, or is given up."""
        now, deadline = self._now(), self._waits.next_deadline()
        if deadline is None:
            return float("inf")
        return _time() + ((deadline if deadline > now else deadline + self._grace) - now).total_seconds()

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until somebody comes."""
        self._alarm = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait({self._alarm}, timeout=seconds)
        finally:
            self._alarm = None

    def _back_off(self, error: CvatError) -> None:
        pause = min(_BACK_OFF * 2 ** min(self._failures, 10), _BACK_OFF_MOST) * random.uniform(0.5, 1.0)
        if isinstance(error, ThrottledError):
            pause = max(pause, min(error.retry_after or 0.0, _THROTTLED_MOST))
        self._failures, self._trouble = self._failures + 1, str(error)
        if isinstance(error, ThrottledError | UnreachableError) and not isinstance(error, BrokenError):
            self.budget.quiet_until = max(self.budget.quiet_until, _time() + pause)
        else:  # it may be this account's alone
            self._quiet_until = _time() + pause
        log.warning("%s; %d requests are waited for; asking again in %.1f s", error, len(self._waits), pause)


def new_budget() -> Budget:
    """What all who ask a server in this event loop may cost it."""
    return Budget(_SHARE, _BURST, _time())


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[CvatAccess, Poller]] = WeakKeyDictionary()
_budgets: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Budget]] = WeakKeyDictionary()


def poller_of(access: CvatAccess) -> Poller:
    """The poller of an account in this event loop; those of one server have one budget."""
    loop = asyncio.get_running_loop()
    pollers, budgets = _pollers.setdefault(loop, {}), _budgets.setdefault(loop, {})
    if access not in pollers:
        budget = budgets.setdefault(access.server, new_budget())
        pollers[access] = Poller(partial(CvatRequests, access), budget=budget)
    return pollers[access]


async def wait_for_requests(access: CvatAccess, watched: Iterable[Watched]) -> dict[str, Ended]:
    """Wait for requests together with all others who wait for that server in this event loop: see Poller.wait."""
    return await poller_of(access).wait(watched)


def _time() -> float:
    return asyncio.get_running_loop().time()
