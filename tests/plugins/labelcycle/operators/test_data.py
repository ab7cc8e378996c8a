"""Data attached: linked or copied, once, in order; what is there is checked; what failed is made anew only if asked."""

import io
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from PIL import Image

from labelcycle.operators.data import CvatAttachDataOperator
from tests.include.emulated import Emulated, until
from tests.plugins.labelcycle.operators.driving import Task
from tests.plugins.labelcycle.systems import S3, serve_s3

# Airflow's own warnings are no business of these tests
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

KEYS = ("in/a/10.png", "in/a/9.png", "in/b.png")  # as S3 sorts them
URIS = tuple(f"s3://images/{key}" for key in KEYS)
SOON = timedelta(seconds=0.5)


def picture(width: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 20), "white").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serve_s3("images", "other") as server:
        access, secret = server.keys["all"]
        with closing(
            boto3.client(
                "s3",
                endpoint_url=server.url,
                region_name="us-east-1",
                aws_access_key_id=access,
                aws_secret_access_key=secret,
            )
        ) as client:
            for number, key in enumerate(KEYS):
                client.put_object(Bucket="images", Key=key, Body=picture(10 + number))
            client.put_object(Bucket="images", Key="mixed/a.png", Body=picture(9))
            client.put_object(Bucket="images", Key="mixed/notes.txt", Body=b"no image")
        yield server


