"""Discover: each content is recorded once, and what is no image, a copy or gone is set aside with its reason."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include.lifecycle.images import ImageState, Reason
from include.steps.discover import Discovery, TooManyFailuresError, discover_images
from tests.include.steps.dots import picture
from tests.include.steps.world import World

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WAITING = (ImageState.WAITING, None)


def discovered(world: World, **options: int) -> Discovery:
    return discover_images(world.project, world.bucket, world.ledger, NOW, **options)


def counts(world: World) -> dict[tuple[str, str | None], int]:
    return dict(world.ledger.images.counts(world.project.name))


def quarantined(reason: Reason) -> tuple[str, str]:
    return ImageState.QUARANTINED, reason


def test_new_images_wait_and_a_second_look_finds_nothing_new(world: World) -> None:
    world.land(3)
    assert discovered(world) == Discovery(new=3)
    assert discovered(world) == Discovery(known=3)
    assert counts(world) == {WAITING: 3}


def test_an_object_outside_of_the_prefix_and_one_of_our_manifests_are_no_images(world: World) -> None:
    world.put("out/1.png", picture(1))
    assert discovered(world) == Discovery()
    world.put("labelcycle-p-123.manifest.jsonl", b"{}")
    root = world.project.images.model_copy(update={"uri": f"s3://{world.bucket_name}/"})
    world.project = world.project.model_copy(update={"images": root})
    assert discovered(world) == Discovery(new=1)


def test_changed_content_is_a_new_image_and_the_old_one_is_replaced(world: World) -> None:
    world.land(2)
    discovered(world)
    world.put("in/0.png", picture(100))
    assert discovered(world) == Discovery(known=2, changed=1)
    assert counts(world) == {WAITING: 2, quarantined(Reason.REPLACED): 1}


def test_content_that_comes_back_waits_again(world: World) -> None:
    world.land(4)
    discovered(world)
    world.put("in/0.png", picture(100))
    discovered(world)
    world.put("in/0.png", picture(0))
    assert discovered(world) == Discovery(known=4, changed=1)
    assert counts(world) == {WAITING: 4, quarantined(Reason.REPLACED): 1}
    world.s3.delete_object(Bucket=world.bucket_name, Key="in/1.png")
    assert discovered(world) == Discovery(known=4, missing=1)
    assert counts(world)[quarantined(Reason.MISSING)] == 1
    world.put("in/1.png", picture(1))
    assert discovered(world) == Discovery(known=3, new=1)
    assert counts(world) == {WAITING: 4, quarantined(Reason.REPLACED): 1}


def test_a_copy_is_set_aside_whether_its_original_is_known_or_beside_it(world: World) -> None:
    world.land(1)
    discovered(world)
    world.put("in/a-copy.png", picture(0))
    world.put("in/b.png", picture(7))
    world.put("in/c-copy.png", picture(7))
    assert discovered(world) == Discovery(known=1, new=3, duplicates=2)
    assert counts(world) == {WAITING: 2, quarantined(Reason.DUPLICATE): 2}


def test_an_image_beside_a_file_of_the_same_content_but_another_kind_of_name_is_no_copy(world: World) -> None:
    world.land(3)
    world.put("in/0.bak", picture(0))
    assert discovered(world) == Discovery(new=4, unreadable=1)
    assert counts(world) == {WAITING: 3, quarantined(Reason.NOT_AN_IMAGE): 1}


def test_a_moved_image_is_no_duplicate_in_the_end(world: World) -> None:
    world.land(4)
    discovered(world)
    world.s3.delete_object(Bucket=world.bucket_name, Key="in/3.png")
    world.put("in/moved.png", picture(3))
    discovered(world)
    discovered(world)
    assert counts(world)[WAITING] == 4


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("in/notes.txt", b"Rotate these."),
        ("in/empty.png", b""),
        ("in/text.png", b"no picture, whatever its name says"),
        ("in/cut.png", picture(9)[:20]),
    ],
)
def test_what_is_no_image_is_in_quarantine_and_the_others_go_on(world: World, key: str, content: bytes) -> None:
    world.land(4)
    world.put(key, content)
    assert discovered(world) == Discovery(new=5, unreadable=1)
    assert counts(world) == {WAITING: 4, quarantined(Reason.NOT_AN_IMAGE): 1}


def test_too_many_that_are_none_fail_the_run_after_they_are_recorded(world: World) -> None:
    world.land(2)
    world.put("in/a.txt", b"a")
    with pytest.raises(TooManyFailuresError, match=r"1 of 3 images under s3://.*/in/ .* tolerates 25%"):
        discovered(world)
    assert counts(world) == {WAITING: 2, quarantined(Reason.NOT_AN_IMAGE): 1}
    assert discovered(world) == Discovery(known=3)


def test_a_prefix_that_looks_empty_fails_the_run_and_loses_nothing(world: World) -> None:
    world.land(4)
    discovered(world)
    for number in range(4):
        world.s3.delete_object(Bucket=world.bucket_name, Key=f"in/{number}.png")
    with pytest.raises(TooManyFailuresError, match=r"4 of 4 images .* gone from the bucket"):
        discovered(world)
    assert counts(world) == {WAITING: 4}


@contextmanager
def before(world: World, operation: str, call: Callable[..., None]) -> Iterator[None]:
    """Call something before the bucket is asked, by boto3's own events."""
    world.s3.meta.events.register(f"before-call.s3.{operation}", call)
    try:
        yield
    finally:
        world.s3.meta.events.unregister(f"before-call.s3.{operation}", call)


