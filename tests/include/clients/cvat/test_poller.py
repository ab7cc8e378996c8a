"""Many waits on one server, in virtual time: none is missed, none is late, and what they cost together is bounded."""

import asyncio
import random
import statistics
from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.servers.played import SINGLE, PlayedCvat, now, play, time
from include.clients.cvat import (
    BrokenError,
    CvatAccess,
    ForbiddenError,
    ThrottledError,
    UnauthorizedError,
    UnreachableError,
)
from include.clients.cvat.lines import Ended, Watched
from include.clients.cvat.poller import Poller, new_budget, poller_of

LOOKED_AT_WITHIN = 240.0
A_MINUTE = 60 * 0.05  # seconds of a core that all waits together may cost in any minute
IMAGES = 500


def creation(number: int) -> str:
    return f"action=create&target=task&target_id={number}"


def export(number: int) -> str:
    return f"action=export&target=task&target_id={number}&user_id=1&format=COCO_1~0&subresource=dataset"


def serverless(number: int) -> str:
    return f"action=autoannotate&target=task&target_id={number}"


def watched(ids: Iterable[str], hours: float = 240.0, images: int = IMAGES) -> list[Watched]:
    deadline = now() + timedelta(hours=hours)
    return [Watched(one, deadline, images) for one in ids]


class Told:
    """Callers of one poller, each for one request, and when each was told."""

    def __init__(self, server: PlayedCvat) -> None:
        self.server = server
        self.poller = Poller(lambda: server, now)
        self.ended: dict[str, Ended] = {}
        self.at: dict[str, float] = {}

    async def one(self, request_id: str, since: float = 0.0, hours: float = 240.0) -> None:
        await asyncio.sleep(since - time())
        self.ended |= await self.poller.wait(watched([request_id], hours))
        self.at[request_id] = time()

    async def all(self) -> "Told":
        requests = self.server.requests.values()
        await asyncio.gather(*(self.one(one.id, one.came) for one in requests))
        return self

    @property
    def delays(self) -> list[float]:
        return [at - self.server.requests[id_].ended for id_, at in self.at.items()]


async def told(server: PlayedCvat) -> Told:
    return await Told(server).all()


def busy(count: int, seed: int = 0, seconds: float = 1.3) -> PlayedCvat:
    """A server with so many creations in its queue, which take about as long as a real server's."""
    chance, server = random.Random(seed), PlayedCvat()
    for number in range(count):
        server.submit(creation(number), seconds * chance.uniform(0.8, 1.2))
    return server


@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_few_young_waits_are_told_at_once(count: int) -> None:
    delays = [delay for seed in range(20) for delay in play(told(busy(count, seed))).delays]
    assert statistics.median(delays) <= 0.15


@pytest.mark.parametrize("count", [1, 20, 100])
def test_a_wait_ends_within_a_twentieth_of_its_time(count: int) -> None:
    after = play(told(busy(count)))
    for request_id, at in after.at.items():
        ended = after.server.requests[request_id].ended
        assert at - ended <= 0.16 + 2 * SINGLE + 0.05 * ended


@pytest.mark.parametrize("count", [5, 50, 500])
def test_no_minute_costs_more_than_its_share(count: int) -> None:
    after = play(told(busy(count)))
    assert {ended.answer for ended in after.ended.values()} == {"finished"}
    assert max(after.delays) <= LOOKED_AT_WITHIN
    # a list of all is one call: where there are many it overdraws once, which is then waited for
    longest = max(call.cost for call in after.server.calls)
    assert after.server.dearest_minute() <= max(A_MINUTE, 60 * 0.035 + longest) + 1e-9
    seconds = after.server.calls[-1].at
    assert after.server.cost(0, seconds) <= 0.9 + 0.035 * seconds + longest


