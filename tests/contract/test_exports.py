"""Dataset exports: asked for, waited for, downloaded; and what is in the files."""

import io
import json
import zipfile
from xml.etree import ElementTree

import httpx
import pytest
from PIL import Image

from tests.contract.objects import filled_task, jpeg, new_project, new_task, request_ended, upload
from tests.contract.wire import recorded

CALLS = recorded("exports")
OWN = frozenset({"result_url"})
BOX = {"type": "rectangle", "frame": 0, "points": [10, 20, 110, 220], "source": "auto", "score": 0.5}


def _export(admin, task, wanted="COCO 1.0", save_images="false", of="tasks", **query):
    asked = {"format": wanted, "save_images": save_images, **query}
    return admin.post(f"/api/{of}/{task}/dataset/export", params=asked)


def _downloaded(admin, answer) -> zipfile.ZipFile:
    ended = request_ended(admin, answer).json()
    assert ended["status"] == "finished", ended["message"]
    got = admin.get(ended["result_url"])
    assert (got.status_code, got.headers["content-type"]) == (200, "application/zip")
    return zipfile.ZipFile(io.BytesIO(got.content))


@pytest.fixture(scope="module")
def annotated(admin):
    """Three frames; two boxes of which one is rotated on the first, a polygon on the second, a tag on the third."""
    labels = [{"name": "car", "attributes": [_COLOR]}, {"name": "night", "type": "tag"}]
    task = filled_task(admin, frames=3, labels=labels, segment_size=2, overlap=0, subset="Train")
    car, night = (label["id"] for label in admin.get("/api/labels", params={"task_id": task.id}).json()["results"])
    shapes = [
        {**BOX, "label_id": car},
        {**BOX, "label_id": car, "rotation": 30, "source": "manual", "occluded": True},
        {"type": "polygon", "frame": 1, "points": [0, 0, 100, 0, 100, 50], "label_id": car},
    ]
    sent = {"shapes": shapes, "tags": [{"label_id": night, "frame": 2}]}
    assert admin.put(f"/api/tasks/{task.id}/annotations", json=sent).status_code == 200
    return task


_COLOR = {"name": "color", "mutable": False, "input_type": "text", "default_value": "red", "values": [""]}


def test_formats(admin):
    assert admin.get("/api/server/annotation/formats").json() == CALLS["formats"].body


def test_export_with_images(admin, annotated):
    answer = _export(admin, annotated.id, save_images="true", filename="my.zip")
    assert CALLS["export"].differences(answer) == []
    me = admin.get("/api/users/self").json()["id"]
    expected = f"action=export&target=task&target_id={annotated.id}&user_id={me}&format=COCO_1~0&subresource=dataset"
    assert answer.json()["rq_id"] == expected
    ended = request_ended(admin, answer)
    detached = {**CALLS["finished"].body["operation"], "project_id": None, "task_id": annotated.id}
    assert ended.json()["operation"] == detached
    got = admin.get(ended.json()["result_url"])
    assert CALLS["download"].status == got.status_code
    assert got.headers["content-disposition"] == 'attachment; filename="my.zip"'
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        images = [name for name in archive.namelist() if name.startswith("images/")]
        assert sorted(images) == [f"images/Train/frame_000{i}.jpg" for i in range(3)]
        assert Image.open(archive.open(images[0])).size == (640, 480)


def test_coco_carries_boxes_and_polygons_but_no_sources_and_no_tags(admin, annotated):
    archive = _downloaded(admin, _export(admin, annotated.id))
    assert archive.namelist() == ["annotations/instances_Train.json"]
    content = json.loads(archive.read("annotations/instances_Train.json"))
    assert [(c["id"], c["name"]) for c in content["categories"]] == [(1, "car"), (2, "night")]
    assert [(i["file_name"], i["width"], i["height"]) for i in content["images"]] == [
        (f"frame_000{i}.jpg", 640, 480) for i in range(3)
    ]
    images = {image["id"]: image["file_name"] for image in content["images"]}
    found = [(images[a["image_id"]], a["category_id"], a["bbox"], a["area"]) for a in content["annotations"]]
    box = ("frame_0000.jpg", 1, [10, 20, 100, 200], 20000)
    assert sorted(found) == [box, box, ("frame_0001.jpg", 1, [0, 0, 100, 50], pytest.approx(2500, rel=0.05))]
    rotations = sorted(a["attributes"].get("rotation", 0) for a in content["annotations"])
    assert rotations == [0, 0, 30]
    assert {a["attributes"]["color"] for a in content["annotations"]} == {"red"}
    assert not {"source", "score"} & {key for a in content["annotations"] for key in a}


