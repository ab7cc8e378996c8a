"""From a version that got worse to one alarm that names the class, and its end: baseline, judgement, alarm."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from include.clients.baselines import Baselines, Pinned
from include.clients.experiments import Experiments
from include.clients.ledger.batches import Job
from include.clients.tables import revision_table
from include.evaluation.gates import Standing
from include.lifecycle.alarms import Alarm, Severity
from include.lifecycle.images import Reason
from include.lifecycle.reviews import Acceptance, Annotation, Revision, revision_id
from include.projects.gates import FigureGate
from include.steps.alarms import update_quality_alarms, update_work_alarms
from include.steps.baseline import promote, register_versions
from include.steps.discover import TooManyFailuresError
from include.steps.evaluate import evaluate_annotators, log_evaluations
from include.steps.judge import Judgement, judge_annotators, read_judgements
from include.steps.plan import plan_batches
from include.steps.predict import read_predictions
from include.steps.promotion import NotEvaluated, Proposal, propose
from include.steps.quality import newest_snapshot, take_snapshot
from tests.include.steps.world import DOTS, World, killed

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
NOW = datetime.now(UTC)
FEW = {"min_support": 10}


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world(annotators=[eye("1")], batches={"size": 10, "job_size": 5, "max_wait": 0}, evaluation=FEW)


def eye(version: str) -> dict[str, object]:
    return {"model": DOTS, "name": "eye", "settings": {"version": version}}


def upgrade(world: World, version: str) -> None:
    """Another version of the annotator takes over."""
    annotators = [one.model_copy(update={"settings": {"version": version}}) for one in world.project.annotators]
    world.project = world.project.model_copy(update={"annotators": tuple(annotators)})


def review(world: World, images: int, *, wrong: int = 0) -> None:
    """More images with two dots each come; in each job people delete so many of its ten dots, and leave the others. (As
    the ledger has it then: that CVAT's jobs get there is for other tests.)"""
    world.land(images, objects=2, first=sum(batch.size for batch in world.batches()))
    world.plan()
    known = {(one.batch_id, one.job_index) for one in world.ledger.reviews.current(world.project.name)}
    for job in world.jobs():
        if (job.batch_id, job.index) not in known:
            keep(world, job, wrong)


def keep(world: World, job: Job, wrong: int) -> None:
    """A finished job, of whose dots so many were deleted."""
    ids = [image.id for image in world.ledger.images.of_batch(job.batch_id)][job.start : job.stop]
    found = read_predictions(world.project, world.annotator.id, ids, world.store, world.ledger)
    dots = [(one.image_id, one.shape) for id_ in ids for one in found[id_].objects]
    drawn = tuple(Annotation(id_, shape, "auto", number) for number, (id_, shape) in enumerate(dots))[wrong:]
    revision = Revision(
        id=revision_id(ids, drawn),
        batch_id=job.batch_id,
        job_index=job.index,
        image_ids=tuple(ids),
        annotations=drawn,
        accepted=Acceptance.PERSON,
        probability=1.0,
        finished_by="anna",
        finished_at=NOW.isoformat(),
    )
    uri = world.store.write(f"revisions/{world.project.name}", revision_table(revision))
    world.ledger.reviews.add(world.project.name, revision, uri, NOW.isoformat())


def judged(world: World, experiments: Experiments) -> list[Judgement]:
    project, store, ledger = world.project, world.store, world.ledger
    ids = evaluate_annotators(project, store, ledger, NOW)
    log_evaluations(project, ids, store, experiments, ledger)
    baselines = Baselines(experiments, project.name)
    register_versions(project, ids, store, baselines, ledger)
    made = judge_annotators(project, ids, store, baselines, ledger, NOW)
    assert judge_annotators(project, ids, store, baselines, ledger, NOW) == made
    return read_judgements(project, made, store, ledger)


def alarms(world: World, experiments: Experiments) -> list[Alarm]:
    return update_quality_alarms(world.project, judged(world, experiments), world.ledger, NOW)


def baseline(world: World, experiments: Experiments) -> Pinned | None:
    return Baselines(experiments, world.project.name).current("eye")


def test_a_version_that_got_worse_is_one_alarm_that_names_the_class_and_ends(
    world: World, experiments: Experiments
) -> None:
    review(world, 20)
    assert alarms(world, experiments) == []
    upgrade(world, "2")
    review(world, 20, wrong=7)  # of the ten dots of each job
    (alarm,) = alarms(world, experiments)
    found = alarm.finding
    assert (found.cause, found.severity) == ("quality/eye/f1/dot", Severity.CRITICAL)
    # kept 3 of 10: precision 0.3, recall 1, F1 = 0.6 / 1.3
    assert found.what.startswith("eye@2: F1 of 'dot' on new images is 0.46 (")
    assert "0.54 below the baseline eye@1's 1.00" in found.what
    assert (found.detail.annotator, found.detail.label, len(found.detail.images)) == ("eye@2", "dot", 5)
    (again,) = alarms(world, experiments)
    assert again.id == alarm.id
    upgrade(world, "3")
    review(world, 20)
    assert alarms(world, experiments) == []


def test_while_it_is_not_sure_an_alarm_stays(world: World, experiments: Experiments) -> None:
    review(world, 20)
    upgrade(world, "2")
    alarms(world, experiments)
    review(world, 20, wrong=7)
    (alarm,) = alarms(world, experiments)
    upgrade(world, "3")
    review(world, 4)  # eight dots, and ten are needed
    (same,) = alarms(world, experiments)
    assert same.id == alarm.id


def test_the_first_version_with_enough_support_is_the_baseline_and_stays_it(
    world: World, experiments: Experiments
) -> None:
    review(world, 2)
    judged(world, experiments)
    assert baseline(world, experiments) is None  # four dots, and ten are needed
    review(world, 10)
    judged(world, experiments)
    pinned = baseline(world, experiments)
    assert pinned
    assert pinned.annotator == "eye@1"
    upgrade(world, "2")
    review(world, 20)
    judged(world, experiments)
    assert baseline(world, experiments) == pinned
    rows = [row for row in world.ledger.audit.of(world.project.name) if row.action == "baseline"]
    assert [(row.subject, row.detail.partition(" by ")[0]) for row in rows] == [("eye", "eye@1")]


def test_a_version_has_its_figures_in_mlflows_registry(world: World, experiments: Experiments) -> None:
    review(world, 10)
    judged(world, experiments)
    client = MlflowClient(experiments.tracking_uri, experiments.tracking_uri)
    (version,) = client.search_model_versions(f"name = 'labelcycle.{world.project.name}.eye'")
    tags = version.tags
    assert (tags["f1.micro"], tags["worst_class"], tags["support"]) == ("1.0000", "dot", "20")
    assert tags["share_measured"] == "1.0000"
    record = world.ledger.reviews.evaluation(tags["labelcycle.evaluation"])
    assert record
    assert (record.uri, record.mlflow_run_id) == (tags["labelcycle.evaluation_uri"], version.run_id)


def test_the_baseline_itself_is_held_against_what_people_reviewed_since(world: World, experiments: Experiments) -> None:
    review(world, 20)
    (first,) = judged(world, experiments)
    assert first.verdicts == ()
    assert first.unjudged
    assert first.unjudged.endswith("nothing was reviewed since the baseline eye@1 was measured.")
    review(world, 20, wrong=7)
    (drift,) = judged(world, experiments)
    (verdict,) = drift.verdicts
    assert (verdict.standing, verdict.support) == (Standing.FAILED, 12)  # of the new images alone
    assert drift.unjudged is None
    new = {image.id for batch in world.batches()[2:] for image in world.ledger.images.of_batch(batch.id)}
    worst = drift.worst["dot"]
    assert len(worst) == 5
    assert {image.image_id for image in worst} <= new


def test_the_page_draws_what_an_alarm_names_for_as_long_as_it_is_open(world: World, experiments: Experiments) -> None:
    review(world, 20)
    judged(world, experiments)
    review(world, 20, wrong=7)
    judgements = judged(world, experiments)
    update_quality_alarms(world.project, judgements, world.ledger, NOW)
    for known, hour in ((judgements, 1), ([], 2)):  # while the gate is unsure the alarm stays, with its images
        later = NOW + timedelta(hours=hour)
        take_snapshot(world.project, world.store, world.ledger, later, judgements=known)
        found = newest_snapshot(world.project, world.store, world.ledger)
        assert found
        (alarm,) = found.alarms
        assert alarm.worst == judgements[0].worst["dot"]
        assert alarm.images == tuple(image.image_id for image in alarm.worst)


def test_where_gates_say_nothing_it_is_said_why(world: World, experiments: Experiments) -> None:
    def why(*gates: FigureGate) -> str | None:
        evaluation = world.project.evaluation.model_copy(update={"gates": gates})
        world.project = world.project.model_copy(update={"evaluation": evaluation})
        (one,) = judged(world, experiments)
        return one.unjudged

    review(world, 2)  # four dots, and a baseline needs ten
    relative, absolute = FigureGate(figure="f1", drop_at_most=0.05), FigureGate(figure="f1", at_least=0.5)
    assert "there is none yet" in str(why(relative))
    assert "there is none yet" in str(why(relative, absolute))
    assert why(absolute) is None
    assert "evaluation.gates in the project's file has none" in str(why())


def test_promoting_a_version_ends_the_alarm_about_it(world: World, experiments: Experiments) -> None:
    review(world, 20)
    judged(world, experiments)
    upgrade(world, "2")
    review(world, 20, wrong=7)
    (alarm,) = alarms(world, experiments)
    (bad,) = [one for one in judged(world, experiments) if one.annotator == alarm.finding.detail.annotator]
    baselines = Baselines(experiments, world.project.name)
    for _ in range(2):
        assert promote(world.project, bad.evaluation_id, "by vera", baselines, world.ledger) == "eye@2"
    assert alarms(world, experiments) == []
    rows = [row.detail for row in world.ledger.audit.of(world.project.name) if row.action == "baseline"]
    assert [row.rpartition(", ")[2] for row in rows] == ["the first with enough support", "by vera"]


def test_who_decides_about_a_promotion_sees_both_versions_figures(world: World, experiments: Experiments) -> None:
    baselines = Baselines(experiments, world.project.name)

    def proposed(annotator: str) -> Proposal:
        return propose(world.project, annotator, world.store, baselines, world.ledger)

    review(world, 10)
    ids = evaluate_annotators(world.project, world.store, world.ledger, NOW)
    assert "eye@1, measured on 10 images; there is no baseline yet." in proposed("eye@1").comparison
    judged(world, experiments)
    upgrade(world, "2")
    review(world, 10, wrong=7)
    judged(world, experiments)
    found = proposed("eye@2")
    assert "eye@2, measured on 10 images, against the baseline eye@1." in found.comparison
    assert re.search(
        r"\| dot \| 0\.462 \(0\.\d+ to 0\.\d+\) \| 6 \| 1\.000 \(0\.692 to 1\.000\) \| 20 \|", found.comparison
    )
    assert found.evaluation_id not in ids
    with pytest.raises(NotEvaluated, match=r"no evaluation of eye@9; evaluated are: eye@1, eye@2"):
        proposed("eye@9")


def test_an_old_version_that_was_bad_is_over(world: World, experiments: Experiments) -> None:
    review(world, 20)
    upgrade(world, "2")
    review(world, 20, wrong=7)
    upgrade(world, "3")
    review(world, 20)
    judgements = judged(world, experiments)
    assert {one.annotator: one.in_use for one in judgements} == {"eye@1": False, "eye@2": False, "eye@3": True}
    assert update_quality_alarms(world.project, judgements, world.ledger, NOW) == []


def test_a_run_that_is_killed_opens_no_second_alarm(world: World, experiments: Experiments) -> None:
    review(world, 20)
    judged(world, experiments)
    upgrade(world, "2")
    review(world, 20, wrong=7)
    judgements = judged(world, experiments)
    with killed(world.ledger, "INSERT INTO alarms"):
        update_quality_alarms(world.project, judgements, world.ledger, NOW)
    for _ in range(2):
        assert len(update_quality_alarms(world.project, judgements, world.ledger, NOW)) == 1


def test_what_the_engineer_on_call_must_know_opens_and_ends(world: World) -> None:
    def causes(now: datetime = NOW) -> list[str]:
        return [alarm.finding.cause for alarm in update_work_alarms(world.project, world.ledger, now)]

    world.land(4)
    world.put("in/broken.png", b"no picture")
    world.plan()
    assert causes() == []  # one of five
    batch = world.batch()
    world.ledger.batches.fail(batch.id, "CVAT refused it")
    assert causes() == ["batches set aside"]
    world.ledger.batches.take_back(world.project.name)
    world.ledger.batches.set_review_by([batch.id], NOW - timedelta(hours=1))
    assert causes() == ["reviews late"]
    for number in range(3):
        world.put(f"in/broken{number}.png", f"no picture {number}".encode())
    with pytest.raises(TooManyFailuresError):
        world.plan()
    assert causes() == ["reviews late", "quarantine"]
    assert world.ledger.images.counts(world.project.name)["quarantined", Reason.NOT_AN_IMAGE] == 4


def test_images_that_wait_beyond_their_time_are_told(new_world: Callable[..., World]) -> None:
    world = new_world(batches={"size": 4, "job_size": 2, "max_wait": "P1D"})
    world.land(2)
    world.plan()
    assert update_work_alarms(world.project, world.ledger, NOW) == []
    (alarm,) = update_work_alarms(world.project, world.ledger, NOW + timedelta(days=2, hours=1))
    assert alarm.finding.what.startswith("2 images are waiting, the oldest since ")


def test_images_that_wait_by_a_days_cap_are_told_where_two_days_had_room_for_them(
    new_world: Callable[..., World],
) -> None:
    world = new_world(batches={"size": 4, "job_size": 2, "max_wait": "P1D"}, routing={"review_a_day": 7})
    world.land(12)

    def causes(now: datetime) -> list[str]:
        return [alarm.finding.cause for alarm in update_work_alarms(world.project, world.ledger, now)]

    assert len(world.plan()) == 1  # of three that are full
    later = NOW + timedelta(days=2, hours=1)
    assert causes(later) == ["images wait"]
    assert plan_batches(world.project, world.versions, world.store, world.ledger, later, "the test") == 1
    assert causes(later) == []  # four wait, and today has had its batch
    assert causes(later + timedelta(days=1)) == []
    assert causes(later + timedelta(days=2)) == ["images wait"]


def test_the_page_lists_every_cause_and_verdict() -> None:
    page = (ROOT / "docs/alarms.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \|", page, re.MULTILINE)
    causes = set(re.findall(r'Finding\("([a-z ]+)"', (ROOT / "include/steps/alarms.py").read_text()))
    assert {cause for cause, severity in rows if severity == Severity.WARNING} == causes
    assert [cause for cause, severity in rows if severity == Severity.CRITICAL] == [
        "quality/<annotator>/<figure>/<label>"
    ]
    assert {word for word in Standing if f"| {word} |" in page} == set(Standing)