@pytest.mark.parametrize("accounts", [2, 4])
def test_accounts_of_one_server_cost_it_no_more_together(accounts: int) -> None:
    server = busy(300)

    async def story() -> list[Told]:
        budget = new_budget()
        all_told = [Told(server) for _ in range(accounts)]
        for each in all_told:
            each.poller = Poller(lambda: server, now, budget)
        waits = [all_told[n % accounts].one(one.id, one.came) for n, one in enumerate(server.requests.values())]
        await asyncio.gather(*waits)
        return all_told

    for after in play(story()):
        assert len(after.ended) == 300 // accounts
        assert {ended.answer for ended in after.ended.values()} == {"finished"}
        assert max(after.delays) <= LOOKED_AT_WITHIN
    assert server.dearest_minute() <= A_MINUTE + 1e-9


def test_a_server_that_is_down_is_left_alone_by_all_accounts() -> None:
    server = busy(2, seconds=5)
    error = ThrottledError("GET: 429: Request was throttled.")
    error.retry_after = 45.0
    server.troubles.append((0.0, 1.0, error))

    async def story() -> None:
        budget, deadline = new_budget(), now() + timedelta(hours=1)
        first, second = (Poller(lambda: server, now, budget) for _ in range(2))
        waits = [first.wait([Watched(creation(0), deadline, IMAGES)])]
        waits.append(second.wait([Watched(creation(1), deadline, 10 * IMAGES)]))
        await asyncio.gather(*waits)

    play(story())
    first_call = server.calls[0].at
    assert [call.at for call in server.calls if first_call < call.at < first_call + 45] == []


def test_one_server_has_one_budget_however_it_is_written_and_whoever_asks() -> None:
    same = [
        CvatAccess("https://cvat.example.com", token="a"),
        CvatAccess("https://cvat.example.com/", token="a"),
        CvatAccess("HTTPS://CVAT.example.com:443", token="b"),
        CvatAccess("https://cvat.example.com", username="anna", password="p"),
    ]
    others = [CvatAccess(f"{url}", token="a") for url in ("http://cvat.example.com", "https://cvat.example.com:8443")]

    async def story() -> tuple[set[int], set[int]]:
        budgets = [{id(poller_of(one).budget) for one in group} for group in (same, others)]
        return budgets[0], budgets[1]

    one, two = play(story())
    assert len(one) == 1
    assert len(two) == 2
    assert not one & two


@pytest.mark.slow
def test_ten_thousand_cost_no_more_than_a_thousand() -> None:
    shares = []
    for count in (1000, 10_000):
        server = busy(count)

        async def a_while(server: PlayedCvat = server) -> None:
            await asyncio.sleep(max(one.came for one in server.requests.values()))
            poller, ids = Poller(lambda: server, now), list(server.requests)
            shards = asyncio.gather(*(poller.wait(watched(ids[start::50])) for start in range(50)))
            done, _ = await asyncio.wait([shards], timeout=1000)
            assert not done
            shards.cancel()
            with pytest.raises(asyncio.CancelledError):
                await shards

        play(a_while())
        begun = server.calls[0].at
        shares.append(server.cost(begun + 200, begun + 1000) / 800)
    assert min(shares) > 0.02
    assert max(shares) <= 0.035 + 0.9 / 800


