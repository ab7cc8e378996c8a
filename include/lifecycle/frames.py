"""Frames' names in CVAT: an image's whole key where CVAT reads the bucket, one of our making where it gets a copy."""

import posixpath
import re

from include.lifecycle.images import Image, split_uri
from include.projects.fields import DataMode

_STEM_BYTES, _SUFFIX = 180, re.compile(r"\.[A-Za-z0-9]{1,8}$")  # a file's name may have 255 bytes in all


def frame_name(image: Image, frame: int, mode: DataMode) -> str:
    """The name of an image as the frame of that number, from 0, of its batch's task."""
    key = split_uri(image.uri)[1]
    return key if mode == "link" else copied_name(key, frame)


def copied_name(path: str, frame: int) -> str:
    """The name of a file as the frame of that number, from 0, of the task that it is copied to.

    A copied file keeps no folder in CVAT, and none may have another's name: so the frame's number comes first. What a
    form's reader may take for something else (quotes, backslashes, HTML entities) is replaced by `_`.
    """
    name = re.sub(r"[^\w .-]", "_", posixpath.basename(path))
    found = _SUFFIX.search(name)
    stem, suffix = (name[: found.start()], found.group()) if found else (name, "")
    return f"{frame:06d}_{stem.encode()[:_STEM_BYTES].decode(errors='ignore')}{suffix}"
