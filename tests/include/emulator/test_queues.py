"""Exports and imports in the background: queues that do not wait for each other, cancelling, expiry, restarts."""

import signal
import sqlite3
from contextlib import closing
from urllib.parse import quote

import httpx
import pytest

from include.emulator.state import Clock, OldFolderError, State
from tests.contract.objects import Task, filled_task, jpeg, new_task, request_ended, upload
from tests.include.emulator.servers import running
from tests.include.emulator.waiting import status_of, until

COCO = {"format": "COCO 1.0", "save_images": "false"}


@pytest.fixture
def task(emulator) -> Task:
    return filled_task(emulator, frames=2, labels=[{"name": "a"}])


def _export(emulator: httpx.Client, task: Task) -> httpx.Response:
    return emulator.post(f"/api/tasks/{task.id}/dataset/export", params=COCO)


def _request(emulator: httpx.Client, answer: httpx.Response) -> httpx.Response:
    return emulator.get(f"/api/requests/{quote(answer.json()['rq_id'])}")


def test_a_held_import_does_not_keep_exports_waiting(emulator, task):
    emulator.post("/emulator/worker", json={"held": True, "queue": "import"})
    waiting = new_task(emulator)
    upload(emulator, waiting, {"a.jpg": jpeg()})
    assert request_ended(emulator, _export(emulator, task)).json()["status"] == "finished"
    assert status_of(emulator, waiting) == "queued"


def test_a_held_export_does_not_keep_imports_waiting(emulator, task):
    emulator.post("/emulator/worker", json={"held": True, "queue": "export"})
    answer = _export(emulator, task)
    assert filled_task(emulator, frames=1).id > task.id
    assert _request(emulator, answer).json()["status"] == "queued"


def test_an_export_that_waits_is_named_by_the_one_who_asks_again_and_is_cancelled(emulator, task):
    emulator.post("/emulator/worker", json={"held": True, "queue": "export"})
    first, second = _export(emulator, task), _export(emulator, task)
    assert (second.status_code, second.json()) == (409, first.json())
    early = emulator.get(f"/api/tasks/{task.id}/dataset/download", params=first.json())
    assert (early.status_code, early.text) == (400, "The export process is not finished")
    path = f"/api/requests/{quote(first.json()['rq_id'])}/cancel"
    assert emulator.post(path).status_code == 200
    assert _request(emulator, first).status_code == 404
    assert _export(emulator, task).status_code == 202


def test_an_export_fails_on_demand(emulator, task):
    emulator.post("/emulator/failures", json={"queue": "export", "message": "Exception: no\n"})
    failed = request_ended(emulator, _export(emulator, task)).json()
    assert (failed["status"], failed["message"], failed["result_url"]) == ("failed", "Exception: no\n", None)
    assert request_ended(emulator, _export(emulator, task)).json()["status"] == "finished"


def test_a_format_that_is_not_written_fails_with_a_word(emulator, task):
    asked = {"format": "PASCAL VOC 1.1", "save_images": "false"}
    failed = request_ended(emulator, emulator.post(f"/api/tasks/{task.id}/dataset/export", params=asked)).json()
    assert failed["message"] == "NotImplementedError: the emulator does not write PASCAL VOC 1.1\n"
    sent = emulator.post(
        f"/api/tasks/{task.id}/annotations", params={"format": "YOLO 1.1"}, files={"annotation_file": ("a.zip", b"x")}
    )
    assert request_ended(emulator, sent).json()["message"].endswith("the emulator does not read YOLO 1.1\n")


def test_an_export_is_kept_for_a_day(emulator, task):
    answer = _export(emulator, task)
    url = request_ended(emulator, answer).json()["result_url"]
    emulator.post("/emulator/clock", json={"advance_s": 23 * 3600})
    assert emulator.get(url).status_code == 200
    emulator.post("/emulator/clock", json={"advance_s": 2 * 3600})
    assert _request(emulator, answer).status_code == 404
    assert emulator.get(url).status_code == 400