@settings(max_examples=30, deadline=None)
@given(
    kinds=st.lists(st.sampled_from([creation, export, serverless]), min_size=1, max_size=60),
    workers=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
def test_none_is_missed_whatever_the_queues_do(kinds: list, workers: int, seed: int) -> None:  # type: ignore[type-arg]
    chance, server, came = random.Random(seed), PlayedCvat(workers), 0.0
    for number, kind in enumerate(kinds):
        came += chance.choice([0.0, 0.0, 0.1, 5.0, 100.0])
        seconds = chance.choice([0.01, 0.5, 1.3, 20.0, 900.0])
        server.submit(kind(number), seconds, came, fails=chance.random() < 0.1)
    after = play(told(server))
    assert max(after.delays) <= LOOKED_AT_WITHIN
    answers = {one.id: "failed" if one.fails else "finished" for one in server.requests.values()}
    assert {request_id: ended.answer for request_id, ended in after.ended.items()} == answers
    assert server.dearest_minute() <= A_MINUTE + 1e-9
    assert server.opened == 0


@pytest.mark.slow
def test_what_ends_out_of_turn_is_seen_before_it_is_forgotten() -> None:
    server = PlayedCvat(workers=2)
    server.submit(creation(0), 7200)
    for number in range(1, 200):
        server.submit(creation(number), 30)
    after = play(told(server))
    assert {ended.answer for ended in after.ended.values()} == {"finished"}
    assert max(after.delays) <= LOOKED_AT_WITHIN


def test_what_was_forgotten_before_anybody_looked_has_expired() -> None:
    server = PlayedCvat(workers=2)
    server.submit(creation(0), 7200)
    for number in range(1, 100):
        server.submit(creation(number), 1)

    async def late() -> dict[str, Ended]:
        await asyncio.sleep(1000)
        return await Poller(lambda: server, now).wait(watched(server.requests))

    ended = play(late())
    assert ended.pop(creation(0)).answer == "finished"
    assert {end.answer for end in ended.values()} == {"expired"}
    asked = [call.what for call in server.calls if call.what == creation(50)]
    assert len(asked) == 1
    assert next(call.at for call in server.calls if call.what == creation(50)) < 1000 + LOOKED_AT_WITHIN


def test_what_the_list_does_not_have_is_asked_for_before_it_is_given_up() -> None:
    server = busy(30, seconds=10)
    server.unlisted = set(server.requests)
    after = play(told(server))
    assert {ended.answer for ended in after.ended.values()} == {"finished"}
    assert max(after.delays) <= 60


def test_a_caller_who_goes_disturbs_nobody_and_the_last_ends_the_asking() -> None:
    server = busy(10, seconds=60)

    async def story() -> dict[str, Ended]:
        poller = Poller(lambda: server, now)
        first, second, both = list(server.requests)[:5], list(server.requests)[5:], list(server.requests)[3:7]
        goes, stays = asyncio.create_task(poller.wait(watched(first))), asyncio.create_task(poller.wait(watched(both)))
        also = asyncio.create_task(poller.wait(watched(second)))
        await asyncio.sleep(100)
        goes.cancel()
        with pytest.raises(asyncio.CancelledError):
            await goes
        assert server.opened == 1
        ended = await stays
        also.cancel()
        with pytest.raises(asyncio.CancelledError):
            await also
        assert server.opened == 0
        asked = len(server.calls)
        await asyncio.sleep(1000)
        assert len(server.calls) == asked
        return ended

    assert {request_id: end.answer for request_id, end in play(story()).items()} == {
        creation(number): "finished" for number in range(3, 7)
    }


def test_who_comes_while_the_last_goes_is_served() -> None:
    server = busy(2, seconds=10)

    async def story() -> dict[str, Ended]:
        poller = Poller(lambda: server, now)
        goes = asyncio.create_task(poller.wait(watched([creation(0)])))
        await asyncio.sleep(1)
        goes.cancel()
        comes = asyncio.create_task(poller.wait(watched([creation(1)])))
        return await comes

    assert play(story())[creation(1)].answer == "finished"


@pytest.mark.parametrize("count", [3, 300])
def test_all_back_off_together_from_a_server_that_is_down_and_come_back(count: int) -> None:
    server = busy(count)
    server.troubles.append((1.0, 301.0, UnreachableError("GET: 502: Bad Gateway")))
    after = play(told(server))
    down = [call for call in server.calls if 1.0 <= call.at < 301.0]
    assert len(down) <= 6 + 300 / 15  # from half a second to 30 s, of which chance takes up to a half
    assert {ended.answer for ended in after.ended.values()} == {"finished"}
    assert max(after.at.values()) <= max(301.0, *(one.ended for one in server.requests.values())) + 60


def test_a_throttling_server_is_left_alone_as_long_as_it_wants() -> None:
    error, server = ThrottledError("GET: 429: Request was throttled."), busy(1, seconds=5)
    error.retry_after = 45.0
    server.troubles.append((0.0, 1.0, error))
    play(told(server))
    assert [call.at for call in server.calls if 0.0 <= call.at < 46.0] == [server.calls[0].at, server.calls[0].at + 45]


@pytest.mark.parametrize("error", [UnauthorizedError("401"), ForbiddenError("403")])
def test_what_no_repetition_mends_is_raised_to_whom_it_concerns(error: Exception) -> None:
    server = busy(2, seconds=50)
    server.requests[creation(0)].broken = error

    async def story() -> list[object]:
        poller = Poller(lambda: server, now)
        waits = [poller.wait(watched([creation(number)])) for number in (0, 1)]
        return list(await asyncio.gather(*waits, return_exceptions=True))

    first, second = play(story())
    assert first is error
    if isinstance(error, UnauthorizedError):  # the credentials are everybody's
        assert second is error
    else:
        assert second == {creation(1): Ended("finished")}


def test_a_list_that_is_forbidden_ends_the_waits_as_a_single_look_does() -> None:
    server = busy(30, seconds=1000)
    server.troubles.append((1.0, 1e9, ForbiddenError("GET: 403")))

    async def story() -> float:
        with pytest.raises(ForbiddenError, match="403"):
            await Poller(lambda: server, now).wait(watched(server.requests))
        return time()

    assert play(story()) < 60


def test_a_request_that_breaks_the_server_holds_up_no_other() -> None:
    server = busy(4)
    server.requests[creation(0)].broken = BrokenError("GET: 500: Server Error")

    async def story() -> tuple[dict[str, Ended], float]:
        poller = Poller(lambda: server, now)
        poison = asyncio.create_task(poller.wait(watched([creation(0)], hours=0.1)))
        ended = await poller.wait(watched([creation(number) for number in (1, 2, 3)]))
        at = time()
        return ended | await poison, at

    ended, at = play(story())
    assert at < 60
    assert [ended[creation(number)].answer for number in range(4)] == ["overdue", "finished", "finished", "finished"]
    assert "Server Error" in ended[creation(0)].message


@settings(max_examples=20, deadline=None)
@given(hours=st.lists(st.floats(0.001, 1.0), min_size=1, max_size=40), down=st.booleans())
def test_no_wait_outlives_its_deadline(hours: list[float], down: bool) -> None:
    server = PlayedCvat()
    for number in range(len(hours)):
        server.submit(creation(number), 1e6)
    if down:
        server.troubles.append((0.0, 1e9, UnreachableError("GET: 503: Service Unavailable")))

    async def story() -> Told:
        after = Told(server)
        await asyncio.gather(*(after.one(creation(number), hours=one) for number, one in enumerate(hours)))
        return after

    after = play(story())
    for number, one in enumerate(hours):
        assert one * 3600 - 0.001 <= after.at[creation(number)] <= one * 3600 + 11
        assert after.ended[creation(number)].answer == "overdue"
        assert ("503" if down else "CVAT says") in after.ended[creation(number)].message


def test_whoever_waits_is_told_every_minute_how_it_goes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "include.clients.cvat.poller")
    server = busy(2, seconds=100)

    async def story() -> None:
        deadline = now() + timedelta(hours=1)
        names = {creation(0): "project p batch a", creation(1): "project p batch b"}
        await Poller(lambda: server, now).wait([Watched(id_, deadline, IMAGES, name) for id_, name in names.items()])

    play(story())
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == int(server.requests[creation(1)].ended // 60)
    assert told[0].startswith("2 of 2 requests are left; the first is project p batch a: CVAT says started, after 60 s")
    assert "until 2026-12-01 01:00:00" in told[0]


def test_a_request_that_two_wait_for_is_asked_for_once_and_told_to_both() -> None:
    server = busy(1, seconds=30)

    async def story() -> list[dict[str, Ended]]:
        poller = Poller(lambda: server, now)
        soon, later = watched([creation(0)], hours=0.001), watched([creation(0)])
        return list(await asyncio.gather(poller.wait(soon), poller.wait(later), poller.wait(later)))

    assert [ended[creation(0)].answer for ended in play(story())] == ["overdue", "finished", "finished"]
    alone = busy(1, seconds=30)
    play(told(alone))
    assert len(server.calls) <= len(alone.calls) + 2  # one more at the first deadline
