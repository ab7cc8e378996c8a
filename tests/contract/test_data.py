"""Data of a task: sent in every form, read in the background, handed out as frames."""

import base64
import io
import zipfile

import pytest
from PIL import Image

from tests.contract.objects import filled_task, jpeg, new_task, request_ended, upload
from tests.contract.wire import recorded

CALLS = recorded("tasks")
NOT_HERE = frozenset({"message"})


def _names(admin, task_id):
    return [frame["name"] for frame in admin.get(f"/api/tasks/{task_id}/data/meta").json()["frames"]]


def test_task_with_data(admin, project):
    made = admin.post("/api/tasks", json={**CALLS["create task"].sent, "project_id": project.id}).json()
    images = {f"frame_{i:04d}.jpg": jpeg(640, 480) for i in range(30)}
    answer = upload(admin, made["id"], images, image_quality="80", sorting_method="natural")
    assert CALLS["finish upload"].differences(answer) == []
    assert answer.json()["rq_id"] == f"action=create&target=task&target_id={made['id']}"
    assert CALLS["finished request"].differences(request_ended(admin, answer)) == []
    assert CALLS["jobs"].differences(admin.get("/api/jobs", params={"task_id": made["id"]})) == []
    assert CALLS["task"].differences(admin.get(f"/api/tasks/{made['id']}")) == []
    assert CALLS["meta"].differences(admin.get(f"/api/tasks/{made['id']}/data/meta")) == []
    assert _names(admin, made["id"]) == sorted(images)
    assert CALLS["status"].differences(admin.get(f"/api/tasks/{made['id']}/status")) == []


def test_start_multiple_finish(admin, project):
    task = new_task(admin, labels=[{"name": "a"}])
    path = f"/api/tasks/{task}/data/"
    assert admin.post(path, headers={"Upload-Start": ""}).status_code == 202
    for name in ("b.jpg", "a.jpg"):
        files = {"client_files[0]": (f"/some/where/{name}", jpeg())}
        sent = admin.post(path, headers={"Upload-Multiple": ""}, data={"image_quality": "70"}, files=files)
        assert (sent.status_code, sent.content) == (200, b"")
    assert CALLS["uploading"].differences(admin.get(f"/api/tasks/{task}"), own=frozenset({"segment_size"})) == []
    finish = {"image_quality": 70, "sorting_method": "predefined", "upload_file_order": ["b.jpg", "a.jpg"]}
    request_ended(admin, admin.post(path, headers={"Upload-Finish": ""}, json=finish))
    assert _names(admin, task) == ["b.jpg", "a.jpg"]


def test_resumable_upload(admin):
    task, content = new_task(admin), jpeg(200, 100)
    path = f"/api/tasks/{task}/data/"
    admin.post(path, headers={"Upload-Start": ""})
    name = base64.b64encode(b"folder/big.jpg").decode()
    tus = {"Tus-Resumable": "1.0.0"}
    begun = admin.post(path, headers={**tus, "Upload-Length": str(len(content)), "Upload-Metadata": f"filename {name}"})
    assert CALLS["begin tus"].differences(begun) == []
    assert begun.headers["upload-filename"] == "big.jpg"
    piece = {**tus, "content-type": "application/offset+octet-stream"}
    where = begun.headers["location"]
    first = admin.patch(where, content=content[:100], headers={**piece, "Upload-Offset": "0"})
    assert first.headers["upload-offset"] == "100"
    assert admin.head(where, headers=tus).headers["upload-offset"] == "100"
    wrong = admin.patch(where, content=content[100:], headers={**piece, "Upload-Offset": "0"})
    assert wrong.status_code == 409
    last = admin.patch(where, content=content[100:], headers={**piece, "Upload-Offset": "100"})
    assert CALLS["end tus"].differences(last) == []
    request_ended(admin, admin.post(path, headers={"Upload-Finish": ""}, json={"image_quality": 70}))
    assert _names(admin, task) == ["big.jpg"]
    original = admin.get(f"/api/tasks/{task}/data", params={"type": "frame", "quality": "original", "number": 0})
    assert original.content == content


