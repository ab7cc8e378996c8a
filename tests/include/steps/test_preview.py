"""Previews: they say what a run then does, and write nothing."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from include.clients.ledger.tables import metadata
from include.lifecycle.batches import Stage
from include.projects.model import Project
from include.steps.collect import collect_revisions
from include.steps.deadline import ask_review_by, late_batches
from include.steps.discover import Discovery, Scope, discover_images
from include.steps.preview import IngestPreview, preview_ingest
from include.steps.release import ReleasePreview, pin_release, preview_release
from tests.include.steps.dots import picture
from tests.include.steps.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def preview(world: World, scope: Scope = Scope()) -> IngestPreview:  # noqa: B008  # frozen
    return preview_ingest(world.project, world.versions, world.bucket, world.store, world.ledger, NOW, scope)


def everything(world: World) -> object:
    """All that a run could write: the ledger's rows, the bucket's objects, CVAT's tasks."""
    with world.ledger.engine.connect() as connection:
        rows = {t.name: list(map(tuple, connection.execute(select(t)))) for t in metadata.sorted_tables}
    listed = world.s3.list_objects_v2(Bucket=world.bucket_name).get("Contents", [])
    return rows, [(row["Key"], row["ETag"]) for row in listed], world.tasks()


def test_a_preview_of_the_first_run(world: World) -> None:
    world.land(5)
    world.put("in/copy.png", picture(0, 1, 0.5))
    world.put("in/text.png", b"no image")
    before = everything(world)
    assert preview(world) == IngestPreview(new=7, duplicates=1, unreadable=1, to_predict=5, batches=2)
    assert everything(world) == before


def test_a_preview_of_a_later_run_counts_what_changes_and_goes(world: World) -> None:
    world.project = world.project.model_copy(
        update={"images": world.project.images.model_copy(update={"max_failed_share": 1.0})}
    )
    world.land(4)
    discover_images(world.project, world.bucket, world.ledger, NOW)
    world.put("in/0.png", picture(50))
    world.s3.delete_object(Bucket=world.bucket_name, Key="in/1.png")
    world.land(1, first=7)
    assert preview(world) == IngestPreview(known=4, new=1, changed=1, missing=1, to_predict=4, batches=1)
    assert discover_images(world.project, world.bucket, world.ledger, NOW) == Discovery(
        known=4, new=1, changed=1, missing=1
    )


def test_a_preview_says_how_many_batches_a_run_plans(world: World) -> None:
    world.land(10)
    foretold = preview(world).batches
    assert len(world.plan()) == foretold == 3


def test_a_scope_leaves_the_others_to_the_next_run(world: World) -> None:
    world.land(3)
    for number in range(3):
        world.put(f"in/later/{number}.png", picture(20 + number))
    only_later = Scope(below="later/", at_most=2)
    assert preview(world, only_later) == IngestPreview(new=2, to_predict=2, batches=1)
    assert discover_images(world.project, world.bucket, world.ledger, NOW, only_later) == Discovery(new=2)
    assert discover_images(world.project, world.bucket, world.ledger, NOW, only_later) == Discovery(known=2, new=1)
    assert discover_images(world.project, world.bucket, world.ledger, NOW) == Discovery(known=3, new=3)


def test_a_scope_hides_nothing_that_is_known(world: World) -> None:
    """An image outside of it is not missing, and one that is gone is missing however few may be taken in."""
    world.land(20)
    discover_images(world.project, world.bucket, world.ledger, NOW)
    world.put("in/later/1.png", picture(40))
    assert discover_images(world.project, world.bucket, world.ledger, NOW, Scope("later/")) == Discovery(new=1)
    world.s3.delete_object(Bucket=world.bucket_name, Key="in/3.png")
    world.land(3, first=30)
    found = discover_images(world.project, world.bucket, world.ledger, NOW, Scope(at_most=1))
    assert (found.new, found.missing) == (1, 1)


def finished(world: World) -> None:
    """All jobs are completed by people, and collected."""
    world.carry()
    for job in world.jobs():
        world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)


def gated(project: Project, min_images: int) -> Project:
    gate = project.release.gate.model_copy(update={"min_images": min_images})
    return project.model_copy(update={"release": project.release.model_copy(update={"gate": gate})})


def test_a_release_preview_says_the_version_its_splits_and_the_gate(world: World) -> None:
    assert preview_release(world.project, world.store, world.ledger) == ReleasePreview(None, False, {}, None)
    world.land(4)
    finished(world)
    before, tag = everything(world), f"{world.project.name}-v1.0.0"
    seen = preview_release(world.project, world.store, world.ledger)
    assert (seen.tag, seen.unfinished, seen.held_back, sum(seen.images.values())) == (tag, False, None, 4)
    held_back = preview_release(gated(world.project, 5), world.store, world.ledger).held_back
    assert held_back == f"{tag} would have 4 images, and release.gate.min_images is 5"
    assert everything(world) == before
    assert pin_release(world.project, world.store, world.ledger, NOW) == tag
    assert preview_release(world.project, world.store, world.ledger) == ReleasePreview(tag, True, seen.images, None)


def test_only_batches_that_are_with_people_get_a_deadline_and_are_late_until_they_are_collected(world: World) -> None:
    world.land(4)
    (batch,) = world.carry(Stage.ANNOTATED)
    assert ask_review_by(world.project, world.ids(), NOW, world.ledger) == 0
    world.route()
    assert ask_review_by(world.project, world.ids(), NOW, world.ledger) == 1
    assert ask_review_by(world.project, world.ids(), NOW + timedelta(days=9), world.ledger) == 0
    assert late_batches(world.project, world.ledger, NOW) == {}
    late = {batch.id: "2026-03-01 00:00 UTC"}
    assert late_batches(world.project, world.ledger, NOW + timedelta(hours=1)) == late
    asked = [row.detail for row in world.ledger.audit.of(world.project.name) if row.action == "ask for review"]
    assert asked == ["until 2026-03-01 00:00 UTC"]
    for job in world.jobs():
        world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    assert late_batches(world.project, world.ledger, NOW + timedelta(hours=1)) == {}
