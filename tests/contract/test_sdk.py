"""The official client, unchanged."""

import io
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cvat_sdk import Client, make_client, models
from cvat_sdk.api_client.exceptions import ForbiddenException, NotFoundException
from cvat_sdk.core.exceptions import BackgroundRequestException
from cvat_sdk.core.proxies.annotations import AnnotationUpdateAction
from cvat_sdk.core.uploading import DataUploader
from PIL import Image

from tests.contract.objects import Bucket, Server, jpeg


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    logging.disable(logging.WARNING)  # it warns about servers older than itself
    proof = {"access_token": server.token} if server.token else {"credentials": (server.username, server.password)}
    with make_client(server.url, **proof) as client:
        client.config.status_check_period = 0.02
        yield client
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def sdk_project(client: Client) -> Any:
    labels = [models.PatchedLabelRequest(name=name, type="rectangle", attributes=[]) for name in ("car", "person")]
    return client.projects.create(models.ProjectWriteRequest(name=f"sdk-{uuid4().hex[:8]}", labels=labels))


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"photo{i}.jpg" for i in range(4)]
    for i, path in enumerate(paths):
        path.write_bytes(jpeg(60 + i, 40))
    return paths


def _task(client: Client, project: Any, photos: list[Path], **params: Any) -> Any:
    spec = models.TaskWriteRequest(name="photos", project_id=project.id, segment_size=2)
    return client.tasks.create_from_data(spec, photos, data_params={"image_quality": 80, **params})


def test_task_from_files(client, sdk_project, photos):
    task = _task(client, sdk_project, photos)
    assert (task.size, task.mode, task.image_quality) == (4, "annotation", 80)
    assert [(frame.name, frame.width) for frame in task.get_frames_info()] == [
        (path.name, 60 + i) for i, path in enumerate(photos)
    ]
    assert [(job.start_frame, job.stop_frame) for job in reversed(task.get_jobs())] == [(0, 1), (2, 3)]
    assert [label.name for label in task.get_labels()] == ["car", "person"]
    assert task.get_frame(2, quality="original").read() == photos[2].read_bytes()
    chunk = io.BytesIO()
    task.download_chunk(0, chunk, quality="original")
    with zipfile.ZipFile(chunk) as archive:
        assert [archive.read(entry) for entry in archive.infolist()] == [path.read_bytes() for path in photos]
    assert Image.open(task.get_preview()).size == (60, 40)


def test_predefined_order(client, sdk_project, photos):
    task = _task(client, sdk_project, photos[::-1], sorting_method="predefined")
    assert [frame.name for frame in task.get_frames_info()] == [path.name for path in photos[::-1]]


def test_big_files_are_resumable_uploads(client, sdk_project, photos):
    task = client.tasks.create(models.TaskWriteRequest(name="tus", project_id=sdk_project.id))
    url = client.api_map.make_endpoint_url(task.api.create_data_endpoint.path, kwsub={"id": task.id})
    answer = DataUploader(client, max_request_size=10).upload_files(url, photos, image_quality=70)
    client.wait_for_completion(models.RqId._from_openapi_data(**answer.json()).rq_id)
    task.fetch()
    assert task.size == 4


def test_failed_request_raises(client, sdk_project, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"garbage")
    with pytest.raises(BackgroundRequestException, match="UnidentifiedImageError"):
        _task(client, sdk_project, [broken])


def test_annotations(client, sdk_project, photos):
    task = _task(client, sdk_project, photos)
    label = task.get_labels()[0].id

    def box(frame: int, **values: Any) -> models.LabeledShapeRequest:
        points = [1.0, 2.0, 30.0, 20.0]
        return models.LabeledShapeRequest(type="rectangle", frame=frame, label_id=label, points=points, **values)

    task.set_annotations(models.LabeledDataRequest(shapes=[box(3, source="auto", score=0.5), box(0)]))
    shapes = task.get_annotations().shapes
    assert [(shape.frame, shape.source, shape.score) for shape in shapes] == [(0, "manual", 1.0), (3, "auto", 0.5)]
    first, last = reversed(task.get_jobs())
    first.update_annotations(models.PatchedLabeledDataRequest(shapes=[box(1)]), action=AnnotationUpdateAction.CREATE)
    assert [shape.frame for shape in first.get_annotations().shapes] == [0, 1]
    last.remove_annotations()
    assert [shape.frame for shape in task.get_annotations().shapes] == [0, 1]