def test_resumable_upload_of_a_name_beyond_latin_1(admin):
    task, name = new_task(admin), base64.b64encode("東京.jpg".encode()).decode()
    about = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Metadata": f"filename {name}"}
    begun = admin.post(f"/api/tasks/{task}/data/", headers=about)
    assert begun.status_code == 201
    assert begun.headers["upload-filename"] == "=?utf-8?b?5p2x5LqsLmpwZw==?="  # Django's way: RFC 2047


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("lexicographical", ["img1.jpg", "img10.jpg", "img9.jpg"]),
        ("natural", ["img1.jpg", "img9.jpg", "img10.jpg"]),
        ("predefined", ["img9.jpg", "img10.jpg", "img1.jpg"]),
    ],
)
def test_order_of_frames(admin, method, names):
    task = new_task(admin)
    files = {name: jpeg() for name in ("img9.jpg", "img10.jpg", "img1.jpg")}
    request_ended(admin, upload(admin, task, files, sorting_method=method))
    assert _names(admin, task) == names


@pytest.mark.parametrize(("case", "quality"), [("quality too low", "0"), ("quality too high", "101")])
def test_quality_refused(admin, case, quality):
    answer = upload(admin, new_task(admin), {"a.jpg": jpeg()}, image_quality=quality)
    assert CALLS[case].differences(answer) == []


def test_data_refused(admin, task):
    assert CALLS["more data"].differences(upload(admin, task.id, {"c.jpg": jpeg()})) == []
    assert CALLS["data for no task"].differences(upload(admin, 99999999, {"c.jpg": jpeg()})) == []
    form = admin.post(f"/api/tasks/{new_task(admin)}/data", data={"image_quality": "70"})
    assert CALLS["form type"].differences(form) == []


def test_two_files_of_one_name_break_the_call_and_leave_nothing(admin):
    task = new_task(admin)
    parts = [("client_files[0]", ("x/a.jpg", jpeg())), ("client_files[1]", ("y/a.jpg", jpeg()))]
    answer = admin.post(f"/api/tasks/{task}/data", data={"image_quality": "70"}, files=parts)
    assert answer.status_code == 500
    assert admin.get(f"/api/tasks/{task}").json()["data"] is None
    request_ended(admin, upload(admin, task, {"a.jpg": jpeg()}))
    assert _names(admin, task) == ["a.jpg"]


def test_garbage_fails_the_request_and_stays(admin):
    task = new_task(admin, labels=[{"name": "a"}], segment_size=2)
    failed = request_ended(admin, upload(admin, task, {"a.jpg": b"garbage"}))
    assert CALLS["garbage image"].differences(failed, own=NOT_HERE) == []
    assert failed.json()["message"].startswith("PIL.UnidentifiedImageError: cannot identify image file '")
    assert CALLS["meta without data"].differences(admin.get(f"/api/tasks/{task}/data/meta")) == []
    assert CALLS["failed task"].differences(admin.get(f"/api/tasks/{task}")) == []
    assert admin.get("/api/jobs", params={"task_id": task}).json()["count"] == 0
    assert upload(admin, task, {"a.jpg": jpeg()}).status_code == 500  # the name is taken
    again = request_ended(admin, upload(admin, task, {"b.jpg": jpeg()}))
    assert again.json()["status"] == "failed"  # the old file is still there


def test_what_is_no_image_is_dropped(admin):
    alone = request_ended(admin, upload(admin, new_task(admin), {"notes.txt": b"words"}))
    assert CALLS["no image"].differences(alone) == []
    task = new_task(admin)
    request_ended(admin, upload(admin, task, {"notes.txt": b"words", "a.jpg": jpeg()}))
    assert _names(admin, task) == ["a.jpg"]


