"""Cloud storages, and tasks linked to a bucket: with a manifest and without."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.objects import Bucket, jpeg, new_task, request_ended
from tests.contract.wire import recorded

CALLS = recorded("cloud")


@pytest.fixture
def images(bucket: Bucket) -> Bucket:
    for i in range(12):
        bucket.put(f"batch1/frame_{i:04d}.jpg", jpeg(640, 480))
    return bucket


def _manifest(rows: list[dict[str, Any]]) -> bytes:
    lines = [{"version": "1.1"}, {"type": "images"}, *rows]
    return "\n".join(json.dumps(line) for line in lines).encode()


@pytest.fixture
def described(bucket: Bucket) -> Bucket:
    """A manifest of eight images of which the bucket has none: nobody should miss them yet."""
    rows = [{"name": f"frame_{i:04d}", "extension": ".jpg", "width": 640, "height": 480} for i in range(8)]
    bucket.put("batch2/manifest.jsonl", _manifest(rows))
    return bucket


def _storage(admin, bucket: Bucket, **values: Any) -> int:
    answer = admin.post("/api/cloudstorages", json=bucket.storage(**values))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


@pytest.fixture
def link(admin, project) -> Callable[..., tuple[int, httpx.Response]]:
    """Makes a task and links files to it; returns the task's id and what the server answers to the link."""

    def linked(storage: int, files: list[str], **values: Any) -> tuple[int, httpx.Response]:
        body = {"image_quality": 70, "cloud_storage_id": storage, "server_files": files, "use_cache": True, **values}
        task = new_task(admin, segment_size=5, project_id=project.id)
        return task, admin.post(f"/api/tasks/{task}/data", json=body)

    return linked


def _names(admin, task: int) -> list[str]:
    return [frame["name"] for frame in admin.get(f"/api/tasks/{task}/data/meta").json()["frames"]]


def test_storage_is_checked_when_it_is_made(admin, images):
    made = admin.post("/api/cloudstorages", json=images.storage())
    assert CALLS["create storage"].differences(made) == []
    assert "secret" not in made.text
    missing = admin.post("/api/cloudstorages", json=images.storage(resource="nobucket"))
    assert CALLS["no bucket"].differences(missing) == []
    nowhere = admin.post(
        "/api/cloudstorages",
        json=images.storage(resource="cvat-bucket", specific_attributes="endpoint_url=http://127.0.0.1:1"),
    )
    assert CALLS["no endpoint"].differences(nowhere) == []
    assert CALLS["get storage"].differences(admin.get(f"/api/cloudstorages/{made.json()['id']}")) == []


def test_content_of_a_bucket(admin, images):
    path = f"/api/cloudstorages/{_storage(admin, images)}"
    assert CALLS["status"].differences(admin.get(f"{path}/status")) == []
    top = admin.get(f"{path}/content-v2")
    assert CALLS["top"].differences(top) == []
    assert top.json()["content"][0]["name"] == "batch1"
    folder = admin.get(f"{path}/content-v2", params={"prefix": "batch1/"})
    assert CALLS["folder"].differences(folder) == []


def test_manifests_of_a_storage(admin, described):
    path = f"/api/cloudstorages/{_storage(admin, described)}"
    missing = admin.patch(path, json={"manifests": ["nope.jsonl"]})
    assert missing.status_code == CALLS["missing manifest"].status
    expected = CALLS["missing manifest"].body["manifests"].replace("cvat-bucket", described.name)
    assert missing.json() == {"manifests": expected}
    described.put("manifest.jsonl", _manifest([]))
    set_both = admin.patch(path, json=CALLS["set manifests"].sent)
    assert CALLS["set manifests"].differences(set_both) == []
    query = {"manifest_path": "batch2/manifest.jsonl"}
    assert CALLS["top by manifest"].differences(admin.get(f"{path}/content-v2", params=query)) == []
    below = admin.get(f"{path}/content-v2", params={**query, "prefix": "batch2/"})
    assert CALLS["folder by manifest"].differences(below) == []


def test_storages_are_found_and_deleted(admin, images):
    name = f"storage-{uuid4().hex[:8]}"
    storage = _storage(admin, images, display_name=name)
    found = admin.get("/api/cloudstorages", params={"name": name}).json()["results"]
    assert [row["id"] for row in found] == [storage]
    assert admin.delete(f"/api/cloudstorages/{storage}").status_code == 204
    assert admin.get(f"/api/cloudstorages/{storage}").status_code == 404


def test_storage_belongs_to_its_owner(admin, annotator, images):
    storage = _storage(admin, images)
    assert annotator.get(f"/api/cloudstorages/{storage}").status_code == 403
    assert annotator.get("/api/cloudstorages").json()["count"] == 0


