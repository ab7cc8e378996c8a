"""Checks: whether the files of a release hold together, before it gets a tag."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from include.datasets.coco import CocoDocument, read_coco
from include.datasets.contents import ReleaseContents, from_json
from include.datasets.objects import object_problems
from include.datasets.release import CONTENTS, ManifestRow, coco_path, read_manifest
from include.datasets.voc import count_voc
from include.datasets.yolo import count_yolo
from include.projects.fields import Format


def check_release(folder: Path) -> list[str]:
    """What is wrong with the release in a folder, a sentence each; none where all is well.

    Looked at: that the files can be read; that labels, and counts by split and class, are those of
    `dataset.json`; that ids are unique and refer to something; that boxes have a size and are inside their
    image (of a rotated one, the centre); that outlines, masks and keypoints are whole; that images and
    manifest name each other with the same size and split; that the other formats have the same number of
    objects of each class on each image as COCO.
    """
    try:
        contents = from_json((folder / CONTENTS).read_text(encoding="utf-8"))
        manifest = read_manifest(folder)
        splits = {split: read_coco(coco_path(folder, split).read_text("utf-8")) for split in contents.images}
    except (OSError, ValueError) as error:
        return [f"The release cannot be read: {error}"]
    problems = list(_manifest_problems(manifest, splits))
    for split, document in splits.items():
        problems += [f"{split}: {problem}" for problem in _split_problems(split, document, contents)]
        problems += [f"{split}: {problem}" for problem in _format_problems(folder, split, document, contents)]
    return problems


def _manifest_problems(manifest: Sequence[ManifestRow], splits: Mapping[str, CocoDocument]) -> Iterator[str]:
    rows = {row.uri: row for row in manifest}
    yield from (f"The manifest names {uri} {n} times." for uri, n in Counter(r.uri for r in manifest).items() if n > 1)
    annotated = Counter(image.coco_url for document in splits.values() for image in document.images)
    yield from (f"{uri} is in {n} places of the annotations." for uri, n in annotated.items() if n > 1)
    yield from (
        f"{uri} is in the manifest, but not in the annotations." for uri in sorted(rows.keys() - annotated.keys())
    )
    for split, document in splits.items():
        for image in document.images:
            row = rows.get(image.coco_url)
            if row is None:
                yield f"{image.coco_url} is in the annotations, but not in the manifest."
            elif (row.width, row.height, row.split) != (image.width, image.height, split):
                yield f"{image.coco_url} has another size or split in the manifest than in the annotations."


def _split_problems(split: str, document: CocoDocument, contents: ReleaseContents) -> Iterator[str]:
    categories = {category.id: category.name for category in document.categories}
    if list(categories.items()) != list(enumerate(contents.labels, start=1)):
        yield f"its categories are {categories}, not the labels {contents.labels} in order."
    if len(document.images) != contents.images[split]:
        yield f"it has {len(document.images)} images, not {contents.images[split]}."
    counts = Counter(categories.get(number) for number in _category_ids(document))
    for label, count in contents.annotations[split].items():
        if counts[label] != count:
            yield f"it has {counts[label]} annotations of {label!r}, not {count}."
    rotated = sum(1 for annotation in document.annotations if annotation.attributes.get("rotation"))
    if rotated != contents.rotated.get(split, rotated):
        yield f"it has {rotated} rotated annotations, not {contents.rotated[split]}."
    yield from _twice("image", [image.id for image in document.images])
    yield from _twice("annotation", [annotation.id for annotation in document.annotations])
    images = {image.id: image for image in document.images}
    for annotation in document.annotations:
        if annotation.category_id not in categories:
            yield f"annotation {annotation.id} is of category {annotation.category_id}, which there is not."
        if annotation.image_id not in images:
            yield f"annotation {annotation.id} is of image {annotation.image_id}, which there is not."
        else:
            yield from object_problems(annotation, images[annotation.image_id])
    for image in document.images:
        yield from (
            f"a tag of {image.file_name} is of category {tag.category_id}, which there is not."
            for tag in image.tags or ()
            if tag.category_id not in categories
        )


def _category_ids(document: CocoDocument) -> Iterator[int]:
    """Of all objects and tags."""
    yield from (annotation.category_id for annotation in document.annotations)
    yield from (tag.category_id for image in document.images for tag in image.tags or ())


def _format_problems(folder: Path, split: str, document: CocoDocument, contents: ReleaseContents) -> Iterator[str]:
    expected = _counts(document)
    for name in contents.settings.formats:
        try:
            found = _counted(folder / name, name, split, expected)
        except (OSError, ValueError) as error:
            yield f"{name} cannot be read: {error}"
            continue
        yield from (f"{name} does not list {key}." for key in sorted(expected.keys() - found.keys()))
        for key, counts in sorted(found.items()):
            if counts != expected[key]:
                yield f"{name} has {dict(counts)} on {key}, and coco {dict(expected[key])}."


def _counts(document: CocoDocument) -> dict[str, Counter[str]]:
    """How many objects of which class COCO has for each key; what refers to nothing is told elsewhere."""
    keys = {image.id: image.file_name for image in document.images}
    labels = {category.id: category.name for category in document.categories}
    counts: dict[str, Counter[str]] = {key: Counter() for key in keys.values()}
    for annotation in document.annotations:
        if annotation.image_id in keys and annotation.category_id in labels:
            counts[keys[annotation.image_id]][labels[annotation.category_id]] += 1
    return counts


def _counted(
    folder: Path, name: Format, split: str, expected: Mapping[str, Counter[str]]
) -> Mapping[str, Counter[str]]:
    match name:
        case "coco":
            return expected
        case "yolo":
            return count_yolo(folder, split, expected)
        case "voc":
            return count_voc(folder, split, expected)


def _twice(kind: str, ids: Sequence[int]) -> Iterator[str]:
    yield from (f"{kind} id {number} is there {count} times." for number, count in Counter(ids).items() if count > 1)
