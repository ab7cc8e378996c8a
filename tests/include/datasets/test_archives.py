"""Archives: the same bytes for the same files."""

import hashlib
import stat
import zipfile
from pathlib import Path

import pytest

from include.datasets.archives import read_archive, write_archive

FILES = [("b/ä.txt", "eins\n"), ("a.txt", "")]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_archive(tmp_path / "new" / "x.zip", FILES)
    assert read_archive(tmp_path / "new" / "x.zip") == dict(FILES)


def test_the_bytes_depend_on_the_files_alone(tmp_path: Path) -> None:
    """The digest was taken once, on Linux with Python 3.11: another day, machine or umask must not change it."""
    write_archive(tmp_path / "x.zip", FILES)
    digest = hashlib.sha256((tmp_path / "x.zip").read_bytes()).hexdigest()
    assert digest == "7e614d8a8d0d3ca3e68cf33f3d19973ad4782650d3d18c102227d2e47c7117e8"


def test_order_date_and_mode(tmp_path: Path) -> None:
    write_archive(tmp_path / "x.zip", FILES)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.namelist() == ["b/ä.txt", "a.txt"]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {stat.filemode(info.external_attr >> 16) for info in archive.infolist()} == {"-rw-r--r--"}


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    write_archive(tmp_path / "x.zip", FILES)
    path = tmp_path / "x.zip"
    path.write_bytes(path.read_bytes().replace(b"eins", b"zwei"))
    with pytest.raises(ValueError, match=r"x\.zip is no whole zip: Bad CRC-32 for file 'b/ä\.txt'"):
        read_archive(path)