def test_linked_with_a_manifest_reads_no_image(admin, link, described):
    storage = _storage(admin, described, manifests=["batch2/manifest.jsonl"])
    files = ["batch2/manifest.jsonl", *(f"batch2/frame_{i:04d}.jpg" for i in range(8))]
    task, answer = link(storage, files)
    assert request_ended(admin, answer).json()["status"] == "finished"
    meta = admin.get(f"/api/tasks/{task}/data/meta")
    assert CALLS["meta"].differences(meta) == []
    assert _names(admin, task) == files[1:]
    frame = admin.get(f"/api/tasks/{task}/data", params={"type": "frame", "quality": "original", "number": 0})
    assert frame.status_code == CALLS["frame gone"].status
    expected = CALLS["frame gone"].body.replace("b3/x.jpg", files[1]).replace("cvat-bucket", described.name)
    assert frame.json() == expected


def test_manifest_alone_links_all_that_it_names(admin, link, described):
    task, answer = link(_storage(admin, described), ["batch2/manifest.jsonl"])
    assert request_ended(admin, answer).json()["status"] == "finished"
    assert _names(admin, task) == [f"batch2/frame_{i:04d}.jpg" for i in range(8)]


def test_predefined_order_is_that_of_the_files(admin, link, described):
    files = [f"batch2/frame_{i:04d}.jpg" for i in (5, 2, 7)]
    asked = ["batch2/manifest.jsonl", *files]
    task, answer = link(_storage(admin, described), asked, sorting_method="predefined")
    request_ended(admin, answer)
    assert _names(admin, task) == files


def test_names_are_relative_to_the_manifest(admin, link, bucket):
    row = {"name": "deep/er/a", "extension": ".png", "width": 3, "height": 4, "meta": {"related_images": []}}
    bucket.put("lists/manifest.jsonl", _manifest([row]))
    task, answer = link(_storage(admin, bucket), ["lists/manifest.jsonl", "lists/deep/er/a.png"])
    request_ended(admin, answer)
    [frame] = admin.get(f"/api/tasks/{task}/data/meta").json()["frames"]
    assert (frame["name"], frame["width"], frame["height"]) == ("lists/deep/er/a.png", 3, 4)


@pytest.mark.parametrize(
    ("case", "manifest", "files"),
    [
        ("no intersection", _manifest([]), ["nope.jpg"]),
        ("bad manifest", b"this is no manifest\n", ["batch2/frame_0000.jpg"]),
    ],
)
def test_manifest_fails(admin, link, bucket, case, manifest, files):
    bucket.put("m/manifest.jsonl", manifest)
    _, answer = link(_storage(admin, bucket), ["m/manifest.jsonl", *files])
    assert CALLS[case].differences(request_ended(admin, answer)) == []


def test_linked_without_a_manifest_reads_every_header(admin, link, images):
    files = [f"batch1/frame_{i:04d}.jpg" for i in range(12)]
    task, answer = link(_storage(admin, images), files)
    assert request_ended(admin, answer).json()["status"] == "finished"
    meta = admin.get(f"/api/tasks/{task}/data/meta").json()
    assert [(f["name"], f["width"], f["height"]) for f in meta["frames"]] == [(name, 640, 480) for name in files]
    jobs = admin.get("/api/jobs", params={"task_id": task, "sort": "id"}).json()["results"]
    assert [(job["start_frame"], job["stop_frame"]) for job in jobs] == [(0, 4), (5, 9), (10, 11)]


def test_frame_is_read_when_it_is_asked_for(admin, link, images):
    task, answer = link(_storage(admin, images), ["batch1/frame_0000.jpg"])
    request_ended(admin, answer)
    newer = jpeg(320, 240)
    images.put("batch1/frame_0000.jpg", newer)
    query = {"type": "frame", "quality": "original", "number": 0}
    assert admin.get(f"/api/tasks/{task}/data", params=query).content == newer
    images.s3.delete_object(Bucket=images.name, Key="batch1/frame_0000.jpg")
    assert admin.get(f"/api/tasks/{task}/data", params=query).status_code == 404


def test_folder_with_exceptions(admin, link, images):
    excluded = ["batch1/frame_0003.jpg"]
    task, answer = link(_storage(admin, images), ["batch1/"], server_files_exclude=excluded)
    request_ended(admin, answer)
    assert _names(admin, task) == [f"batch1/frame_{i:04d}.jpg" for i in range(12) if i != 3]


def test_missing_object_fails_the_request(admin, link, images):
    _, answer = link(_storage(admin, images), ["batch1/nope.jpg"])
    failed = request_ended(admin, answer)
    assert CALLS["missing object"].differences(failed, own=frozenset({"message"})) == []
    assert failed.json()["message"] == CALLS["missing object"].body["message"].replace("cvat-bucket", images.name)


def test_link_refused(admin, link, images):
    storage = _storage(admin, images)
    _, unknown = link(99999999, ["batch1/frame_0000.jpg"])
    assert CALLS["no storage"].differences(unknown) == []
    _, twice = link(storage, ["batch1/frame_0000.jpg"] * 2)
    assert CALLS["file twice"].differences(twice) == []
