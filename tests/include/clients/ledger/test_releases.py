"""The ledger's releases: pinned once, complete once, and then as they are for ever."""

from datetime import timedelta
from functools import partial

import pytest

from include.clients.ledger import Ledger, LedgerError, PinnedError
from include.clients.ledger.releases import ReleaseRecord
from tests.include.clients.ledger.records import NOW, PROJECT, at_once

TAG = "birds-v1.0.0"
LATER = NOW + timedelta(hours=1)


def pin(ledger: Ledger, tag: str = TAG, digest: str = "d", hours: int = 0) -> str:
    ledger.releases.pin(tag, PROJECT, digest, "s3://l/pin", NOW + timedelta(hours=hours))
    return digest


def complete(ledger: Ledger) -> ReleaseRecord:
    pin(ledger)
    ledger.releases.published(TAG, "c0ffee", "d41d8")
    ledger.releases.logged(TAG, "run")
    ledger.releases.complete(TAG, LATER)
    return ReleaseRecord(TAG, PROJECT, "d", "s3://l/pin", "c0ffee", "d41d8", "run", NOW, LATER)


def test_a_release_is_pinned_first(ledger: Ledger) -> None:
    assert ledger.releases.get(TAG) is None
    pin(ledger)
    pinned = ReleaseRecord(TAG, PROJECT, "d", "s3://l/pin", None, None, None, NOW, None)
    assert ledger.releases.get(TAG) == pinned
    assert ledger.releases.all(PROJECT) == [pinned]


def test_a_tag_is_pinned_once(ledger: Ledger) -> None:
    pin(ledger)
    with pytest.raises(PinnedError, match=r"another run has pinned birds-v1\.0\.0: run again"):
        pin(ledger, digest="another")
    assert [release.digest for release in ledger.releases.all(PROJECT)] == ["d"]


def test_of_two_pins_at_once_one_wins(ledger: Ledger) -> None:
    answers = at_once(partial(pin, ledger, digest="one"), partial(pin, ledger, digest="other"))
    (won,) = (answer for answer in answers if isinstance(answer, str))
    assert [type(answer) for answer in answers if answer != won] == [PinnedError]
    assert [release.digest for release in ledger.releases.all(PROJECT)] == [won]


def test_the_record_is_complete_at_last(ledger: Ledger) -> None:
    expected = complete(ledger)
    assert ledger.releases.get(TAG) == expected


def test_a_complete_release_stays_as_it_is(ledger: Ledger) -> None:
    expected = complete(ledger)
    ledger.releases.published(TAG, "other", "other")
    ledger.releases.logged(TAG, "other")
    ledger.releases.complete(TAG, LATER + timedelta(days=1))  # a task that was killed after it, and runs again
    assert ledger.releases.get(TAG) == expected


def test_releases_come_oldest_first_complete_or_not(ledger: Ledger) -> None:
    for hours, tag in ((2, "birds-v1.10.0"), (0, "birds-v1.2.0"), (1, "birds-v1.9.0")):
        pin(ledger, tag, hours=hours)
    ledger.releases.complete("birds-v1.9.0", LATER)
    ledger.releases.pin("owls-v1.0.0", "owls", "d", "s3://l/pin", NOW)
    tags = [release.tag for release in ledger.releases.all(PROJECT)]
    assert tags == ["birds-v1.2.0", "birds-v1.9.0", "birds-v1.10.0"]


def test_a_release_that_was_never_pinned_is_not_changed_in_silence(ledger: Ledger) -> None:
    for call in (
        partial(ledger.releases.published, TAG, "c0ffee", "d41d8"),
        partial(ledger.releases.logged, TAG, "run"),
        partial(ledger.releases.complete, TAG, NOW),
    ):
        with pytest.raises(LedgerError, match=r"the ledger has no release birds-v1\.0\.0: pin it first"):
            call()
