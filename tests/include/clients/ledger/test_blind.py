"""The ledger's blind jobs: asked for once, found in CVAT, finished, or not, with the reason."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from include.clients.ledger import Ledger, LedgerError
from include.clients.ledger.blind import BlindJob, BlindKey, BlindKind, Kept, WantedBlind
from tests.include.clients.ledger.records import NOW, PROJECT, add, plan

LATER = NOW + timedelta(hours=3)
KEPT = Kept("s3://l/blind", "then", "dora", LATER, NOW)


@pytest.fixture
def batch_id(ledger: Ledger) -> str:
    return plan(ledger, "1", add(ledger, "a", "b", "c"))


def truth(batch_id: str) -> WantedBlind:
    return WantedBlind(BlindKey(batch_id, BlindKind.GROUND_TRUTH), (0, 2), 0.1)


def replica(batch_id: str, job: int, copy: int) -> WantedBlind:
    return WantedBlind(BlindKey(batch_id, BlindKind.REPLICA, job, copy), (0, 1), 0.5)


def only(ledger: Ledger) -> BlindJob:
    (job,) = ledger.blind.of_project(PROJECT)
    return job


def test_what_is_asked_for_is_recorded_first(ledger: Ledger, batch_id: str) -> None:
    ledger.blind.intend([truth(batch_id)], NOW)
    job = only(ledger)
    assert (job.key, job.frames, job.probability, job.asked_at) == (truth(batch_id).key, (0, 2), 0.1, NOW)
    assert (job.cvat_id, job.uri, job.note) == (None, None, None)
    assert ledger.blind.of_project("owls") == []


def test_asked_again_it_keeps_its_frames_and_its_probability(ledger: Ledger, batch_id: str) -> None:
    """CVAT may have it already."""
    ledger.blind.intend([truth(batch_id)], NOW)
    ledger.blind.intend([replace(truth(batch_id), frames=(1,), probability=0.9)], LATER)
    assert (only(ledger).frames, only(ledger).probability, only(ledger).asked_at) == ((0, 2), 0.1, LATER)


def test_a_job_is_found_then_refused_then_kept(ledger: Ledger, batch_id: str) -> None:
    key = truth(batch_id).key
    ledger.blind.intend([truth(batch_id)], NOW)
    ledger.blind.bind(truth(batch_id), 7, NOW)
    ledger.blind.refuse(key, "it has 2 tracks")
    assert (only(ledger).cvat_id, only(ledger).note) == (7, "it has 2 tracks")
    ledger.blind.keep(key, KEPT)
    job = only(ledger)
    assert Kept(str(job.uri), str(job.seen_update), str(job.finished_by), LATER, job.assigned_at) == KEPT
    assert (job.note, job.finished_at) == (None, LATER)
    ledger.blind.refuse(key, "again")
    assert only(ledger).uri == KEPT.uri


def test_one_that_is_found_without_having_been_asked_for_is_recorded_too(ledger: Ledger, batch_id: str) -> None:
    ledger.blind.bind(truth(batch_id), 7, NOW)
    assert (only(ledger).cvat_id, only(ledger).frames, only(ledger).asked_at) == (7, (0, 2), NOW)


def test_replicas_come_by_job_and_copy(ledger: Ledger, batch_id: str) -> None:
    wanted = [replica(batch_id, job, copy) for job in (1, 0) for copy in (1, 0)]
    ledger.blind.intend([*wanted, truth(batch_id)], NOW)
    keys = [(job.key.kind.value, job.key.job_index, job.key.copy) for job in ledger.blind.of_project(PROJECT)]
    assert keys == [("ground_truth", 0, 0), *(("replica", job, copy) for job in (0, 1) for copy in (0, 1))]


def test_a_job_of_cvat_is_only_one_blind_job(ledger: Ledger, batch_id: str) -> None:
    ledger.blind.intend([replica(batch_id, 0, 0), replica(batch_id, 0, 1)], NOW)
    ledger.blind.bind(replica(batch_id, 0, 0), 7, NOW)
    with pytest.raises(IntegrityError):
        ledger.blind.bind(replica(batch_id, 0, 1), 7, NOW)


@pytest.mark.parametrize(
    "change",
    ["copy = 1", "job_index = 1", "kind = 'other'", "probability = 0", "probability = 1.5", "uri = 's3://l/x'"],
)
def test_the_database_itself_refuses_a_second_truth_and_what_cannot_be(
    ledger: Ledger, batch_id: str, change: str
) -> None:
    ledger.blind.intend([truth(batch_id)], NOW)
    with pytest.raises(IntegrityError), ledger.engine.begin() as connection:
        connection.execute(text(f"UPDATE blind_jobs SET {change}"))


def test_what_was_never_asked_for_is_told(ledger: Ledger, batch_id: str) -> None:
    with pytest.raises(LedgerError, match="ground truth"):
        ledger.blind.refuse(truth(batch_id).key, "why")