def reading_fails(world: World, key: str, error: BaseException) -> AbstractContextManager[None]:
    """Objects whose keys end so cannot be read."""

    def fail(params: dict[str, Any], **_: object) -> None:
        if params["url_path"].endswith(key):
            raise error

    return before(world, "GetObject", fail)


DENIED = ClientError({"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject")  # type: ignore[typeddict-item]


def test_a_killed_run_goes_on_where_it_was(world: World) -> None:
    world.land(9)
    with reading_fails(world, "in/5.png", KeyboardInterrupt()), pytest.raises(KeyboardInterrupt):
        discovered(world, shard_size=3)
    assert counts(world) == {WAITING: 3}
    assert discovered(world, shard_size=3) == Discovery(known=3, new=6)
    assert counts(world) == {WAITING: 9}


def test_an_object_that_may_not_be_read_is_counted_and_looked_at_again_by_the_next_run(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.land(4)
    with reading_fails(world, "in/2.png", DENIED), caplog.at_level(logging.WARNING):
        assert discovered(world) == Discovery(new=3, unreadable=1, skipped=1)
    assert "in/2.png: S3 denies access" in caplog.text
    assert counts(world) == {WAITING: 3}
    assert discovered(world) == Discovery(known=3, new=1)


def test_a_bucket_that_may_not_be_read_at_all_fails_every_run(world: World) -> None:
    world.land(2)
    for _ in range(2):
        with reading_fails(world, ".png", DENIED), pytest.raises(TooManyFailuresError, match="2 of 2"):
            discovered(world)
    assert discovered(world) == Discovery(new=2)


def test_an_object_that_changes_while_it_is_looked_at_is_left_to_the_next_run(world: World) -> None:
    world.land(2)

    def change(params: dict[str, Any], **_: object) -> None:
        if params["url_path"].endswith("in/1.png"):
            world.put("in/1.png", picture(50))

    with before(world, "GetObject", change):
        assert discovered(world) == Discovery(new=1, skipped=1)
    assert discovered(world) == Discovery(known=1, new=1)


def test_the_bucket_is_asked_for_each_image_once(world: World) -> None:
    world.land(3)
    asked: list[str] = []

    def note(model: Any, **_: object) -> None:
        asked.append(model.name)

    with before(world, "*", note):
        discovered(world)
    assert sorted(asked) == ["GetObject"] * 3 + ["ListObjectsV2"]
