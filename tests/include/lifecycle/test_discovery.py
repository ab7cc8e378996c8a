from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lifecycle.discovery import Changed, Finding, KnownImage, Missing, New, UnsortedError, discover, duplicates
from include.lifecycle.images import StoredObject

uris = st.text(st.sampled_from("a-/.bZé日\U0001f600"), max_size=4).map(lambda key: f"s3://b/{key}")
listings = st.dictionaries(uris, st.sampled_from("123"))


def stored(contents: dict[str, str]) -> list[StoredObject]:
    """The listing as S3 sorts it: by the key's UTF-8 bytes."""
    return [StoredObject(uri, contents[uri], 1) for uri in sorted(contents, key=lambda uri: uri.encode())]


def known(contents: dict[str, str]) -> list[KnownImage]:
    return [KnownImage(uri, contents[uri], f"id of {uri}") for uri in sorted(contents, key=lambda uri: uri.encode())]


def by_dictionary(listing: list[StoredObject], table: list[KnownImage]) -> set[Finding]:
    before = {image.uri: image for image in table}
    now = {found.uri: found for found in listing}
    new: set[Finding] = {New(found) for uri, found in now.items() if uri not in before}
    changed: set[Finding] = {
        Changed(found, before[uri].image_id)
        for uri, found in now.items()
        if uri in before and before[uri].etag != found.etag
    }
    return new | changed | {Missing(image.image_id) for uri, image in before.items() if uri not in now}


@given(listings, listings)
def test_the_walk_finds_what_a_dictionary_finds(now: dict[str, str], before: dict[str, str]) -> None:
    findings = list(discover(stored(now), known(before)))
    assert set(findings) == by_dictionary(stored(now), known(before))
    assert len(set(findings)) == len(findings)


@given(listings)
def test_a_known_bucket_holds_nothing_new(contents: dict[str, str]) -> None:
    assert list(discover(stored(contents), known(contents))) == []


def test_each_kind_of_finding() -> None:
    listing = stored({"s3://b/changed": "2", "s3://b/new": "1", "s3://b/old": "1"})
    table = known({"s3://b/changed": "1", "s3://b/missing": "1", "s3://b/old": "1"})
    assert list(discover(listing, table)) == [
        Changed(listing[0], replaces="id of s3://b/changed"),
        Missing("id of s3://b/missing"),
        New(listing[1]),
    ]


def test_the_inputs_are_streamed() -> None:
    endless = (StoredObject(f"s3://b/{number:09}", "1", 1) for number in count())
    findings = discover(endless, [])
    assert [next(findings) for _ in range(3)] == [New(StoredObject(f"s3://b/{n:09}", "1", 1)) for n in range(3)]


@pytest.mark.parametrize("second", ["s3://b/a", "s3://b/b"])
def test_an_unsorted_or_repeating_listing_is_refused(second: str) -> None:
    listing = [StoredObject("s3://b/b", "1", 1), StoredObject(second, "1", 1)]
    with pytest.raises(UnsortedError, match=f"the listing is not sorted .*'{second}' comes after 's3://b/b'"):
        list(discover(listing, []))


def test_an_unsorted_table_is_refused() -> None:
    # how Postgres sorts these two by default in most languages
    table = [KnownImage("s3://b/ab", "1", "1"), KnownImage("s3://b/a-c", "1", "2")]
    with pytest.raises(UnsortedError, match="the table of known images is not sorted"):
        list(discover([], table))


def test_a_copy_is_told_with_its_original() -> None:
    original, other = StoredObject("s3://b/a", "1", 9), StoredObject("s3://b/b", "2", 9)
    copy, same_etag = StoredObject("s3://b/c", "1", 9), StoredObject("s3://b/d", "1", 8)
    assert list(duplicates([original, other, copy, same_etag])) == [(copy, original)]


def test_empty_files_are_no_copies_of_each_other() -> None:
    assert list(duplicates([StoredObject("s3://b/a", "1", 0), StoredObject("s3://b/b", "1", 0)])) == []


@given(st.lists(st.tuples(st.sampled_from("12"), st.sampled_from([0, 1, 2]))))
def test_what_is_no_copy_has_each_content_once(contents: list[tuple[str, int]]) -> None:
    listing = [StoredObject(f"s3://b/{index:03}", etag, size) for index, (etag, size) in enumerate(contents)]
    copies = {copy for copy, _ in duplicates(listing)}
    kept = [(found.etag, found.size) for found in listing if found not in copies and found.size]
    assert sorted(kept) == sorted({content for content in contents if content[1]})