def test_cvat_for_images_carries_sources_and_tags(admin, annotated):
    archive = _downloaded(admin, _export(admin, annotated.id, "CVAT for images 1.1"))
    assert archive.namelist() == ["annotations.xml"]
    root = ElementTree.fromstring(archive.read("annotations.xml"))
    assert root.findtext("version") == "1.1"
    first, second, third = root.findall("image")
    assert [image.get("name") for image in (first, second, third)] == [f"frame_000{i}.jpg" for i in range(3)]
    upright, rotated = first.findall("box")
    sides = {"xtl": "10.00", "ytl": "20.00", "xbr": "110.00", "ybr": "220.00"}
    assert sides.items() <= upright.attrib.items()
    assert (upright.get("source"), upright.get("occluded"), upright.get("rotation")) == ("auto", "0", None)
    assert (rotated.get("source"), rotated.get("occluded"), rotated.get("rotation")) == ("manual", "1", "30.00")
    assert [(a.get("name"), a.text) for a in upright] == [("color", "red")]
    assert second.find("polygon").get("points") == "0.00,0.00;100.00,0.00;100.00,50.00"
    assert [tag.get("label") for tag in third.findall("tag")] == ["night"]


def test_yolo_has_files_for_frames_with_upright_boxes_only(admin, annotated):
    archive = _downloaded(admin, _export(admin, annotated.id, "Ultralytics YOLO Detection 1.0"))
    labels = [name for name in archive.namelist() if name.startswith("labels/")]
    assert labels == ["labels/Train/frame_0000.txt"]
    [line] = archive.read(labels[0]).decode().splitlines()
    number, *parts = line.split()
    # the box's middle is at 60, 120 and it is 100 by 200, in 640 by 480
    assert number == "0"
    assert [float(part) for part in parts] == pytest.approx([0.09375, 0.25, 0.15625, 0.416667], abs=1e-5)


def test_export_of_a_job_holds_its_frames(admin, annotated):
    archive = _downloaded(admin, _export(admin, annotated.jobs[1], of="jobs"))
    content = json.loads(archive.read("annotations/instances_Train.json"))
    assert [image["file_name"] for image in content["images"]] == ["frame_0002.jpg"]
    assert content["annotations"] == []


def test_export_of_a_project_holds_its_tasks(admin):
    project = new_project(admin)
    filled_task(admin, frames=2, project_id=project.id)
    answer = _export(admin, project.id, of="projects")
    ended = request_ended(admin, answer)
    assert CALLS["finished project"].differences(ended, own=OWN) == []
    assert f"target=project&target_id={project.id}&" in answer.json()["rq_id"]


def test_requests_of_exports_of_tasks_and_jobs(admin, task):
    answer = _export(admin, task.id, save_images="true")
    assert CALLS["finished"].differences(request_ended(admin, answer), own=OWN) == []
    answer = _export(admin, task.jobs[0], of="jobs")
    assert CALLS["finished job"].differences(request_ended(admin, answer), own=OWN) == []


def test_a_finished_export_is_started_again_under_its_id(admin, annotated):
    first = request_ended(admin, _export(admin, annotated.id)).json()
    second = request_ended(admin, _export(admin, annotated.id)).json()
    assert first["id"] == second["id"]
    assert first["finished_date"] < second["created_date"]