def test_job_moves(client, sdk_project, photos):
    task = _task(client, sdk_project, photos)
    for job in task.get_jobs():
        job.update({"stage": "acceptance", "state": "completed"})
        assert (job.stage, job.state) == ("acceptance", "completed")
    task.fetch()
    assert task.status == "completed"


def test_task_linked_to_a_bucket(client, sdk_project, bucket: Bucket):
    for name in ("a.jpg", "b.jpg"):
        bucket.put(f"raw/{name}", jpeg(90, 30))
    storage, _ = client.api_client.cloudstorages_api.create(models.CloudStorageWriteRequest(**bucket.storage()))
    task = client.tasks.create(models.TaskWriteRequest(name="linked", project_id=sdk_project.id))
    wanted = models.DataRequest(
        image_quality=70,
        cloud_storage_id=storage.id,
        server_files=["raw/b.jpg", "raw/a.jpg"],
        sorting_method=models.SortingMethod("predefined"),
        use_cache=True,
    )
    answer, _ = client.api_client.tasks_api.create_data(task.id, data_request=wanted)
    request, _ = client.wait_for_completion(answer.rq_id)
    assert request.status.value == "finished"
    assert [frame.name for frame in task.get_frames_info()] == ["raw/b.jpg", "raw/a.jpg"]
    assert Image.open(task.get_frame(0, quality="original")).size == (90, 30)
    task.remove_frames_by_ids([1])
    assert task.get_meta().deleted_frames == [1]


def test_access_token(admin_by_password, server, client):
    with make_client(server.url, credentials=(server.username, server.password)) as owner:
        made, _ = owner.api_client.auth_api.create_access_tokens(
            access_token_write_request=models.AccessTokenWriteRequest(name="pipeline", read_only=False)
        )
    with make_client(server.url, access_token=made.value) as by_token:
        assert by_token.users.retrieve_current_user().username == server.username
        project = by_token.projects.create({"name": "by token"})
        by_token.projects.retrieve(project.id).remove()
    with pytest.raises(NotFoundException):
        client.projects.retrieve(project.id)


def test_second_user(server, client, sdk_project, photos, annotator):
    task = _task(client, sdk_project, photos)
    job = task.get_jobs()[0]
    user = annotator.get("/api/users/self").json()["id"]
    token = annotator.post("/api/auth/access_tokens", json={"name": "own", "read_only": False}).json()["value"]
    with make_client(server.url, access_token=token) as other:
        with pytest.raises(ForbiddenException):
            other.jobs.retrieve(job.id)
        job.update({"assignee": user})
        [own] = other.jobs.list()
        own.update({"state": "completed"})
        with pytest.raises(ForbiddenException):
            own.update({"stage": "acceptance"})
    job.fetch()
    assert (job.state, job.assignee.id) == ("completed", user)


def test_dataset_and_backup_go_out_and_come_back(
    client: Client, sdk_project: Any, photos: list[Path], tmp_path: Path
) -> None:
    task = client.tasks.create_from_data(
        models.TaskWriteRequest(name=f"sdk-{uuid4().hex[:8]}", project_id=sdk_project.id), photos
    )
    [label, *_] = task.get_labels()
    shape = models.LabeledShapeRequest(frame=0, label_id=label.id, type="rectangle", points=[1, 2, 3, 4])
    task.set_annotations(models.LabeledDataRequest(shapes=[shape]))
    task.export_dataset("COCO 1.0", tmp_path / "coco.zip", include_images=False)
    task.import_annotations("COCO 1.0", tmp_path / "coco.zip")
    assert [str(shape.source) for shape in task.get_annotations().shapes] == ["file"]
    task.download_backup(tmp_path / "backup.zip")
    restored = client.tasks.create_from_backup(tmp_path / "backup.zip")
    assert (restored.name, restored.size, restored.project_id) == (task.name, len(photos), None)
    assert [shape.points for shape in restored.get_annotations().shapes] == [[1, 2, 3, 4]]
