"""Jobs as people are given them: in which order, and one record of what was decided."""

from include.clients.ledger import Ledger
from include.lifecycle.batches import Stage
from include.lifecycle.routing import Route
from tests.include.clients.ledger.records import NOW, PROJECT, at_once, routed

DECIDED = "job 10: approved by anna"


def waiting(ledger: Ledger) -> list[int]:
    return [job.cvat_id for job in ledger.people.waiting(PROJECT)]


def test_the_most_urgent_comes_first_then_the_oldest_batch(ledger: Ledger) -> None:
    routed(ledger, "b", (Route.REVIEW, 0.5), (Route.AUDIT, 0.9), days=1, first=10)
    routed(ledger, "c", (Route.REVIEW, 0.5), (Route.REVIEW, 0.5), first=20)
    assert waiting(ledger) == [11, 20, 21, 10]


def test_only_what_waits_for_people_is_given_to_them(ledger: Ledger) -> None:
    id_ = routed(ledger, "b", (Route.ACCEPT, 0.0), (Route.REVIEW, 0.0), (Route.REVIEW, 0.0))
    ledger.batches.need_attention(id_, 2, "were they applied?")
    earlier = routed(ledger, "c", (Route.REVIEW, 0.0), first=20)
    ledger.batches.advance(earlier, Stage.ANNOTATED)
    assert waiting(ledger) == [11]
    assert ledger.people.waiting("another") == []


def test_a_job_is_found_with_its_task_and_deadline(ledger: Ledger) -> None:
    id_ = routed(ledger, "b", (Route.ACCEPT, 0.25))
    ledger.batches.set_review_by([id_], NOW)
    job = ledger.people.find(PROJECT, 10)
    assert job is not None
    assert (job.name, job.images, job.task_id, job.review_by) == (f"{id_}/0", 1, 1, NOW)
    assert (job.route, job.reason, job.urgency) == (Route.ACCEPT, "why 0", 0.25)
    assert ledger.people.find(PROJECT, 11) is None
    assert ledger.people.find("another", 10) is None


def test_a_decision_that_is_said_again_is_one_record(ledger: Ledger) -> None:
    id_ = routed(ledger, "b", (Route.REVIEW, 0.0), (Route.REVIEW, 0.0))
    first, second = ledger.people.waiting(PROJECT)
    assert ledger.people.decide(PROJECT, first, DECIDED)
    assert ledger.people.decide(PROJECT, second, DECIDED)
    assert not ledger.people.decide(PROJECT, first, DECIDED)
    rejected = "job 10: rejected by boris: a sign is missing"
    assert ledger.people.decide(PROJECT, first, rejected)
    assert ledger.people.decide(PROJECT, first, DECIDED)  # somebody thinks again
    rows = [(row.subject, row.detail) for row in ledger.audit.of(PROJECT) if row.action == "decide"]
    assert rows == [(f"{id_}/0", DECIDED), (f"{id_}/1", DECIDED), (f"{id_}/0", rejected), (f"{id_}/0", DECIDED)]


def test_of_those_who_say_the_same_at_once_one_is_recorded(ledger: Ledger) -> None:
    routed(ledger, "b", (Route.REVIEW, 0.0))
    [job] = ledger.people.waiting(PROJECT)
    said = at_once(*[lambda: ledger.people.decide(PROJECT, job, DECIDED)] * 4)
    assert sorted(map(str, said)) == ["False", "False", "False", "True"]
