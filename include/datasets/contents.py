"""Contents: what a release is made from, in canonical form, and what tells one release from another."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from pydantic import TypeAdapter

from include.datasets.layout import check_names
from include.datasets.splits import check_shares, split_of
from include.lifecycle.boxes import Box, corners_of
from include.lifecycle.extents import extent
from include.lifecycle.geometry import fault
from include.lifecycle.images import Header, Image, split_uri
from include.lifecycle.masks import mask_of, pixels_of
from include.lifecycle.reviews import Acceptance, Annotation
from include.lifecycle.shapes import Shape, ShapeType
from include.projects.fields import HELD, Format

Row = tuple[str, str, tuple[float, ...], float, bool, tuple[tuple[str, str], ...]]

ATTRIBUTES = ("occluded", "rotation")  # that every released object has, named as in CVAT's COCO export
DECIMALS = 2  # of a pixel or degree: what CVAT's interface and exports keep


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """What a project says of its releases: its name, the shares of the splits by name, the seed of their draw,
    and the formats, of which COCO is always one. Segments: YOLO has outlines instead of boxes, because every label of
    the project is a polygon.

    Raises ValueError where the shares do not add up to 1, a split cannot name a file, or COCO is not among the formats.
    """

    name: str
    splits: Mapping[str, float]
    seed: str
    formats: tuple[Format, ...] = ("coco",)
    segments: bool = False

    def __post_init__(self) -> None:
        if "coco" not in self.formats:
            raise ValueError("every release is in the format coco, and may be in others besides")
        check_shares(self.splits)
        for split in self.splits:
            if not re.fullmatch(r"[A-Za-z0-9_-]+", split):
                raise ValueError(f"split {split!r} names a file: use letters, digits, _ and - only")


@dataclass(frozen=True, slots=True)
class ReleasedImage:
    """An image and its annotations in the revision that a release pins, and how that revision was
    accepted."""

    image: Image
    accepted: Acceptance
    revision_id: str
    annotations: tuple[Annotation, ...]

    @property
    def key(self) -> str:
        """The key of the image in its bucket: its file name in the release."""
        return split_uri(self.image.uri)[1]


@dataclass(frozen=True, slots=True)
class ReleaseContents:
    """What a release holds. The digest stands for all of it, the images' digest for which images these are;
    counts are of images by split, of annotations by split and class, zeros left in, and by split of those
    that are rotated: YOLO, VOC and COCO's `bbox` have the upright box around them. Kept as `dataset.json`."""

    digest: str
    images_digest: str
    labels: tuple[str, ...]
    settings: ReleaseSettings
    images: Mapping[str, int]
    annotations: Mapping[str, Mapping[str, int]]
    rotated: Mapping[str, int] = field(default_factory=dict)


_JSON: TypeAdapter[ReleaseContents] = TypeAdapter(ReleaseContents)


