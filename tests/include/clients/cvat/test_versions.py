"""Which servers do: by the release notes of CVAT 2.72 to 2.76 and the schemas of 2.73 and 2.80."""

import pytest

from include.clients.cvat.versions import UnsupportedError, lacks, remark

CVAT = "https://cvat.example.com"


def test_nothing_is_said_of_the_verified_version() -> None:
    assert remark("2.73.0", CVAT) == ""
    assert remark("2.73.4", CVAT) == ""


@pytest.mark.parametrize("version", ["2.74.0", "2.76.1", "2.80.0"])
def test_a_version_known_by_its_schema_says_so_and_what_it_lacks(version: str) -> None:
    said = remark(version, CVAT)
    assert said.startswith("its version was not tried (verified: 2.73), but works as far as its schema tells")
    assert said.endswith("; not there any more: quality settings of one level")


@pytest.mark.parametrize("version", ["2.81.0", "2.100.0"])
def test_a_newer_version_is_unverified(version: str) -> None:
    assert "unverified: it is newer than 2.80" in remark(version, CVAT)


def test_an_older_version_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(UnsupportedError, match=r"2\.72\.1, and Labelcycle works with 2\.73 .*lacks webhook events of"):
        remark("2.72.1", CVAT)


@pytest.mark.parametrize("version", ["3.0.0", "1.7.0", "unknown", ""])
def test_what_is_no_version_of_cvat_2_is_refused(version: str) -> None:
    with pytest.raises(UnsupportedError, match=r"works with 2\.73 and later 2\.x$"):
        remark(version, CVAT)


def test_what_one_version_lacks_of_another_is_read_from_one_table() -> None:
    assert lacks((2, 73)) == ()
    assert lacks((2, 73), than=(2, 76)) == (
        "quality requirements",
        "the sender of `completed:request[…]` events",
    )
    assert lacks((2, 76), than=(2, 73)) == ("quality settings of one level",)
