"""Leases: one holder at a time, and nobody for ever."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from include.clients.ledger import LeaseTakenError, Ledger
from include.clients.ledger.tables import leases
from tests.include.clients.ledger.records import at_once

HOUR = timedelta(hours=1)
Take = Callable[[str], str]


@pytest.fixture
def take(ledger: Ledger) -> Iterator[Take]:
    """Takes the lease for a holder that does not give it back, as one that was killed."""
    with ExitStack() as kept:

        def take(holder: str) -> str:
            kept.enter_context(ledger.leases.hold("plan/birds", holder, HOUR))
            return holder

        yield take


def hold(ledger: Ledger, holder: str, name: str = "plan/birds") -> None:
    with ledger.leases.hold(name, holder, HOUR):
        pass


def expire(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(update(leases).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))


def test_a_lease_that_is_held_is_refused_with_who_and_until_when(ledger: Ledger) -> None:
    with ledger.leases.hold("plan/birds", "run 1", HOUR):
        with pytest.raises(LeaseTakenError, match=r"'plan/birds' is held by run 1 until \d\d:\d\d:\d\d UTC: run again"):
            hold(ledger, "run 2")
        hold(ledger, "run 2", "plan/owls")
    hold(ledger, "run 2")


def test_a_lease_ends_with_an_error_too(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.leases.hold("plan/birds", "run 1", HOUR):
        raise ZeroDivisionError
    hold(ledger, "run 2")


def test_the_same_holder_enters_again_after_a_kill(ledger: Ledger, take: Take) -> None:
    take("run 1")
    hold(ledger, "run 1")
    hold(ledger, "run 2")


def test_what_expired_is_taken_over_and_not_given_back_by_its_former_holder(ledger: Ledger, take: Take) -> None:
    with ledger.leases.hold("plan/birds", "run 1", HOUR):
        expire(ledger)
        take("run 2")
    with pytest.raises(LeaseTakenError, match="held by run 2"):
        hold(ledger, "run 1")


@pytest.mark.parametrize("expired", [False, True])
def test_of_several_at_once_one_wins(ledger: Ledger, take: Take, expired: bool) -> None:
    if expired:
        take("run 0")
        expire(ledger)
    answers = at_once(*(partial(take, f"run {number}") for number in range(1, 5)))
    (winner,) = (answer for answer in answers if isinstance(answer, str))
    assert [type(answer) for answer in answers if answer != winner] == [LeaseTakenError] * 3
    with pytest.raises(LeaseTakenError, match=f"held by {winner}"):
        hold(ledger, "run 9")


def test_airflows_longest_names_fit(ledger: Ledger) -> None:
    holder = "/".join(("d" * 250, "r" * 250, "t" * 250, "1023"))
    with (
        ledger.leases.hold("datasets/" + "c" * 250, holder, HOUR),
        pytest.raises(LeaseTakenError, match=holder),
    ):
        hold(ledger, "run 2", "datasets/" + "c" * 250)


def test_a_claim_is_its_holders_until_it_ends_by_itself(ledger: Ledger) -> None:
    assert ledger.leases.claim("job/1", "anna", HOUR)
    assert ledger.leases.claim("job/1", "anna", HOUR)
    assert not ledger.leases.claim("job/1", "boris", HOUR)
    assert ledger.leases.claim("job/2", "boris", -HOUR)  # as one from long ago
    assert ledger.leases.claim("job/2", "clara", HOUR)


def test_claims_that_have_ended_are_forgotten(ledger: Ledger) -> None:
    for number in range(5):
        assert ledger.leases.claim(f"job/{number}", "anna", -HOUR)
    assert ledger.leases.claim("job/5", "anna", HOUR)
    with ledger.engine.connect() as connection:
        assert connection.scalars(select(leases.c.name)).all() == ["job/5"]


def test_of_those_who_claim_at_once_one_is_given_it(ledger: Ledger) -> None:
    names = [f"person {number}" for number in range(4)]
    given = at_once(*[partial(ledger.leases.claim, "job/1", name, HOUR) for name in names])
    assert sorted(map(str, given)) == ["False", "False", "False", "True"]