def to_json(contents: ReleaseContents) -> str:
    """The contents as JSON, the same text for the same contents; `from_json` reads it."""
    return json.dumps(_JSON.dump_python(contents, mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def from_json(text: str) -> ReleaseContents:
    """The contents that `to_json` wrote. Raises ValueError (pydantic's, naming the field) where there are
    none."""
    return _JSON.validate_json(text)


def contents_of(images: Sequence[ReleasedImage], labels: Sequence[str], settings: ReleaseSettings) -> ReleaseContents:
    """What a release of these images would hold, with labels in the project's order; nothing is written.

    Raises ValueError where two images share a key, an annotation is of another image, has an unknown label
    or an attribute called `occluded` or `rotation`, or is malformed, or where a format cannot hold all of
    the images or objects.
    """
    _check_images(images, labels, settings)
    check_names((released.key for released in images), labels, settings.formats)
    image_counts = Counter(split_in(settings, released) for released in images)
    class_counts = Counter(
        (split_in(settings, released), annotation.shape.label)
        for released in images
        for annotation in released.annotations
    )
    rotated = Counter(
        split_in(settings, released)
        for released in images
        for annotation in released.annotations
        if _turn(annotation.shape.rotation)
    )
    splits = sorted(settings.splits)
    return ReleaseContents(
        digest=release_digest(images, labels, settings),
        images_digest=_digest(sorted(_identity(released) for released in images)),
        labels=tuple(labels),
        settings=settings,
        images={split: image_counts[split] for split in splits},
        annotations={split: {label: class_counts[split, label] for label in labels} for split in splits},
        rotated={split: rotated[split] for split in splits},
    )


def release_digest(images: Sequence[ReleasedImage], labels: Sequence[str], settings: ReleaseSettings) -> str:
    """SHA-256 over what decides whether a release is a new one, whatever the order of images and
    annotations: each image (uri, etag, size), how it was accepted and its canonical shapes; the labels in
    order; the settings, formats only if there are others than COCO. Shape ids, sources and revision ids do
    not count."""
    ordered = sorted(images, key=lambda released: released.image.uri)
    rows = [[_identity(released), released.accepted, *map(_row, canonical_shapes(released))] for released in ordered]
    settled = asdict(settings) | {"formats": sorted(settings.formats)}
    if settled["formats"] == ["coco"]:
        del settled["formats"]  # as in the releases from before there were others: they keep their digests
    if not settled["segments"]:
        del settled["segments"]
    return _digest([rows, list(labels), settled])


def canonical_shapes(released: ReleasedImage) -> list[Shape]:
    """The shapes and tags of an image, sorted by label and then by all else, with points and rotation (in 0..360)
    rounded to two decimals, and masks in their smallest boxes. Equal canonical shapes make equal files."""
    return sorted((_canonical(annotation.shape) for annotation in released.annotations), key=_row)


def canonical_tags(released: ReleasedImage) -> list[Shape]:
    """The tags alone of an image, in the same order."""
    tags = (annotation.shape for annotation in released.annotations if annotation.shape.type is ShapeType.TAG)
    return sorted(map(_canonical, tags), key=_row)


def visible_box(released: ReleasedImage, shape: Shape) -> Box:
    """The upright box (x1, y1, x2, y2) around a canonical shape, in pixels: what of it is in the image."""
    header = released.image.header
    left, top, right, bottom = _box(shape)
    return (
        min(max(left, 0.0), header.width),
        min(max(top, 0.0), header.height),
        min(max(right, 0.0), header.width),
        min(max(bottom, 0.0), header.height),
    )


def is_cut(released: ReleasedImage, shape: Shape) -> bool:
    """Whether the box around a canonical shape reaches over the image's edge."""
    return visible_box(released, shape) != _box(shape)


def rounded(number: float) -> float:
    """A number to two decimals, without a negative zero."""
    return round(number, DECIMALS) + 0.0


def split_in(settings: ReleaseSettings, released: ReleasedImage) -> str:
    """The split of an image, drawn by its etag."""
    return split_of(released.image.etag, settings.splits, settings.seed)


def _check_images(images: Sequence[ReleasedImage], labels: Sequence[str], settings: ReleaseSettings) -> None:
    """Raise ValueError where images and labels make no dataset; see `contents_of`."""
    keys = Counter(released.key for released in images)
    if twice := sorted(key for key, count in keys.items() if count > 1):
        raise ValueError(f"two images of one key cannot be in one release: {', '.join(twice)}")
    known = set(labels)
    for released in images:
        for annotation in released.annotations:
            _check_annotation(released, annotation, known)
            _check_held(annotation.shape, f"image {released.key}, shape {annotation.shape_id}", settings)


def _check_annotation(released: ReleasedImage, annotation: Annotation, labels: set[str]) -> None:
    shape, where = annotation.shape, f"image {released.key}, shape {annotation.shape_id}"
    if annotation.image_id != released.image.id:
        raise ValueError(f"{where}: it is of image {annotation.image_id}, not {released.image.id}")
    if shape.label not in labels:
        known = ", ".join(sorted(labels))
        raise ValueError(
            f"{where}: label {shape.label!r} is none of the project's: {known}; add it, or, if it was renamed, "
            "name it in the label's renamed_from"
        )
    if taken := sorted(set(ATTRIBUTES) & {name for name, _ in shape.attributes}):
        raise ValueError(f"{where}: its attribute {taken[0]!r} has a name that releases need; call it otherwise")
    try:
        _check_form(shape, released.image.header)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _check_held(shape: Shape, where: str, settings: ReleaseSettings) -> None:
    """Raise ValueError for a shape that one of the formats does not hold."""
    held = {name: HELD[name] for name in settings.formats} | ({"yolo": {"polygon"}} if settings.segments else {})
    if refusing := [name for name, types in held.items() if shape.type not in types]:
        told = ", ".join(sorted(held[refusing[0]]))
        raise ValueError(f"{where}: it is a {shape.type}, and {refusing[0]} holds {told} alone")


def _check_form(shape: Shape, header: Header) -> None:
    """Raise ValueError for a malformed shape; a rectangle may reach over the image's edge, and is told of later."""
    if shape.type is ShapeType.RECTANGLE:
        corners_of(shape)
    elif wrong := fault(shape.type, shape.points, shape.rotation, header.width, header.height):
        raise ValueError(wrong)
    elif shape.rotation % 360:
        raise ValueError(f"a {shape.type} turned by {shape.rotation} degrees: only rectangles are turned")


def _canonical(shape: Shape) -> Shape:
    points = shape.points
    if shape.type is ShapeType.MASK:
        points = mask_of(pixels_of(points), int(points[-4]), int(points[-3]))
    else:
        points = tuple(map(rounded, points))
    attributes = tuple(sorted(shape.attributes))
    return replace(shape, points=points, rotation=_turn(shape.rotation), attributes=attributes)


def _turn(degrees: float) -> float:
    """A rotation in 0..360, to two decimals; a whole turn is none."""
    return rounded(degrees % 360) % 360


def _box(shape: Shape) -> Box:
    left, top, right, bottom = map(rounded, extent(shape))
    return left, top, right, bottom


def _row(shape: Shape) -> Row:
    return (shape.label, shape.type, shape.points, shape.rotation, shape.occluded, shape.attributes)


def _identity(released: ReleasedImage) -> list[str | int]:
    return [released.image.uri, released.image.etag, released.image.size]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
