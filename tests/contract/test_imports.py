"""Imports of annotations: sent whole or in pieces; they replace what is there, and their source is the file."""

import base64
import io
import json
import zipfile
from urllib.parse import quote

import pytest

from tests.contract.objects import filled_task, request_ended
from tests.contract.wire import recorded

CALLS = recorded("imports")
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def annotated(admin):
    """A task with a rotated and an upright box, a polygon and a tag; and what the server says of them."""
    color = {"name": "color", "mutable": False, "input_type": "text", "default_value": "red", "values": [""]}
    labels = [{"name": "car", "attributes": [color]}, {"name": "night", "type": "tag"}]
    task = filled_task(admin, frames=3, labels=labels, segment_size=2, overlap=0)
    car, night = admin.get("/api/labels", params={"task_id": task.id}).json()["results"]
    common = {"label_id": car["id"], "source": "auto"}
    blue = [{"spec_id": car["attributes"][0]["id"], "value": "blue"}]
    shapes = [
        {**common, "type": "rectangle", "frame": 0, "points": [1.5, 2, 30.25, 40], "occluded": True},
        {**common, "type": "rectangle", "frame": 2, "points": [10, 20, 110, 220], "rotation": 30},
        {**common, "type": "polygon", "frame": 1, "points": [0, 0, 100, 0, 100, 50], "attributes": blue},
    ]
    sent = {"shapes": shapes, "tags": [{"label_id": night["id"], "frame": 2}]}
    assert admin.put(f"/api/tasks/{task.id}/annotations", json=sent).status_code == 200
    return task


def _exported(admin, task, wanted):
    answer = admin.post(f"/api/tasks/{task.id}/dataset/export", params={"format": wanted, "save_images": "false"})
    return admin.get(request_ended(admin, answer).json()["result_url"]).content


def _sent(admin, task, wanted, content, of="tasks", name="a.zip"):
    where = f"/api/{of}/{task}/annotations"
    return admin.post(where, params={"format": wanted}, files={"annotation_file": (name, content)})


def _held(admin, task):
    """The shapes and tags of a task without ids and sources, in one order; and the sources."""
    held = admin.get(f"/api/tasks/{task.id}/annotations").json()
    items = [*held["shapes"], *held["tags"]]
    sources = {item["source"] for item in items}
    bare = [{key: value for key, value in item.items() if key not in ("id", "source")} for item in items]
    return sorted(bare, key=json.dumps), sources


def test_cvat_xml_comes_back_as_it_was_but_for_the_source(admin, annotated):
    before, _ = _held(admin, annotated)
    file = _exported(admin, annotated, "CVAT for images 1.1")
    answer = _sent(admin, annotated.id, "CVAT 1.1", file)
    assert CALLS["form"].differences(answer) == []
    ended = request_ended(admin, answer)
    assert CALLS["finished"].differences(ended) == []
    assert _held(admin, annotated) == (before, {"file"})


def test_coco_comes_back_without_tags(admin, annotated):
    before, _ = _held(admin, annotated)
    file = _exported(admin, annotated, "COCO 1.0")
    assert request_ended(admin, _sent(admin, annotated.id, "COCO 1.0", file)).json()["status"] == "finished"
    after, sources = _held(admin, annotated)
    assert after == [item for item in before if "points" in item]
    assert sources == {"file"}


def test_import_takes_the_place_of_all_there_is(admin, annotated):
    empty = json.dumps({"images": [], "categories": [], "annotations": []})
    answer = _sent(admin, annotated.id, "COCO 1.0", empty, name="a.json")
    assert request_ended(admin, answer).json()["status"] == "finished"
    assert _held(admin, annotated) == ([], set())


def test_import_into_a_job_leaves_the_others_alone(admin, annotated):
    file = _exported(admin, annotated, "CVAT for images 1.1")
    archive = zipfile.ZipFile(io.BytesIO(file))
    xml = archive.read("annotations.xml").decode()
    of_job = xml[: xml.index('<image id="0"')] + xml[xml.index('<image id="2"') :]
    answer = _sent(admin, annotated.jobs[1], "CVAT 1.1", of_job, of="jobs", name="a.xml")
    ended = request_ended(admin, answer).json()
    assert (ended["status"], ended["operation"]["job_id"]) == ("finished", annotated.jobs[1])
    held = admin.get(f"/api/tasks/{annotated.id}/annotations").json()
    assert sorted((shape["frame"], shape["source"]) for shape in held["shapes"]) == [
        (0, "auto"),
        (1, "auto"),
        (2, "file"),
    ]