@pytest.fixture
def empty(cvat: Emulated, s3: S3, monkeypatch: pytest.MonkeyPatch) -> int:
    """A task without data, in a project."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(s3.connection()))
    project = cvat.post("/api/projects", {"name": f"p{uuid4().hex[:8]}", "labels": [{"name": "car"}]})["id"]
    body = {"name": f"t{uuid4().hex[:8]}", "project_id": project, "segment_size": 2, "subset": "Train"}
    return int(cvat.post("/api/tasks", body)["id"])


def operator(task_id: int, images: object = "s3://images/in/", **fields: object) -> CvatAttachDataOperator:
    return CvatAttachDataOperator(
        task_id="attach", cvat_task_id=str(task_id), images=images, server_timeout=SOON, **fields
    )


def frames(cvat: Emulated, task_id: int) -> list[tuple[str, int]]:
    rows = cvat.get(f"/api/tasks/{task_id}/data/meta")["frames"]
    return [(row["name"], row["width"]) for row in rows]


def test_a_prefix_is_linked_in_the_order_of_its_keys(cvat: Emulated, task: Task, empty: int) -> None:
    assert task.run(operator(empty)) == empty
    assert frames(cvat, empty) == list(zip(KEYS, (10, 11, 12), strict=True))
    assert task.xcoms == {"cvat_url": f"{cvat.url}/tasks/{empty}", "cvat_task_id": empty}
    assert len(cvat.rows("/api/jobs", task_id=empty)) == 2


def test_a_list_is_linked_as_it_is_given(cvat: Emulated, task: Task, empty: int) -> None:
    task.run(operator(empty, [URIS[2], URIS[0]]))
    assert frames(cvat, empty) == [(KEYS[2], 12), (KEYS[0], 10)]


def test_a_prefix_is_copied(cvat: Emulated, task: Task, empty: int) -> None:
    task.run(operator(empty, mode="copy"))
    assert frames(cvat, empty) == [("000000_10.png", 10), ("000001_9.png", 11), ("000002_b.png", 12)]


def test_files_are_copied(cvat: Emulated, task: Task, empty: int, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(picture(7))
    task.run(operator(empty, [str(tmp_path / "x.png")], mode="copy"))
    assert frames(cvat, empty) == [("000000_x.png", 7)]


@pytest.mark.parametrize("mode", ["link", "copy"])
def test_a_task_that_has_this_data_is_left_alone_and_other_data_is_an_error(
    cvat: Emulated, task: Task, empty: int, mode: str
) -> None:
    task.run(operator(empty, mode=mode))
    assert Task().run(operator(empty, mode=mode)) == empty
    with pytest.raises(AirflowFailException, match=rf"task {empty} has other data .*frame 0 is .*, not in/b.png"):
        Task().run(operator(empty, [URIS[2]], mode=mode))


@pytest.mark.parametrize("mode", ["link", "copy"])
def test_a_try_killed_while_it_waits_is_followed_by_one_that_waits_on(
    cvat: Emulated, task: Task, empty: int, mode: str
) -> None:
    cvat.hold(True)
    task.deferral(operator(empty, mode=mode))
    deferred = task.deferral(operator(empty, mode=mode))
    cvat.hold(False)
    assert task.go_on(operator(empty, mode=mode), deferred) == empty
    assert len(frames(cvat, empty)) == 3


@pytest.mark.parametrize("mode", ["link", "copy"])
@pytest.mark.parametrize("fault", [{"status": 504}, {"drop": True}])
def test_a_lost_answer_after_the_work_is_found(
    cvat: Emulated, task: Task, empty: int, mode: str, fault: dict[str, object]
) -> None:
    path = f"/api/tasks/{empty}/data" + ("/" if mode == "copy" else "")
    cvat.fault("POST", path, when="after", skip=2 if mode == "copy" else 0, **fault)  # the upload's start and its form
    task.run(operator(empty, mode=mode))
    assert len(frames(cvat, empty)) == 3


def test_a_failed_creation_is_said_with_what_to_do(cvat: Emulated, task: Task, empty: int) -> None:
    cvat.hold(True)
    cvat.fail_requests(1, "TimeoutError: the bucket does not answer\n")
    deferred = task.deferral(operator(empty))
    cvat.hold(False)
    with pytest.raises(AirflowFailException, match=r"failed: TimeoutError: .*Delete the task .* or set recreate"):
        task.go_on(operator(empty), deferred)
    with pytest.raises(AirflowFailException, match=rf"task {empty} takes no data any more: TimeoutError"):
        task.run(operator(empty))


def test_a_failed_creation_is_made_anew_where_that_is_asked_for(cvat: Emulated, task: Task, empty: int) -> None:
    before = cvat.get(f"/api/tasks/{empty}")
    cvat.hold(True)
    cvat.fail_requests(1, "TimeoutError: the bucket does not answer\n")
    deferred = task.deferral(operator(empty, recreate=True))
    cvat.hold(False)
    with pytest.raises(AirflowException, match="TimeoutError") as raised:
        task.go_on(operator(empty, recreate=True), deferred)
    assert not isinstance(raised.value, AirflowFailException)
    task.run(operator(empty, recreate=True))
    [row] = cvat.rows("/api/tasks", name=before["name"])
    assert row["id"] == task.xcoms["cvat_task_id"] != empty
    assert all(row[key] == before[key] for key in ("project_id", "segment_size", "subset"))
    assert len(frames(cvat, row["id"])) == 3
    assert task.run(operator(empty, recreate=True)) == row["id"]


def test_a_new_task_survives_a_kill_before_the_old_one_goes(cvat: Emulated, task: Task, empty: int) -> None:
    cvat.fail_requests(1, "Error: no\n")
    with pytest.raises(AirflowException):
        task.run(operator(empty, recreate=True))
    cvat.fault("DELETE", f"/api/tasks/{empty}", status=500)
    with pytest.raises(AirflowException):
        task.run(operator(empty, recreate=True))
    task.run(operator(empty, recreate=True))
    name = cvat.get(f"/api/tasks/{task.xcoms['cvat_task_id']}")["name"]
    assert len(cvat.rows("/api/tasks", name=name)) == 1


@pytest.mark.parametrize(
    ("images", "fields", "words"),
    [
        ("s3://images/none/", {}, "there are no objects under s3://images/none/"),
        ("s3://images/mixed/", {}, r"1 of 2 objects cannot be linked as images: s3://images/mixed/notes\.txt"),
        ([], {}, "the list of images is empty"),
        ([URIS[0], URIS[0]], {}, "images are listed twice: s3://images/in/a/10.png"),
        (["s3://images/in/b.png", "s3://other/x.png"], {}, "must be in one bucket, and are in images, other"),
        (["/nowhere/x.png"], {}, "is not an S3 URI"),
        (["/nowhere/x.png"], {"mode": "copy"}, r"this worker has no file /nowhere/x\.png$"),
        (["s3://images/gone.png"], {}, "connection 'aws_default': s3://images/gone.png: the object is gone"),
    ],
    ids=["no objects", "no image", "empty", "twice", "buckets", "path", "no file", "gone"],
)
def test_wrong_images_are_said_and_nothing_is_attached(
    cvat: Emulated, task: Task, empty: int, images: object, fields: dict[str, object], words: str
) -> None:
    with pytest.raises(AirflowException, match=words):
        task.run(operator(empty, images, **fields))
    assert "size" not in cvat.get(f"/api/tasks/{empty}")


def test_an_overdue_creation_can_be_waited_for_by_the_next_try(cvat: Emulated, task: Task, empty: int) -> None:
    cvat.hold(True)
    wanted = operator(empty, request_timeout=timedelta(seconds=0.1))
    with pytest.raises(AirflowException, match=f"task {empty} did not get its data: overdue"):
        task.run(wanted)
    cvat.hold(False)
    until(lambda: cvat.get(f"/api/tasks/{empty}").get("size"))
    assert task.run(wanted) == empty


def test_a_mode_that_is_none_is_refused_while_the_dag_is_read() -> None:
    with pytest.raises(AirflowFailException, match="mode is 'cpy': it must be one of link, copy"):
        operator(1, mode="cpy")


def test_files_that_are_missing_are_counted(cvat: Emulated, task: Task, empty: int) -> None:
    with pytest.raises(AirflowFailException, match=r"no file /nowhere/x\.png, and lacks 1 others of 2$"):
        task.run(operator(empty, ["/nowhere/x.png", "/nowhere/y.png"], mode="copy"))