def test_truncated_image_is_accepted(admin):
    whole, task = jpeg(640, 480), new_task(admin)
    ended = request_ended(admin, upload(admin, task, {"a.jpg": whole[: len(whole) // 2]}))
    assert ended.json()["status"] == "finished"


def test_size_is_that_of_the_upright_image(admin):
    exif = Image.Exif()
    exif[0x0112] = 6
    task = new_task(admin)
    request_ended(admin, upload(admin, task, {"a.jpg": jpeg(64, 48, exif=exif)}))
    [frame] = admin.get(f"/api/tasks/{task}/data/meta").json()["frames"]
    assert (frame["width"], frame["height"]) == (48, 64)
    shown = admin.get(f"/api/tasks/{task}/data", params={"type": "frame", "number": 0})
    assert Image.open(io.BytesIO(shown.content)).size == (48, 64)


def test_task_without_data(admin):
    task = new_task(admin)
    frame = {"type": "frame", "quality": "original", "number": 0}
    assert CALLS["frame without data"].differences(admin.get(f"/api/tasks/{task}/data", params=frame)) == []
    assert CALLS["meta without data"].differences(admin.get(f"/api/tasks/{task}/data/meta")) == []
    annotations = f"/api/tasks/{task}/annotations"
    assert CALLS["annotations without data"].differences(admin.get(annotations)) == []
    put = admin.put(annotations, json=CALLS["put without data"].sent)
    assert CALLS["put without data"].differences(put) == []
    assert CALLS["status"].differences(admin.get(f"/api/tasks/{task}/status")) == []


def test_requests_that_are_gone(admin):
    path = "/api/requests/action%3Dcreate%26target%3Dtask%26target_id%3D{}"
    assert CALLS["no request"].differences(admin.get(path.format(99999999))) == []
    task = filled_task(admin, frames=1)
    assert CALLS["cancel finished"].differences(admin.post(path.format(task.id) + "/cancel")) == []
    assert admin.delete(f"/api/tasks/{task.id}").status_code == 204
    assert CALLS["request of a deleted task"].differences(admin.get(path.format(task.id))) == []


def test_requests_by_task_and_status(admin):
    task = filled_task(admin, frames=1)
    found = admin.get("/api/requests", params={"action": "create", "target": "task", "task_id": task.id}).json()
    assert [request["operation"]["task_id"] for request in found["results"]] == [task.id]
    assert admin.get("/api/requests", params={"task_id": task.id, "status": "failed"}).json()["count"] == 0


@pytest.fixture(scope="module")
def two_frames(admin):
    task = new_task(admin)
    files = {"a.png": _png(), "b.jpg": jpeg(64, 48)}
    request_ended(admin, upload(admin, task, files))
    return task, files


def _png() -> bytes:
    target = io.BytesIO()
    Image.new("RGBA", (32, 16), (1, 2, 3, 128)).save(target, "PNG")
    return target.getvalue()


def test_frames(admin, two_frames):
    task, files = two_frames
    path = f"/api/tasks/{task}/data"
    original = admin.get(path, params={"type": "frame", "quality": "original", "number": 0})
    assert (original.content, original.headers["content-type"]) == (files["a.png"], "image/png")
    compressed = admin.get(path, params={"type": "frame", "quality": "compressed", "number": 0})
    with Image.open(io.BytesIO(compressed.content)) as image:
        assert (image.format, image.size) == ("JPEG", (32, 16))
    out_of_range = admin.get(path, params={"type": "frame", "quality": "original", "number": 99})
    assert CALLS["frame out of range"].differences(out_of_range) == []
    unnumbered = admin.get(path, params={"type": "frame", "quality": "original"})
    assert CALLS["frame without number"].differences(unnumbered) == []
    with Image.open(io.BytesIO(admin.get(f"/api/tasks/{task}/preview").content)) as preview:
        assert preview.format == "JPEG"


def test_chunk_holds_the_original_files(admin, two_frames):
    task, files = two_frames
    answer = admin.get(f"/api/tasks/{task}/data", params={"type": "chunk", "quality": "original", "number": 0})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as chunk:
        assert [chunk.read(entry) for entry in chunk.infolist()] == list(files.values())


def test_frames_are_taken_out_and_put_back(admin):
    task = new_task(admin, segment_size=3)
    files = {f"im{i}.jpg": jpeg(160, 120) for i in range(6)}
    request_ended(admin, upload(admin, task, files))
    path = f"/api/tasks/{task}/data/meta"
    assert CALLS["frame taken out"].differences(admin.patch(path, json={"deleted_frames": [4]})) == []
    last = admin.get("/api/jobs", params={"task_id": task}).json()["results"][0]["id"]
    assert CALLS["job meta"].differences(admin.get(f"/api/jobs/{last}/data/meta")) == []
    unknown = admin.patch(path, json={"deleted_frames": [77]})
    assert CALLS["unknown frame taken out"].differences(unknown) == []
    assert admin.patch(path, json={"deleted_frames": []}).json()["deleted_frames"] == []


def test_deleted_task_is_gone(admin, task):
    assert admin.delete(f"/api/tasks/{task.id}").status_code == 204
    assert admin.get(f"/api/tasks/{task.id}").status_code == 404
    assert admin.get(f"/api/jobs/{task.jobs[0]}").status_code == 404
