"""The ledger's revisions: the current one of each job, and every one there was."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from include.clients.ledger import Ledger, LedgerError
from include.clients.ledger.reviews import EvaluationRecord, RevisionRecord
from include.clients.ledger.tables import revisions
from include.lifecycle.assignment import Asked
from include.lifecycle.reviews import Acceptance, Revision
from tests.include.clients.ledger.records import ANNOTATOR, NOW, PROJECT, add, plan


def revision(id_: str, batch_id: str, job: int = 0, accepted: Acceptance = Acceptance.PERSON) -> Revision:
    return Revision(id_, batch_id, job, ("a",), (), accepted, 1.0, "ann", NOW.isoformat())


@pytest.fixture
def batch_id(ledger: Ledger) -> str:
    return plan(ledger, "1", add(ledger, "a", "b", "c"))


def current(ledger: Ledger) -> list[tuple[int, str, str]]:
    return [(found.job_index, found.id, found.uri) for found in ledger.reviews.current(PROJECT)]


def kept(ledger: Ledger) -> int:
    with ledger.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(revisions)).scalar_one()


def test_a_revision_is_its_jobs_current_one(ledger: Ledger, batch_id: str) -> None:
    given = NOW - timedelta(hours=2)
    ledger.reviews.add(PROJECT, revision("r", batch_id, accepted=Acceptance.AUDIT), "s3://l/r", "yesterday", given)
    expected = RevisionRecord("r", batch_id, 0, (Asked(ANNOTATOR),), "s3://l/r", Acceptance.AUDIT, NOW, "ann", given, 1)
    assert ledger.reviews.current(PROJECT) == [expected]
    job = ledger.batches.jobs(batch_id)[0]
    assert (job.revision_id, job.seen_update) == ("r", "yesterday")
    assert ledger.reviews.current("owls") == []


def test_the_same_revision_again_only_moves_the_moment_it_was_seen(ledger: Ledger, batch_id: str) -> None:
    ledger.reviews.add(PROJECT, revision("r", batch_id), "s3://l/r", "yesterday")
    ledger.reviews.add(PROJECT, revision("r", batch_id), "s3://l/other", "today")
    assert current(ledger) == [(0, "r", "s3://l/r")]
    assert ledger.batches.jobs(batch_id)[0].seen_update == "today"
    assert kept(ledger) == 1


def test_a_new_revision_takes_the_place_of_the_old_one_which_stays(ledger: Ledger, batch_id: str) -> None:
    for id_ in ("r1", "r2"):
        ledger.reviews.add(PROJECT, revision(id_, batch_id), f"s3://l/{id_}", id_)
    assert current(ledger) == [(0, "r2", "s3://l/r2")]
    assert kept(ledger) == 2
    ledger.reviews.add(PROJECT, revision("r1", batch_id), "s3://l/again", "r3")  # drawn back
    assert current(ledger) == [(0, "r1", "s3://l/r1")]
    assert kept(ledger) == 2


def test_jobs_that_look_the_same_have_revisions_of_their_own(ledger: Ledger, batch_id: str) -> None:
    other = plan(ledger, "0", add(ledger, "d"))
    for place in ((batch_id, 1), (batch_id, 0), (other, 0)):
        ledger.reviews.add(PROJECT, revision("r", *place), "s3://l/r", "today")
    found = [(record.batch_id, record.job_index) for record in ledger.reviews.current(PROJECT)]
    assert found == [(other, 0), (batch_id, 0), (batch_id, 1)]  # in a stable order


def test_a_revision_of_no_job_is_refused_whole(ledger: Ledger, batch_id: str) -> None:
    with pytest.raises(LedgerError, match="the ledger has no job 9 of batch birds-1"):
        ledger.reviews.add(PROJECT, revision("r", batch_id, job=9), "s3://l/r", "today")
    assert kept(ledger) == 0


def test_an_evaluation_that_is_made_again_is_the_newest_and_keeps_its_run(ledger: Ledger) -> None:
    assert ledger.reviews.evaluation("e") is None
    ledger.reviews.add_evaluation(PROJECT, "e", ANNOTATOR, "s3://l/e", NOW)
    ledger.reviews.set_run("e", "run")
    ledger.reviews.add_evaluation(PROJECT, "f", ANNOTATOR, "s3://l/f", NOW + timedelta(hours=1))
    later = NOW + timedelta(hours=2)
    ledger.reviews.add_evaluation(PROJECT, "e", ANNOTATOR, "s3://l/again", later)
    again = EvaluationRecord("e", ANNOTATOR, "s3://l/again", "run", later)
    assert ledger.reviews.evaluation("e") == again
    assert ledger.reviews.newest_evaluations(PROJECT) == {ANNOTATOR: again}


def test_the_latest_evaluation(ledger: Ledger) -> None:
    assert ledger.reviews.latest_evaluation(PROJECT) is None
    for hours, id_ in ((1, "newest"), (0, "oldest"), (1, "of the same hour")):
        ledger.reviews.add_evaluation(PROJECT, id_, ANNOTATOR, "s3://l/e", NOW + timedelta(hours=hours))
    ledger.reviews.add_evaluation("owls", "of owls", ANNOTATOR, "s3://l/e", NOW + timedelta(hours=2))
    latest = ledger.reviews.latest_evaluation(PROJECT)
    assert latest
    assert latest.id == "newest"


def test_a_run_of_no_evaluation_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="the ledger has no evaluation none"):
        ledger.reviews.set_run("none", "run")
