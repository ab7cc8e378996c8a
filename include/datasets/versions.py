"""Versions: what the next release of a dataset is called."""

import re
from dataclasses import dataclass
from typing import Self

from include.datasets.contents import ReleaseContents, ReleaseSettings

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A semantic version (semver.org, 2.0.0) of a dataset, without pre-release or build. Its text is
    `1.0.0`."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version that a text like `1.0.0` means. Raises ValueError where it means none."""
        found = _VERSION.fullmatch(text)
        if not found:
            raise ValueError(f"{text!r} is not a version: it must look like 1.0.0")
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def next_version(
    previous: str | None, previous_contents: ReleaseContents | None, contents: ReleaseContents
) -> Version | None:
    """The version of contents that follow a previous release, or None where there is nothing to release: the
    digest is the same.

    - major, where what was learned or measured on the old version does not carry over: a label is gone,
    renamed or in another place (its category id is another), the shares or the seed changed (images cross
    from one split to another), or YOLO has boxes instead of outlines or the other way
    round; - minor: images came or went, labels came after the old ones, or formats came or went; - patch: all
    else, such as annotations.

    The first version is 1.0.0. Raises ValueError where a previous version comes without its contents.
    """
    if previous is None:
        return Version(1, 0, 0)
    if previous_contents is None:
        raise ValueError(f"version {previous} has no contents to compare with: complete its release record first")
    old = Version.parse(previous)
    if previous_contents.digest == contents.digest:
        return None
    if _breaks(previous_contents, contents):
        return Version(old.major + 1, 0, 0)
    if _extent(previous_contents) != _extent(contents):
        return Version(old.major, old.minor + 1, 0)
    return Version(old.major, old.minor, old.patch + 1)


def format_tag(project: str, version: Version) -> str:
    """The git tag of a release: `<project>-v1.0.0`."""
    return f"{project}-v{version}"


def parse_tag(tag: str) -> tuple[str, Version]:
    """Project and version of a release's git tag. Raises ValueError where the tag is no release's."""
    project, separator, version = tag.rpartition("-v")
    if not project or not separator:
        raise ValueError(f"{tag!r} is not the tag of a release: it must look like <project>-v1.0.0")
    return project, Version.parse(version)


def _breaks(old: ReleaseContents, new: ReleaseContents) -> bool:
    kept_labels = new.labels[: len(old.labels)] == old.labels
    same_draw = (old.settings.splits, old.settings.seed) == (new.settings.splits, new.settings.seed)
    return not (kept_labels and same_draw and _same_rows(old.settings, new.settings))


def _same_rows(old: ReleaseSettings, new: ReleaseSettings) -> bool:
    return old.segments == new.segments or "yolo" not in old.formats or "yolo" not in new.formats


def _extent(contents: ReleaseContents) -> tuple[str, tuple[str, ...], set[str]]:
    return contents.images_digest, contents.labels, set(contents.settings.formats)
