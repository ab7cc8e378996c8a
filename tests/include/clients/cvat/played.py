"""A CVAT played in virtual time: its queues are first in, first out, it forgets, breaks, and counts its calls."""

import asyncio
import selectors
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TypeVar

from include.clients.cvat import NotFoundError, Request
from include.clients.cvat.requests import action_of, line_of

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

    def shown(self, at: float) -> Request:
        status = "queued" if at < self.began else "started" if at < self.ended else "finished"
        status = "failed" if status == "finished" and self.fails else status
        dates = {"created_date": self.came, "started_date": self.began, "finished_date": self.ended}
        return Request(
            self.id,
            status,
            **{name: _moment(value) for name, value in dates.items() if value <= at},  # type: ignore[arg-type]
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
    opened: int = 0
    _free: dict[str, list[float]] = field(default_factory=dict)

    def submit(self, request_id: str, seconds: float, at: float = 0.0, *, fails: bool = False) -> Played:
        """A request that comes at a time, and needs so long once it is its turn. They must be given in order."""
        free = self._free.setdefault(line_of(request_id), [0.0] * self.workers)
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
        rows = self._rows(serverless=False)
        if "action" in filters:
            rows = [row for row in rows if action_of(row.id) == filters["action"]]
        if "status" in filters:
            rows = [row for row in rows if row.status == filters["status"]]
        await self._answer(f"all {sorted(filters.items())}", LIST + ROW * len(rows))
        return rows

    async def all_serverless(self) -> list[Request]:
        rows = self._rows(serverless=True)
        await self._answer("all serverless", LIST + ROW * len(rows))
        return rows

    def _rows(self, *, serverless: bool) -> list[Request]:
        at = time()
        return [
            one.shown(at)
            for one in reversed(self.requests.values())
            if one.came <= at and not one.forgotten(at) and (line_of(one.id) == "serverless") == serverless
        ]

    async def _answer(self, what: str, cost: float) -> None:
        self.calls.append(Call(time(), what, cost))
        for since, until, error in self.troubles:
            if since <= time() < until:
                raise error
        await asyncio.sleep(cost)


def _moment(seconds: float) -> datetime:
    return BEGINNING + timedelta(seconds=seconds)
