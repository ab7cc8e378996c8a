"""Manifests: CVAT takes names, order and sizes from it instead of reading every image's header."""

import json
import posixpath
from collections.abc import Mapping, Sequence

from include.lifecycle.images import Image, split_uri

_PREFIX, _SUFFIX = "labelcycle-", ".manifest.jsonl"


def manifest_key(name: str) -> str:
    """Where the manifest of that name is: in the bucket's root, so that the names in it are whole keys."""
    return f"{_PREFIX}{name}{_SUFFIX}"


def is_manifest(uri: str) -> bool:
    """Whether an object is a manifest: a project whose images lie in the bucket's root finds them among these."""
    key = split_uri(uri)[1]
    return key.startswith(_PREFIX) and key.endswith(_SUFFIX)


def manifest(images: Sequence[Image]) -> bytes:
    """The images in their order, in CVAT's format (docs.cvat.ai: dataset manifest, version 1.1): a JSON object a line,
    names without their extensions, sizes in pixels after EXIF orientation."""
    rows: list[Mapping[str, object]] = [{"version": "1.1"}, {"type": "images"}]
    for image in images:
        name, extension = posixpath.splitext(split_uri(image.uri)[1])
        size = {"width": image.header.width, "height": image.header.height}
        rows.append({"name": name, "extension": extension, **size, "meta": {"related_images": []}})
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
