"""Snapshots: what is known of a project's labels at a moment, and nothing that is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.clients.tables import revision_from
from include.evaluation.snapshot import FunnelStage, Snapshot, UnreadableSnapshot
from include.steps.collect import collect_revisions
from include.steps.evaluate import evaluate_annotators
from include.steps.quality import newest_snapshot, show_release, take_snapshot
from include.steps.reviewed import newest
from tests.include.steps.world import DOTS, World

NOW = datetime(2030, 3, 4, 12, tzinfo=UTC)


def snapshot(world: World, now: datetime = NOW) -> Snapshot:
    take_snapshot(world.project, world.store, world.ledger, now)
    found = newest_snapshot(world.project, world.store, world.ledger)
    assert found
    return found


def images(found: Snapshot) -> dict[str, int]:
    return {one.stage.value: one.images for one in found.funnel if one.images}


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """Six images of two dots in jobs of three, of which people get the half that is unsure."""
    return new_world(annotators=[{"model": DOTS}], batches={"size": 6, "job_size": 3, "max_wait": 0})


def test_before_anything_there_is_nothing(world: World) -> None:
    assert newest_snapshot(world.project, world.store, world.ledger) is None
    found = snapshot(world)
    assert (found.annotators, found.people, found.links, found.agreement) == ((), (), {}, None)
    assert [one.stage for one in found.funnel] == list(FunnelStage)
    assert images(found) == {}


def test_every_image_is_in_one_stage_of_the_funnel(world: World) -> None:
    world.land(6, objects=2)
    world.plan()
    assert images(snapshot(world)) == {"batched": 6}
    world.create()
    world.attach()
    world.settle()
    assert images(snapshot(world)) == {"in CVAT": 6}
    world.check()
    world.annotate()
    assert images(snapshot(world)) == {"annotated": 6}
    world.route()
    assert images(snapshot(world)) == {"in review": 6}
    world.finish(world.jobs()[0])
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    assert images(snapshot(world)) == {"in review": 3, "accepted": 3}


def test_figures_people_slips_and_links_are_of_what_people_left(world: World) -> None:
    world.land(6, objects=2)
    world.carry()
    first, second = world.jobs()
    drawn = world.drawn(first)
    world.change_shapes(first, "delete", drawn[:1])
    for job in (first, second):
        world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    evaluate_annotators(world.project, world.store, world.ledger, NOW)
    found = snapshot(world)
    (state,) = found.annotators
    assert state.evaluation.figures.micro.fp == 1
    assert [one.errors for one in state.evaluation.worst] == [1]
    (worst,) = state.evaluation.worst
    link = found.links[worst.image_id]
    assert (link.task, link.job, link.frame) == (world.batch().task_id, first.cvat_id, drawn[0]["frame"])
    assert link.uri.startswith("s3://")
    assert found.lint.images == 6


def of_a_finished_job(world: World) -> Snapshot:
    """The snapshot of six images in two jobs, of which people finished one."""
    world.land(6, objects=1)
    world.carry()
    world.finish(world.jobs()[0])
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    return snapshot(world)


def test_what_did_not_change_is_not_read_again_and_what_changed_is(world: World) -> None:
    first = of_a_finished_job(world)
    (record,) = world.ledger.reviews.current(world.project.name)
    world.store.read(record.uri)  # it is there
    bucket, key = record.uri.removeprefix("s3://").split("/", 1)
    kept = revision_from(world.store.read(record.uri))
    world.s3.delete_object(Bucket=bucket, Key=key)
    again = snapshot(world, NOW + timedelta(hours=1))
    assert again.lint == first.lint  # without the revision's file
    assert again.made_at == NOW  # nothing has changed since
    world.land(1, objects=1, first=6)
    world.plan()
    assert snapshot(world, NOW + timedelta(hours=2)).made_at == NOW + timedelta(hours=2)
    assert len(kept.image_ids) == first.lint.images == 3


def test_only_the_newest_reviewed_images_are_measured(world: World) -> None:
    world.land(6, objects=1)
    world.carry()
    for job in world.jobs():
        world.finish(job)
        collect_revisions(world.project, world.cvat, world.store, world.ledger)
    records = world.ledger.reviews.current(world.project.name)
    last = max(records, key=lambda one: one.finished_at)
    assert newest(records, 6) == tuple(records)
    assert newest(records, 3) == (last,)
    assert newest(records, 1) == (last,)  # one job at the least


def test_a_snapshot_of_another_version_is_as_none_and_the_next_one_takes_its_place(world: World) -> None:
    first = of_a_finished_job(world)
    record = world.ledger.snapshots.newest(world.project.name)
    assert record
    uri = world.store.write_text("snapshots/old", '{"project": "of another day"}')
    world.ledger.snapshots.put(world.project.name, replace(record, uri=uri))
    with pytest.raises(UnreadableSnapshot, match="funnel"):
        newest_snapshot(world.project, world.store, world.ledger)
    show_release(world.project, world.store, world.ledger, NOW)  # it is left to the next evaluation
    assert snapshot(world) == first
