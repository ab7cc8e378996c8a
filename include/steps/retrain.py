"""Retrain: a release's boxes make a new version of a model, registered in MLflow."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from include.annotators.cells import Example, fit
from include.annotators.opened import open_picture
from include.clients.images import ImageBucket
from include.clients.registered import ModelRegistry, RegisteredModel
from include.clients.versions import DatasetRepository
from include.datasets.coco import read_coco
from include.datasets.release import read_manifest
from include.lifecycle.headers import read_header
from include.projects.model import Project


def retrain(
    project: Project,
    tag: str,
    repository: DatasetRepository,
    bucket: ImageBucket,
    registry: ModelRegistry,
    into: tuple[str, str],
    now: datetime,
) -> RegisteredModel:
    """Fit a tiny detector to a release's first split, and register it as a version of the model `into` names, with its
    alias. The same release again moves the alias alone."""
    with tempfile.TemporaryDirectory(prefix="labelcycle-retrain-") as temporary:
        folder = Path(temporary, "release")
        repository.fetch(tag, project.name, folder)
        content = fit(_examples(project, folder, bucket), [label.name for label in project.labels])
    model, alias = into
    experiment = f"labelcycle/{project.name}"
    return registry.register(model, content, alias, experiment=experiment, release=tag, at=now)


def _examples(project: Project, folder: Path, bucket: ImageBucket) -> Iterator[Example]:
    """The images that people have seen: what a model said of itself teaches it nothing."""
    split = next(iter(project.release.splits))
    document = read_coco((folder / "annotations" / f"{split}.json").read_text(encoding="utf-8"))
    rows = {row.uri: row for row in read_manifest(folder) if row.accepted != "automatic"}
    boxes = defaultdict(list)
    for one in document.annotations:
        left, top, width, height = one.bbox
        boxes[one.image_id].append((one.category_id - 1, left, top, left + width, top + height))
    for image in document.images:
        if row := rows.get(image.coco_url):
            content = bucket.read(row.uri, row.etag)
            yield Example(open_picture(content, read_header(content, complete=True)), boxes[image.id])
