"""Contents and their digest: every change that counts changes it, and no other does."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given

from include.datasets.contents import (
    ReleasedImage,
    ReleaseSettings,
    canonical_shapes,
    contents_of,
    from_json,
    release_digest,
    to_json,
)
from include.lifecycle.reviews import Acceptance
from include.lifecycle.shapes import Shape, ShapeType
from tests.include.datasets.objects import LABELS, SETTINGS, box, released, releases

SHAPE = replace(box(10, 20, 30, 40, rotation=5.0), attributes=(("text", "EXIT"),))
FIRST, SECOND = released("first", [SHAPE, box(1, 2, 3, 4)]), released("second")
DIGEST = release_digest([FIRST, SECOND], LABELS, SETTINGS)


def first_with(shape: Shape) -> list[ReleasedImage]:
    return [replace(FIRST, annotations=(replace(FIRST.annotations[0], shape=shape), FIRST.annotations[1])), SECOND]


@pytest.mark.parametrize(
    "changed",
    [
        replace(SHAPE, label="number"),
        replace(SHAPE, points=(10.01, 20.0, 30.0, 40.0)),
        replace(SHAPE, rotation=5.01),
        replace(SHAPE, occluded=True),
        replace(SHAPE, attributes=(("text", "EXIT 5"),)),
        replace(SHAPE, attributes=()),
    ],
)
def test_a_changed_shape_changes_the_digest(changed: Shape) -> None:
    assert release_digest(first_with(changed), LABELS, SETTINGS) != DIGEST


@pytest.mark.parametrize(
    "same",
    [
        replace(SHAPE, points=(10.004, 19.996, 30.0, 40.0)),  # float noise under two decimals
        replace(SHAPE, rotation=365.0),
        replace(SHAPE, points=(10, 20, 30, 40)),  # integers
    ],
)
def test_the_same_shape_written_otherwise_does_not(same: Shape) -> None:
    assert release_digest(first_with(same), LABELS, SETTINGS) == DIGEST


@pytest.mark.parametrize(
    "images",
    [
        [FIRST],
        [FIRST, SECOND, released("third")],
        [FIRST, released("second", content="replaced")],
        [FIRST, replace(SECOND, image=replace(SECOND.image, size=1001))],
        [FIRST, replace(SECOND, accepted=Acceptance.AUTOMATIC)],
        [replace(FIRST, annotations=FIRST.annotations[:1]), SECOND],
        [replace(FIRST, annotations=FIRST.annotations + FIRST.annotations[:1]), SECOND],
    ],
)
def test_a_changed_image_changes_the_digest(images: list[ReleasedImage]) -> None:
    assert release_digest(images, LABELS, SETTINGS) != DIGEST


@pytest.mark.parametrize("labels", [("number", "word"), ("word",), ("word", "number", "sign"), ("word", "digit")])
def test_changed_labels_change_the_digest(labels: tuple[str, ...]) -> None:
    assert release_digest([FIRST, SECOND], labels, SETTINGS) != DIGEST


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, name="other"),
        replace(SETTINGS, seed="1"),
        replace(SETTINGS, splits={"train": 0.5, "val": 0.3, "test": 0.2}),
    ],
)
def test_changed_settings_change_the_digest(settings: ReleaseSettings) -> None:
    assert release_digest([FIRST, SECOND], LABELS, settings) != DIGEST


@pytest.mark.parametrize("field", [{"shape_id": 77}, {"source": "semi-auto"}])
def test_shape_ids_and_sources_do_not_count(field: dict[str, object]) -> None:
    annotation = replace(FIRST.annotations[0], **field)
    images = [replace(FIRST, annotations=(annotation, FIRST.annotations[1])), SECOND]
    assert release_digest(images, LABELS, SETTINGS) == DIGEST


def test_revision_and_version_ids_do_not_count() -> None:
    image = released("second", version_id="v2")
    assert release_digest([FIRST, replace(image, revision_id="other")], LABELS, SETTINGS) == DIGEST


@given(releases())
def test_the_order_of_the_input_does_not_count(images: list[ReleasedImage]) -> None:
    mixed = [
        replace(image, annotations=image.annotations[::-1]) for image in random.Random(0).sample(images, len(images))
    ]
    assert contents_of(mixed, LABELS, SETTINGS) == contents_of(images, LABELS, SETTINGS)


@given(releases())
def test_json_loses_nothing(images: list[ReleasedImage]) -> None:
    contents = contents_of(images, LABELS, SETTINGS)
    assert from_json(to_json(contents)) == contents


@given(releases())
def test_canonical_is_final(images: list[ReleasedImage]) -> None:
    for image in images:
        shapes = canonical_shapes(image)
        rewritten = tuple(replace(a, shape=s) for a, s in zip(image.annotations, shapes, strict=True))
        assert canonical_shapes(replace(image, annotations=rewritten)) == shapes


def test_counts_by_split_and_class() -> None:
    settings = replace(SETTINGS, splits={"train": 1.0, "test": 0.0})
    contents = contents_of([FIRST, SECOND], LABELS, settings)
    assert contents.images == {"test": 0, "train": 2}
    assert contents.annotations == {"test": {"word": 0, "number": 0}, "train": {"word": 2, "number": 0}}


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (lambda: [FIRST, released("first", content="other")], "two images of one key .* incoming/first.jpg"),
        (lambda: first_with(replace(SHAPE, label="sign")), "first.jpg, shape 0: label 'sign' is none of the project's"),
        (lambda: first_with(replace(SHAPE, type=ShapeType.POLYGON)), "first.jpg, shape 0: a polygon"),
        (
            lambda: first_with(replace(SHAPE, points=(1, 2, 3))),
            "first.jpg, shape 0: a rectangle .* four finite numbers",
        ),
        (lambda: first_with(replace(SHAPE, rotation=float("nan"))), "finite rotation"),
        (lambda: first_with(Shape("word", ShapeType.POLYLINE, (1, 1, 5, 5))), "a polyline, and coco holds mask, poi"),
        (lambda: first_with(Shape("word", ShapeType.MASK, (9, 1, 1, 3, 3))), "shape 0: a mask that is empty"),
        (lambda: first_with(Shape("word", ShapeType.POINTS, (1, 1), 5.0)), "a points turned by 5.0 degrees: only rect"),
        (lambda: first_with(replace(SHAPE, attributes=(("rotation", "5"),))), "attribute 'rotation' has a name"),
        (lambda: [replace(FIRST, annotations=()), replace(SECOND, annotations=FIRST.annotations)], "it is of image"),
    ],
)
def test_what_makes_no_dataset_is_refused(images: Callable[[], list[ReleasedImage]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contents_of(images(), LABELS, SETTINGS)


@pytest.mark.parametrize("split", ["../train", "", "a b"])
def test_a_split_must_be_able_to_name_a_file(split: str) -> None:
    with pytest.raises(ValueError, match="names a file"):
        ReleaseSettings("street_signs", {split: 1.0}, "0")
