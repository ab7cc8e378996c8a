"""The ledger's images: each content at each place once, whatever becomes of it."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from include.clients.ledger import Ledger
from include.clients.ledger.images import Discovered, WaitingImage
from include.lifecycle.discovery import KnownImage, discover
from include.lifecycle.images import Header, Image, Reason, StoredObject
from include.lifecycle.looks import Look
from tests.include.clients.ledger.records import (
    ANNOTATOR,
    HEADER,
    NOW,
    PREFIX,
    PROJECT,
    add,
    found,
    id_of,
    plan,
    predict,
    states,
)

AWKWARD = [
    "a",
    "a b",
    "a-b",
    "a.b",
    "a/b",
    "a/",
    "A",
    "B/a",
    "Z",
    "_",
    "~",
    "é",
    "e\u0301",
    "日",
    "\U0001f600",
    "%",
    "a_b",
]


def known(ledger: Ledger, prefix: str = PREFIX) -> dict[str, str]:
    return {image.uri.removeprefix(PREFIX): image.etag for image in ledger.images.known(PROJECT, prefix)}


def replace(ledger: Ledger, key: str, old: str, new: str, reason: Reason | None = None) -> None:
    ledger.images.add(PROJECT, [found(key, new, reason)], [id_of(key, old)], NOW)


def test_a_new_image_waits(ledger: Ledger) -> None:
    (a,) = add(ledger, "a")
    assert states(ledger) == {"waiting": 1}
    assert ledger.images.get(PROJECT, [a], current=True) == {a: Image(a, PREFIX + "a", "1", 10, HEADER)}
    assert list(ledger.images.known(PROJECT, PREFIX)) == [KnownImage(PREFIX + "a", "1", a)]


def test_a_header_comes_back_whole(ledger: Ledger) -> None:
    header = Header("TIFF", 4, 3, 6, "I;16", "v" * 1024)
    ledger.images.add(PROJECT, [Discovered(StoredObject(PREFIX + "a", "1", 2**40), header)], [], NOW)
    image = ledger.images.get(PROJECT, [id_of("a")], current=True)[id_of("a")]
    assert (image.header, image.size) == (header, 2**40)


def test_what_is_no_image_goes_to_quarantine_with_its_reason(ledger: Ledger) -> None:
    ledger.images.add(PROJECT, [found("a", reason=Reason.NOT_AN_IMAGE)], [], NOW)
    assert states(ledger) == {"quarantined:not an image": 1}
    assert known(ledger) == {"a": "1"}  # it is not looked at again


def test_a_shard_is_written_whole_or_not_at_all(ledger: Ledger) -> None:
    add(ledger, "a")
    twice = [found("b"), found("a", "2")]  # another content at a place, and nothing said of the first
    with pytest.raises(IntegrityError):
        ledger.images.add(PROJECT, twice, [], NOW)
    assert known(ledger) == {"a": "1"}


def test_the_same_shard_again_changes_nothing(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.images.add(PROJECT, [found("a"), found("b", reason=Reason.NOT_AN_IMAGE)], [], NOW)
    assert states(ledger) == {"waiting": 1, "quarantined:not an image": 1}


def test_projects_do_not_see_each_other(ledger: Ledger) -> None:
    add(ledger, "a")
    add(ledger, "a", project="owls")
    ledger.images.lose("owls", [id_of("a")])
    assert states(ledger) == {"waiting": 1}
    assert ledger.images.originals("owls", [("1", 10)]) == {}


def test_a_changed_image_takes_the_place_of_the_old_one(ledger: Ledger) -> None:
    add(ledger, "a")
    replace(ledger, "a", "1", "2")
    assert states(ledger) == {"waiting": 1, "quarantined:replaced": 1}
    assert known(ledger) == {"a": "2"}
    assert list(ledger.images.get(PROJECT, [id_of("a"), id_of("a", "2")], current=True)) == [id_of("a", "2")]


def test_a_content_that_comes_back_waits_again_from_now_on(ledger: Ledger) -> None:
    (a,) = add(ledger, "a")
    predict(ledger, [a])
    replace(ledger, "a", "1", "2")
    later = NOW + timedelta(days=3)
    ledger.images.add(PROJECT, [found("a")], [id_of("a", "2")], later)
    assert states(ledger) == {"waiting": 1, "quarantined:replaced": 1}
    assert ledger.images.waiting(PROJECT, [ANNOTATOR]) == [WaitingImage(a, PREFIX + "a", later)]


def test_a_batched_image_stays_in_its_batch_whatever_becomes_of_its_object(ledger: Ledger) -> None:
    (a,) = add(ledger, "a")
    batch_id = plan(ledger, "1", [a])
    replace(ledger, "a", "1", "2")
    assert states(ledger) == {"waiting": 1, "batched:replaced": 1}
    assert ledger.images.get(PROJECT, [a], current=True) == {}
    replace(ledger, "a", "2", "1")
    assert states(ledger) == {"batched": 1, "quarantined:replaced": 1}
    ledger.images.lose(PROJECT, [a])
    assert states(ledger) == {"batched:no longer in the bucket": 1, "quarantined:replaced": 1}
    assert [image.id for image in ledger.images.of_batch(batch_id)] == [a]


def test_a_lost_image_waits_again_when_it_comes_back(ledger: Ledger) -> None:
    (a,) = add(ledger, "a")
    ledger.images.lose(PROJECT, [a])
    assert states(ledger) == {"quarantined:no longer in the bucket": 1}
    assert known(ledger) == {}
    add(ledger, "a")
    assert states(ledger) == {"waiting": 1}


def test_what_was_no_image_is_none_when_it_comes_back(ledger: Ledger) -> None:
    ledger.images.add(PROJECT, [found("a", reason=Reason.NOT_AN_IMAGE)], [], NOW)
    replace(ledger, "a", "1", "2")
    ledger.images.add(PROJECT, [found("a", reason=Reason.NOT_AN_IMAGE)], [id_of("a", "2")], NOW)
    assert states(ledger) == {f"quarantined:{Reason.NOT_AN_IMAGE}": 1, "quarantined:replaced": 1}
    assert ledger.images.unpredicted(PROJECT, ANNOTATOR, "", None) == []


def test_what_could_not_be_read_and_comes_back_readable_is_an_image(ledger: Ledger) -> None:
    ledger.images.add(PROJECT, [found("a", reason=Reason.NOT_AN_IMAGE)], [], NOW)
    ledger.images.lose(PROJECT, [id_of("a")])
    add(ledger, "a")
    assert [image.header for image in ledger.images.unpredicted(PROJECT, ANNOTATOR, "", None)] == [HEADER]


def test_only_a_waiting_image_can_be_quarantined(ledger: Ledger) -> None:
    a, b, c = add(ledger, "a", "b", "c")
    plan(ledger, "1", [b])
    ledger.images.lose(PROJECT, [c])
    for id_ in (a, b, c):
        ledger.images.quarantine(PROJECT, id_, Reason.UNDECODABLE, "image file is truncated")
    expected = {"quarantined:cannot be decoded": 1, "batched": 1, "quarantined:no longer in the bucket": 1}
    assert states(ledger) == expected


def test_originals(ledger: Ledger) -> None:
    add(ledger, "b", "a")
    ledger.images.add(PROJECT, [found("0", reason=Reason.DUPLICATE), found("c", "2", size=7)], [], NOW)
    asked = [("1", 10), ("1", 11), ("2", 7), ("3", 10)]
    assert ledger.images.originals(PROJECT, asked) == {("1", 10): PREFIX + "a", ("2", 7): PREFIX + "c"}
    ledger.images.lose(PROJECT, [id_of("a")])
    assert ledger.images.originals(PROJECT, asked)["1", 10] == PREFIX + "b"


def test_a_file_that_is_no_image_by_its_name_is_no_original(ledger: Ledger) -> None:
    ledger.images.add(PROJECT, [found("a.txt", reason=Reason.NOT_AN_IMAGE)], [], NOW)
    assert ledger.images.originals(PROJECT, [("1", 10)]) == {}


def test_a_truncated_original_is_one_nevertheless(ledger: Ledger) -> None:
    (a,) = add(ledger, "a")
    ledger.images.quarantine(PROJECT, a, Reason.UNDECODABLE, "image file is truncated")
    assert ledger.images.originals(PROJECT, [("1", 10)]) == {("1", 10): PREFIX + "a"}


def test_a_moved_object_is_no_duplicate_of_what_it_was(ledger: Ledger) -> None:
    (a,) = add(ledger, "a")
    ledger.images.add(PROJECT, [found("b", reason=Reason.DUPLICATE)], [], NOW)
    ledger.images.lose(PROJECT, [a])
    assert known(ledger) == {}  # so the next discovery finds it as new
    add(ledger, "b")
    assert states(ledger) == {"waiting": 1, "quarantined:no longer in the bucket": 1}


def test_copies_of_a_replaced_image_are_looked_at_again(ledger: Ledger) -> None:
    add(ledger, "a")
    ledger.images.add(PROJECT, [found("b", reason=Reason.DUPLICATE)], [], NOW)
    ledger.images.add(PROJECT, [found("a", "2"), found("c", reason=Reason.DUPLICATE)], [id_of("a")], NOW)
    assert known(ledger) == {"a": "2"}


def test_a_copy_stays_one_while_another_original_is_left(ledger: Ledger) -> None:
    add(ledger, "a", "b")
    copies = [found("c", reason=Reason.DUPLICATE), found("d", "1", Reason.DUPLICATE, size=11)]
    ledger.images.add(PROJECT, copies, [], NOW)
    ledger.images.lose(PROJECT, [id_of("a")])
    assert known(ledger) == {"b": "1", "c": "1"}  # d has another size: its original was never there


def test_known_images_are_in_the_order_of_an_s3_listing(ledger: Ledger) -> None:
    add(ledger, *AWKWARD)
    in_bytes = sorted(AWKWARD, key=str.encode)
    assert list(known(ledger)) == in_bytes
    listing = [StoredObject(PREFIX + key, "1", 10) for key in in_bytes]
    assert list(discover(listing, ledger.images.known(PROJECT, PREFIX))) == []


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=4)))
def test_any_keys_are_in_the_order_of_an_s3_listing(ledger: Ledger, keys: set[str]) -> None:
    ledger.images.lose(PROJECT, [image.image_id for image in ledger.images.known(PROJECT, PREFIX)])
    add(ledger, *keys)
    assert list(known(ledger)) == sorted(keys, key=str.encode)


def test_a_prefix_is_exact(ledger: Ledger) -> None:
    others = ["s3://b/IN/a", "s3://b/in-2/a", "s3://b/in", "s3://b/i_/a", "s3://b/in0", "s3://B/in/a", "s3://b/ın/a"]
    for uri in others:
        ledger.images.add(PROJECT, [Discovered(StoredObject(uri, "1", 10), HEADER)], [], NOW)
    add(ledger, "a", "A", "\U0010ffff")
    assert set(known(ledger)) == {"a", "A", "\U0010ffff"}
    assert set(known(ledger, "s3://b/i_/")) == {"s3://b/i_/a"}


def test_findings_are_written_while_known_images_are_still_read(ledger: Ledger) -> None:
    add(ledger, *(f"{number:04}" for number in range(20)))
    reading = ledger.images.known(PROJECT, PREFIX)
    assert next(reading).uri == PREFIX + "0000"
    add(ledger, "9999")
    assert len(list(reading)) == 19
    assert len(known(ledger)) == 21


def test_many_images_at_once(ledger: Ledger) -> None:
    keys = [f"{number:05}" for number in range(1200)]  # more than a statement takes
    ids = add(ledger, *keys)
    predict(ledger, ids)
    assert (
        len(ledger.images.get(PROJECT, ids, current=True))
        == len(ledger.predictions.uris(PROJECT, ANNOTATOR, ids))
        == 1200
    )
    assert list(discover((StoredObject(PREFIX + k, "1", 10) for k in keys), ledger.images.known(PROJECT, PREFIX))) == []
    ledger.images.lose(PROJECT, ids)
    add(ledger, *keys)
    assert states(ledger) == {"waiting": 1200}


def test_unpredicted_images_come_in_order_and_in_bounds(ledger: Ledger) -> None:
    a, b, c, d, e = add(ledger, "a", "b", "c", "d", "e")
    predict(ledger, [b])
    ledger.images.quarantine(PROJECT, d, Reason.UNDECODABLE, "")

    def ids(after: str, limit: int | None, **last: str) -> list[str]:
        return [image.id for image in ledger.images.unpredicted(PROJECT, ANNOTATOR, after, limit, **last)]

    assert ids("", None) == [a, c, e]
    assert ids("", 2) == [a, c]
    assert ids(PREFIX + "a", None, last=PREFIX + "c") == [c]
    assert [image.id for image in ledger.images.unpredicted(PROJECT, "rapidocr@2", "", None)] == [a, b, c, e]


def test_a_prediction_is_recorded_once(ledger: Ledger) -> None:
    a, b = add(ledger, "a", "b")
    ledger.predictions.record(PROJECT, ANNOTATOR, "s3://l/1", [a])
    ledger.predictions.record(PROJECT, ANNOTATOR, "s3://l/2", [a, b])
    assert ledger.predictions.uris(PROJECT, ANNOTATOR, [a, b, "none"]) == {a: "s3://l/1", b: "s3://l/2"}
    assert [image.image_id for image in ledger.images.waiting(PROJECT, [ANNOTATOR])] == [a, b]


def test_waiting_images_without_predictions_are_told_only_if_wanted(ledger: Ledger) -> None:
    a, b = add(ledger, "a", "b")
    predict(ledger, [a])
    assert [image.image_id for image in ledger.images.waiting(PROJECT, [ANNOTATOR])] == [a]
    found = ledger.images.waiting(PROJECT, [ANNOTATOR], unpredicted=True)
    assert [image.image_id for image in found] == [a, b]
    found = ledger.images.waiting(PROJECT, [], unpredicted=True)
    assert [image.image_id for image in found] == [a, b]


def test_a_waiting_image_comes_once_however_many_annotators_have_answered(ledger: Ledger) -> None:
    a, b, c, d = add(ledger, "a", "b", "c", "d")
    predict(ledger, [a, b])
    predict(ledger, [b, c], "second@1")
    predict(ledger, [d], "former@1")
    waiting = ledger.images.waiting(PROJECT, [ANNOTATOR, "second@1"])
    assert [image.image_id for image in waiting] == [a, b, c]


def test_looks_are_kept_beside_the_images(ledger: Ledger) -> None:
    a, b = add(ledger, "a", "b")
    add(ledger, "a", project="owls")
    predict(ledger, [a, b])
    look = Look("0123456789abcdef", bytes(range(0, 240, 5)))
    ledger.looks.record(PROJECT, {a: look})
    ledger.looks.record(PROJECT, {})
    assert ledger.looks.lacking(PROJECT, [a, b]) == {b}
    assert ledger.looks.lacking("owls", [a]) == {a}
    assert [image.look for image in ledger.images.waiting(PROJECT, [ANNOTATOR])] == [look, None]


def test_what_waits_without_predictions_is_not_planned(ledger: Ledger) -> None:
    a, _ = add(ledger, "a", "b")
    predict(ledger, [a])
    assert [image.image_id for image in ledger.images.waiting(PROJECT, [ANNOTATOR])] == [a]
    assert ledger.images.waiting(PROJECT, ["rapidocr@2"]) == []