def test_download_by_ranges(admin, annotated):
    url = request_ended(admin, _export(admin, annotated.id)).json()["result_url"]
    whole = admin.get(url)
    part = admin.get(url, headers={"range": "bytes=0-99"})
    assert (part.status_code, part.content) == (206, whole.content[:100])
    assert part.headers["content-range"] == f"bytes 0-99/{len(whole.content)}"
    rest = admin.get(url, headers={"range": "bytes=100-", "if-range": whole.headers["etag"]})
    assert (rest.status_code, part.content + rest.content) == (206, whole.content)
    changed = admin.get(url, headers={"range": "bytes=100-", "if-range": '"other"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    assert admin.head(url).status_code == CALLS["head"].status


def test_download_refused(admin, annotator, server, annotated):
    ended = request_ended(admin, _export(admin, annotated.id)).json()
    anonymous = httpx.get(f"{server.url}/api/tasks/{annotated.id}/dataset/download", params={"rq_id": ended["id"]})
    assert CALLS["anonymous download"].differences(anonymous) == []
    assert CALLS["another's download"].differences(annotator.get(ended["result_url"])) == []
    another = annotator.get("/api/requests/" + ended["id"].replace("&", "%26").replace("=", "%3D"))
    assert CALLS["another's request"].differences(another) == []
    where = f"/api/tasks/{annotated.id}/dataset/download"
    assert CALLS["bad id"].differences(admin.get(where, params={"rq_id": "bad"})) == []
    assert CALLS["no id"].differences(admin.get(where)) == []


def test_export_refused(admin, annotated):
    assert CALLS["unknown format"].differences(_export(admin, annotated.id, "NOPE 1.0")) == []
    assert CALLS["no format"].differences(admin.post(f"/api/tasks/{annotated.id}/dataset/export")) == []
    assert CALLS["export of no task"].differences(_export(admin, 99999999)) == []
    old = admin.get(f"/api/tasks/{annotated.id}/dataset", params={"format": "COCO 1.0"})
    assert CALLS["old export"].differences(old) == []
    old = admin.get(f"/api/tasks/{annotated.id}/annotations", params={"format": "COCO 1.0"})
    assert CALLS["old annotations"].differences(old) == []


def test_export_of_a_task_without_data_fails(admin):
    failed = request_ended(admin, _export(admin, new_task(admin)))
    assert CALLS["without data"].differences(failed) == []


def test_a_finished_export_is_not_cancelled(admin, annotated):
    rq_id = request_ended(admin, _export(admin, annotated.id)).json()["id"]
    path = rq_id.replace("&", "%26").replace("=", "%3D")
    assert CALLS["cancel finished"].differences(admin.post(f"/api/requests/{path}/cancel")) == []


def test_exports_are_listed_by_what_they_are(admin, annotated):
    rq_id = request_ended(admin, _export(admin, annotated.id)).json()["id"]
    found = admin.get("/api/requests", params={"action": "export", "target": "task", "task_id": annotated.id}).json()
    assert rq_id in [row["id"] for row in found["results"]]
    assert {row["operation"]["type"].partition(":")[0] for row in found["results"]} == {"export"}


def test_a_frame_that_is_taken_out_is_not_exported(admin):
    task = filled_task(admin, frames=2, labels=[{"name": "a"}])
    admin.patch(f"/api/tasks/{task.id}/data/meta", json={"deleted_frames": [0]})
    archive = _downloaded(admin, _export(admin, task.id))
    content = json.loads(archive.read("annotations/instances_default.json"))
    assert [image["file_name"] for image in content["images"]] == ["frame_0001.jpg"]


def _linked(admin, bucket):
    storage = admin.post("/api/cloudstorages", json=bucket.storage()).json()["id"]
    bucket.put("b.jpg", jpeg(640, 480))
    task = new_task(admin, labels=[{"name": "a"}])
    linked = {"image_quality": 70, "server_files": ["b.jpg"], "cloud_storage_id": storage}
    ended = request_ended(admin, admin.post(f"/api/tasks/{task}/data", json=linked))
    assert ended.json()["status"] == "finished"
    return task, storage


def test_images_of_a_bucket_are_exported_while_they_are_there(admin, bucket):
    task, _ = _linked(admin, bucket)
    archive = _downloaded(admin, _export(admin, task, save_images="true"))
    assert "images/default/b.jpg" in archive.namelist()
    bucket.s3.delete_object(Bucket=bucket.name, Key="b.jpg")
    admin.patch(f"/api/tasks/{task}", json={"name": "changed"})  # what was exported before is not handed out again
    gone = request_ended(admin, _export(admin, task, save_images="true"))
    assert CALLS["object gone"].differences(gone) == []


def test_export_to_a_bucket(admin, bucket):
    task, storage = _linked(admin, bucket)
    where = {"location": "cloud_storage", "cloud_storage_id": storage, "filename": "exports/t.zip"}
    ended = request_ended(admin, _export(admin, task, "CVAT for images 1.1", **where)).json()
    assert (ended["status"], ended["result_url"]) == ("finished", CALLS["to a bucket"].body["result_url"])
    sent = bucket.s3.get_object(Bucket=bucket.name, Key="exports/t.zip")["Body"].read()
    assert zipfile.ZipFile(io.BytesIO(sent)).namelist() == ["annotations.xml"]


def test_frames_of_one_name_are_told_apart_in_a_project(admin):
    made = admin.post("/api/projects", json={"name": "two tasks", "labels": [{"name": "a"}]}).json()["id"]
    for _ in range(2):
        task = new_task(admin, project_id=made)
        request_ended(admin, upload(admin, task, {"a.jpg": jpeg()}))
    archive = _downloaded(admin, _export(admin, made, of="projects", save_images="true"))
    content = json.loads(archive.read("annotations/instances_default.json"))
    names = {image["file_name"] for image in content["images"]}
    assert len(names) == 2
    assert {f"images/default/{name}" for name in names} <= set(archive.namelist())
