"""A CVAT played in virtual time: its queues are first in, first out, it forgets, breaks, and counts its calls."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TypeVar

from include.clients.cvat import NotFoundError, Request

T = TypeVar("T")
BEGINNING = datetime(2026, 12, 1, tzinfo=UTC)
KEPT_SECONDS = 500.0
# As recorded on a real server: seconds of a core.
SINGLE, LIST, ROW = 0.021, 0.040, 0.0006


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which nobody waits: its clock jumps to what comes next."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(selectors.SelectSelector())
        self._really_select = self._selector.select  # type: ignore[attr-defined]
        self._selector.select = self._jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._virtual

    def _jump(self, timeout: float | None = None) -> object:
        if timeout is None:
            raise RuntimeError("all wait, and nothing will ever happen")
        self._virtual += timeout
        return self._really_select(0)


def play(story: Awaitable[T]) -> T:
    """What comes of a story in virtual time."""

    async def told() -> T:
        return await story

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(told())


def time() -> float:
    return asyncio.get_running_loop().time()


def now() -> datetime:
    """The wall clock of the story."""
    return BEGINNING + timedelta(seconds=time())


@dataclass(slots=True)
class Played:
    """A request: when it came, when its turn began, when it ended. `fails` as it ends, `broken` to whoever asks."""

    id: str
    came: float
    began: float
    ended: float
    fails: bool = False
    broken: Exception | None = None

    @property
    def action(self) -> str:
        return self.id.partition("&")[0].removeprefix("action=")

    def status(self, at: float) -> str:
        if at < self.began:
            return "queued"
        return "started" if at < self.ended else "failed" if self.fails else "finished"

    def shown(self, at: float) -> Request:
        return Request(
            self.id,
            self.status(at),
            created_date=_moment(self.came),
            started_date=_moment(self.began) if self.began <= at else None,
            finished_date=_moment(self.ended) if self.ended <= at else None,
        )

    def forgotten(self, at: float) -> bool:
        return not self.fails and at > self.ended + KEPT_SECONDS


@dataclass(slots=True)
class Call:
    """What was asked when, and what it cost the server."""

    at: float
    what: str
    cost: float


@dataclass
class PlayedCvat:
    """The server: its requests, what is asked, and what is wrong with it."""

    workers: int = 1
    requests: dict[str, Played] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    troubles: list[tuple[float, float, Exception]] = field(default_factory=list)
    unlisted: set[str] = field(default_factory=set)
    opened: int = 0
    _free: dict[str, list[float]] = field(default_factory=dict)
    _last: float = -1.0

    def submit(self, request_id: str, seconds: float, at: float = 0.0, *, fails: bool = False) -> Played:
        """A request that comes at a time, and needs so long once it is its turn. They must be given in order.

        No two come at the same time: each comes a millisecond after the one before at the earliest.
        """
        at = self._last = max(at, self._last + 0.001)
        queue = "import" if request_id.startswith("action=create") else request_id.partition("&")[0]
        free = self._free.setdefault(queue, [0.0] * self.workers)
        worker = free.index(min(free))
        began = max(at, free[worker])
        free[worker] = began + seconds
        played = self.requests[request_id] = Played(request_id, at, began, began + seconds, fails)
        return played

    def cost(self, since: float, until: float) -> float:
        return sum(call.cost for call in self.calls if since <= call.at < until)

    def dearest_minute(self) -> float:
        """The most that any minute cost, in seconds of a core."""
        return max(self.cost(call.at, call.at + 60) for call in self.calls)

    # What a poller asks

    async def __aenter__(self) -> "PlayedCvat":
        self.opened += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.opened -= 1

    async def get(self, request_id: str) -> Request:
        await self._answer(request_id, SINGLE)
        played = self.requests.get(request_id)
        if played is None or played.forgotten(time()):
            raise NotFoundError(f"GET {request_id}: 404: There is no request with specified id")
        if played.broken:
            raise played.broken
        return played.shown(time())

    async def all(self, filters: Mapping[str, str]) -> list[Request]:
        rows = self._rows(lambda one: one.action == filters.get("action", one.action) != "autoannotate", filters)
        await self._answer(f"all {sorted(filters.items())}", LIST + ROW * len(rows))
        return rows

    async def all_serverless(self) -> list[Request]:
        rows = self._rows(lambda one: one.action == "autoannotate", {})
        await self._answer("all serverless", LIST + ROW * len(rows))
        return rows

    def _rows(self, wanted: Callable[[Played], bool], filters: Mapping[str, str]) -> list[Request]:
        at, status = time(), filters.get("status")
        there = [one for one in self.requests.values() if one.came <= at and not one.forgotten(at) and wanted(one)]
        there = [one for one in reversed(there) if one.id not in self.unlisted]
        return [one.shown(at) for one in there if status in (None, one.status(at))]

    async def _answer(self, what: str, cost: float) -> None:
        self.calls.append(Call(time(), what, cost))
        for since, until, error in self.troubles:
            if since <= time() < until:
                raise error
        await asyncio.sleep(cost)


def _moment(seconds: float) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)
