"""Images that are to become frames: objects of one bucket, or files on the worker's disk, in the order of frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from airflow.sdk.exceptions import AirflowFailException

from include.lifecycle.images import Image, StoredObject, image_id, split_uri
from include.lifecycle.manifest import is_manifest

if TYPE_CHECKING:
    from include.clients.cvat import UploadFile
    from include.clients.cvat.tasks import WantedFrame
    from include.clients.images import ImageBucket


class WrongImages(AirflowFailException):
    """Images that cannot become a task's frames."""


@dataclass(frozen=True, slots=True)
class Bucketed:
    """Objects of one bucket."""

    bucket: "ImageBucket"
    objects: Sequence[StoredObject]

    @property
    def name(self) -> str:
        """The bucket's name."""
        return split_uri(self.objects[0].uri)[0]

    @property
    def keys(self) -> list[str]:
        """The objects' keys."""
        return [split_uri(stored.uri)[1] for stored in self.objects]

    def frames(self) -> "list[WantedFrame]":
        """What the frames may be called: linked by the whole key, or copied."""
        from include.clients.cvat.tasks import WantedFrame
        from include.lifecycle.frames import copied_name

        return [WantedFrame((key, copied_name(key, number))) for number, key in enumerate(self.keys)]

    def files(self) -> "list[UploadFile]":
        """The objects as files to be sent, streamed from the bucket."""
        from include.clients.cvat import UploadFile
        from include.lifecycle.frames import copied_name

        return [
            UploadFile(copied_name(stored.uri, n), stored.size, partial(self.bucket.open, stored.uri, stored.etag))
            for n, stored in enumerate(self.objects)
        ]

    def images(self) -> list[Image]:
        """The objects with their sizes in pixels, from their first bytes. Raises WrongImages for what is no image."""
        found = list(self.bucket.read_headers(self.objects))
        if wrong := [f"{result.object.uri}: {result.error}" for result in found if result.header is None]:
            raise WrongImages(
                f"{len(wrong)} of {len(found)} objects cannot be linked as images: {'; '.join(wrong[:5])}"
            )
        return [
            Image(image_id(r.object.uri, r.object.etag), r.object.uri, r.object.etag, r.object.size, r.header)
            for r in found
            if r.header
        ]


@dataclass(frozen=True, slots=True)
class Local:
    """Files on the worker's disk."""

    paths: Sequence[Path]

    def frames(self) -> "list[WantedFrame]":
        """What the frames are called."""
        from include.clients.cvat.tasks import WantedFrame

        return [WantedFrame((file.name,)) for file in self.files()]

    def files(self) -> "list[UploadFile]":
        """The files to be sent. Raises WrongImages where one is missing."""
        from include.clients.cvat import UploadFile
        from include.lifecycle.frames import copied_name

        if missing := [str(path) for path in self.paths if not path.is_file()]:
            others = f", and lacks {len(missing) - 1} others of {len(self.paths)}" if missing[1:] else ""
            raise WrongImages(f"this worker has no file {missing[0]}{others}")
        return [
            UploadFile(copied_name(path.name, number), path.stat().st_size, partial(_opened, path))
            for number, path in enumerate(self.paths)
        ]


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def source_of(images: str | Sequence[str], bucket: "ImageBucket | None") -> Bucketed | Local:
    """An S3 prefix (its objects sorted by key), a list of S3 URIs, or a list of paths, which needs no bucket.

    Raises WrongImages for none, for a mixture and for several buckets; a StorageError where S3 refuses.
    """
    if bucket is None:
        return Local([Path(path) for path in _listed(images)])
    if isinstance(images, str):
        objects = [stored for stored in bucket.list(images) if not is_manifest(stored.uri)]
        if not objects:
            raise WrongImages(f"there are no objects under {images}")
        return Bucketed(bucket, objects)
    return _stated(_listed(images), bucket)


def _stated(uris: Sequence[str], bucket: "ImageBucket") -> Bucketed:
    from include.clients.ahead import ahead

    try:
        buckets = {split_uri(uri)[0] for uri in uris}
    except ValueError as error:
        raise WrongImages(str(error)) from error
    if len(buckets) > 1:
        raise WrongImages(f"a task's images must be in one bucket, and are in {', '.join(sorted(buckets))}")
    return Bucketed(bucket, list(ahead(bucket.stat, uris, workers=16)))


def _listed(images: str | Sequence[str]) -> Sequence[str]:
    listed = [images] if isinstance(images, str) else list(images)
    if not listed:
        raise WrongImages("the list of images is empty")
    if twice := sorted({image for image in listed if listed.count(image) > 1})[:3]:
        raise WrongImages(f"images are listed twice: {', '.join(twice)}")
    return listed
