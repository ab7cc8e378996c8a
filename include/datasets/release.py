"""A release: a dataset version as files, the same bytes for the same contents."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from include.datasets.coco import write_coco
from include.datasets.contents import (
    ReleaseContents,
    ReleasedImage,
    ReleaseSettings,
    contents_of,
    split_in,
    to_json,
)
from include.datasets.voc import write_voc
from include.datasets.yolo import write_data, write_yolo
from include.lifecycle.reviews import Acceptance

MANIFEST = "manifest.jsonl"
CONTENTS = "dataset.json"


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """Where an image of a release is, and which content it has there: size in bytes, width and height in
    pixels as EXIF orientation shows it, the version id only where the bucket keeps versions. The revision is
    the one whose annotations were released."""

    uri: str
    etag: str
    size: int
    width: int
    height: int
    split: str
    accepted: Acceptance
    revision: str
    version_id: str | None = None


_ROW: TypeAdapter[ManifestRow] = TypeAdapter(ManifestRow)


def write_release(
    folder: Path, images: Sequence[ReleasedImage], labels: Sequence[str], settings: ReleaseSettings
) -> ReleaseContents:
    """Write a release into a folder, which is made if need be: `annotations/<split>.json` (COCO), the other
    formats of the settings in `yolo/` and `voc/`, `manifest.jsonl` (an image a line) and, last, `dataset.json`
    (the contents): a folder without it is half written.

    Images are not copied: the manifest pins them. Labels are in the project's order. Raises FileExistsError
    where the folder is not empty, and ValueError where the input makes no dataset; see `contents_of`.
    """
    contents = contents_of(images, labels, settings)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: a release is written into an empty folder")
    for split in sorted(settings.splits):
        members = [released for released in images if split_in(settings, released) == split]
        _write_split(folder, split, members, labels, settings)
    if "yolo" in settings.formats:
        write_data(folder / "yolo", settings.splits, labels)
    _write_manifest(folder, images, settings)
    (folder / CONTENTS).write_text(to_json(contents), encoding="utf-8", newline="\n")
    return contents


def coco_path(folder: Path, split: str) -> Path:
    """Where a release in a folder keeps the annotations of a split."""
    return folder / "annotations" / f"{split}.json"


def read_manifest(folder: Path) -> list[ManifestRow]:
    """The manifest of a release in a folder. Raises ValueError, naming the field, where a line is no row of
    one."""
    with (folder / MANIFEST).open(encoding="utf-8") as file:
        return [_ROW.validate_json(line) for line in file]


def _write_split(
    folder: Path, split: str, images: Sequence[ReleasedImage], labels: Sequence[str], settings: ReleaseSettings
) -> None:
    path = coco_path(folder, split)
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        write_coco(file, f"{settings.name}, {split}", images, labels)
    if "yolo" in settings.formats:
        write_yolo(folder / "yolo", split, images, labels, segments=settings.segments)
    if "voc" in settings.formats:
        write_voc(folder / "voc", settings.name, split, images)


def _write_manifest(folder: Path, images: Sequence[ReleasedImage], settings: ReleaseSettings) -> None:
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="\n") as file:
        for released in sorted(images, key=lambda released: released.key):
            row = _ROW.dump_json(_manifest_row(released, split_in(settings, released)), exclude_none=True)
            file.write(row.decode() + "\n")


def _manifest_row(released: ReleasedImage, split: str) -> ManifestRow:
    image = released.image
    return ManifestRow(
        uri=image.uri,
        etag=image.etag,
        size=image.size,
        width=image.header.width,
        height=image.header.height,
        split=split,
        accepted=released.accepted,
        revision=released.revision_id,
        version_id=image.header.version_id,
    )