def test_file_is_sent_in_pieces(admin, annotated):
    before, _ = _held(admin, annotated)
    file = _exported(admin, annotated, "CVAT for images 1.1")
    where, wanted = f"/api/tasks/{annotated.id}/annotations/", {"format": "CVAT 1.1"}
    start = admin.post(where, params={**wanted, "filename": "a.zip"}, headers={"Upload-Start": ""})
    assert CALLS["start"].differences(start) == []
    about = {**TUS, "Upload-Length": str(len(file)), "Upload-Metadata": f"filename {_encoded('a.zip')}"}
    begun = admin.post(where, headers=about)
    assert CALLS["begin tus"].differences(begun) == []
    name = begun.headers["upload-filename"]
    assert begun.headers["location"].endswith(f"/api/tasks/{annotated.id}/annotations/{name}")
    piece = {**TUS, "content-type": "application/offset+octet-stream"}
    first = admin.patch(begun.headers["location"], content=file[:100], headers={**piece, "Upload-Offset": "0"})
    assert CALLS["piece"].differences(first) == []
    assert admin.head(begun.headers["location"], headers=TUS).headers["upload-offset"] == "100"
    admin.patch(begun.headers["location"], content=file[100:], headers={**piece, "Upload-Offset": "100"})
    finish = admin.post(where, params={**wanted, "filename": name}, headers={"Upload-Finish": ""})
    assert CALLS["finish"].differences(finish) == []
    assert request_ended(admin, finish).json()["status"] == "finished"
    assert _held(admin, annotated) == (before, {"file"})


def _encoded(text):
    return base64.b64encode(text.encode()).decode()


def test_junk_fails_and_leaves_what_is_there(admin, annotated):
    before = _held(admin, annotated)
    failed = request_ended(admin, _sent(admin, annotated.id, "COCO 1.0", b"junk"))
    assert CALLS["failed"].differences(failed, own=frozenset({"message"})) == []
    expected = "cvat.apps.dataset_manager.bindings.CvatImportError: Failed to import dataset 'coco_instances' at '"
    assert failed.json()["message"].startswith(expected)
    assert _held(admin, annotated) == before


OTHER_COCO = {
    "images": [{"id": 1, "file_name": "other.jpg", "width": 9, "height": 9}],
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [], "bbox": [0, 0, 5, 5], "area": 25, "iscrowd": 0}
    ],
}
OTHER_XML = """<annotations><image id="7" name="other.jpg" width="9" height="9">
<box label="car" occluded="0" xtl="0" ytl="0" xbr="5" ybr="5"/></image></annotations>"""


@pytest.mark.parametrize(
    ("wanted", "content", "name"),
    [("COCO 1.0", json.dumps(OTHER_COCO), "a.json"), ("CVAT 1.1", OTHER_XML, "a.xml")],
    ids=["coco", "xml"],
)
def test_a_file_of_other_images_fails_and_leaves_what_is_there(admin, annotated, wanted, content, name):
    before = _held(admin, annotated)
    failed = request_ended(admin, _sent(admin, annotated.id, wanted, content, name=name)).json()
    assert failed["status"] == "failed"
    assert _held(admin, annotated) == before


def test_import_refused(admin, annotator, annotated):
    for wanted in ("NOPE 1.0", ""):
        assert _sent(admin, annotated.id, wanted, b"").status_code == 400
    assert _sent(admin, 99999999, "COCO 1.0", b"{}").status_code == 404
    assert _sent(annotator, annotated.id, "COCO 1.0", b"{}").status_code == 403


def test_request_of_an_import_can_be_asked_for_by_its_id(admin, annotated):
    answer = _sent(admin, annotated.id, "COCO 1.0", _exported(admin, annotated, "COCO 1.0"))
    expected = f"action=import&target=task&target_id={annotated.id}&subresource=annotations"
    assert answer.json() == {"rq_id": expected}
    assert request_ended(admin, answer).json()["id"] == expected
    assert admin.post(f"/api/requests/{quote(expected)}/cancel").status_code == 400