def test_an_import_is_kept_for_an_hour_and_a_failed_one_longer(emulator, task):
    sent = {"params": {"format": "COCO 1.0"}, "files": {"annotation_file": ("a.zip", b"junk")}}
    failed = emulator.post(f"/api/tasks/{task.id}/annotations", **sent)
    assert request_ended(emulator, failed).json()["status"] == "failed"
    empty = b'{"images": [], "categories": [], "annotations": []}'
    sent["files"] = {"annotation_file": ("a.json", empty)}
    good = emulator.post(f"/api/jobs/{task.jobs[0]}/annotations", **sent)
    assert request_ended(emulator, good).json()["status"] == "finished"
    emulator.post("/emulator/clock", json={"advance_s": 3590})
    assert _request(emulator, good).status_code == 200
    emulator.post("/emulator/clock", json={"advance_s": 20})
    assert _request(emulator, good).status_code == 404
    assert _request(emulator, failed).status_code == 200


def test_an_import_under_way_is_named_by_the_one_who_sends_another(emulator, task):
    emulator.post("/emulator/worker", json={"held": True, "queue": "import"})
    sent = {"params": {"format": "COCO 1.0"}, "files": {"annotation_file": ("a.zip", b"junk")}}
    first = emulator.post(f"/api/tasks/{task.id}/annotations", **sent)
    second = emulator.post(f"/api/tasks/{task.id}/annotations", **sent)
    assert (second.status_code, second.json()) == (409, first.json())


def test_tracks_are_not_silently_left_out_of_an_export(emulator, task):
    [label] = emulator.get("/api/labels", params={"task_id": task.id}).json()["results"]
    shape = {"type": "rectangle", "frame": 0, "points": [1, 2, 3, 4], "outside": False}
    sent = {"tracks": [{"frame": 0, "label_id": label["id"], "shapes": [shape]}]}
    assert emulator.put(f"/api/tasks/{task.id}/annotations", json=sent).status_code == 200
    failed = request_ended(emulator, _export(emulator, task)).json()
    assert failed["message"] == "NotImplementedError: the emulator does not write tracks to files\n"


@pytest.mark.slow
def test_exports_and_imports_of_a_killed_server_are_done_by_the_next(tmp_path):
    with running(tmp_path) as first:
        task = filled_task(first.admin, frames=2, labels=[{"name": "a"}])
        done = request_ended(first.admin, _export(first.admin, task)).json()
        kept = first.admin.get(done["result_url"]).content
        first.admin.post("/emulator/worker", json={"delay_s": 60})
        export = first.admin.post(f"/api/tasks/{task.id}/backup/export")
        sent = first.admin.post("/api/tasks/backup", files={"task_file": ("a.zip", b"not a zip")})
        until(lambda: _request(first.admin, export).json()["status"] == "started")
        until(lambda: _request(first.admin, sent).json()["status"] == "started")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    (tmp_path / "exports" / "77.part").write_bytes(b"what was being written")
    (tmp_path / "uploads" / ".restoring-9").mkdir()
    with running(tmp_path) as second:
        assert [path.name for path in tmp_path.glob("uploads/.restoring-*")] == []
        assert not (tmp_path / "exports" / "77.part").exists()
        assert request_ended(second.admin, export).json()["status"] == "finished"
        assert request_ended(second.admin, sent).json()["message"] == "zipfile.BadZipFile: File is not a zip file\n"
        path = httpx.URL(done["result_url"]).raw_path.decode()
        assert second.admin.get(path).content == kept
        until(lambda: not list(tmp_path.glob("incoming/*")))


def test_a_folder_of_another_version_is_not_touched(tmp_path):
    with closing(sqlite3.connect(tmp_path / "cvat.sqlite")) as old:
        old.execute("CREATE TABLE tasks (id INTEGER)")
    with pytest.raises(OldFolderError, match=r"written by another version of the emulator .* remove this one"):
        State(tmp_path, Clock())
