"""Release: what is pinned is what is built, whatever happens to the bucket and the ledger in between."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.datasets.release import read_manifest
from include.steps.collect import collect_revisions
from include.steps.discover import discover_images
from include.steps.release import build_release, pin_release, preview_release
from tests.include.steps.dots import picture
from tests.include.steps.world import World


@pytest.fixture
def reviewed(world: World) -> World:
    """Two jobs of two images each that a person has finished."""
    world.land(4)
    world.carry()
    for job in world.jobs():
        world.finish(job)
    collect_revisions(world.project, world.cvat, world.store, world.ledger)
    return world


def pin(world: World) -> str:
    tag = pin_release(world.project, world.store, world.ledger, datetime.now(UTC))
    assert tag
    return tag


def build(world: World, tag: str, folder: Path) -> list[str]:
    """The keys in the version."""
    build_release(world.project, tag, folder, world.store, world.ledger)
    return [row.uri.rpartition("/in/")[2] for row in read_manifest(folder)]


def replace_one(world: World) -> None:
    world.put("in/0.png", picture(99, 1, 0.5))
    discover_images(world.project, world.bucket, world.ledger, datetime.now(UTC))


def test_a_version_holds_what_was_accepted(reviewed: World, tmp_path: Path) -> None:
    tag = pin(reviewed)
    assert tag == f"{reviewed.project.name}-v1.0.0"
    assert build(reviewed, tag, tmp_path / "v") == ["0.png", "1.png", "2.png", "3.png"]


def test_an_image_replaced_before_the_pin_is_left_out(reviewed: World, tmp_path: Path) -> None:
    replace_one(reviewed)
    assert build(reviewed, pin(reviewed), tmp_path / "v") == ["1.png", "2.png", "3.png"]


def test_an_image_replaced_after_the_pin_does_not_change_the_version(reviewed: World, tmp_path: Path) -> None:
    tag = pin(reviewed)
    replace_one(reviewed)
    assert build(reviewed, tag, tmp_path / "v") == ["0.png", "1.png", "2.png", "3.png"]


def test_a_pinned_version_is_completed_before_another_is_made(reviewed: World) -> None:
    tag = pin(reviewed)
    replace_one(reviewed)
    assert pin(reviewed) == tag


def test_a_preview_pins_nothing(reviewed: World) -> None:
    preview = preview_release(reviewed.project, reviewed.store, reviewed.ledger)
    assert preview.tag == f"{reviewed.project.name}-v1.0.0"
    assert reviewed.ledger.releases.all(reviewed.project.name) == []
