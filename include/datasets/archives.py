"""Archives: many small files as one, the same bytes for the same files; DVC versions few large files far faster."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

_MODE = 0o100644  # a file that all may read
_UNIX = 3  # the system by which a zip's reader understands the mode


def write_archive(path: Path, files: Iterable[tuple[str, str]]) -> None:
    """Write a zip of text files (name, content) in their order, each name once, making its folder if need be.

    Dates, modes and system are fixed. Files are stored, not deflated: what deflating makes of them differs between
    builds of zlib.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name)  # dated 1980-01-01, where a zip's time begins
            info.create_system, info.external_attr = _UNIX, _MODE << 16
            archive.writestr(info, content.encode())


def read_archive(path: Path) -> dict[str, str]:
    """The files of an archive by name. Raises OSError where there is none, ValueError where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name).decode() for name in archive.namelist()}
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path.name} is no whole zip: {error}") from error
