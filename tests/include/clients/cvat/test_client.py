"""The client's calls, against the emulator over HTTP: what they send, what they read."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from include.clients.cvat import (
    Annotations,
    Attribute,
    BucketAccess,
    Content,
    CvatClient,
    InvalidError,
    NewShape,
    NotFoundError,
)
from include.clients.cvat.records import NewTask
from tests.include.emulated import Emulated, until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TEXT = {"name": "text", "mutable": False, "input_type": "text", "values": ["?"], "default_value": "?"}
WORD = {"name": "word", "type": "rectangle", "attributes": [TEXT]}


@pytest.fixture
def project(cvat: CvatClient, name: str) -> int:
    return cvat.create_project(name, [WORD])


@pytest.fixture
def storage(cvat: CvatClient, s3_endpoint: str, bucket: str) -> int:
    return cvat.find_or_create_storage("images", BucketAccess(bucket, "tester", "of-tests", s3_endpoint, "us-east-1"))


def linked(cvat: CvatClient, s3: "S3Client", bucket: str, storage: int, task_id: int, names: list[str]) -> str:
    """Attach images of 64 x 48 pixels, which exist in the manifest alone: CVAT does not look at them."""
    rows = [{"version": "1.1"}, {"type": "images"}]
    rows += [{"name": name.removesuffix(".jpg"), "extension": ".jpg", "width": 64, "height": 48} for name in names]
    s3.put_object(Bucket=bucket, Key="m.jsonl", Body="\n".join(map(json.dumps, rows)).encode())
    return cvat.attach_link(task_id, storage, "m.jsonl", names)


def ended(cvat: CvatClient, request_id: str) -> str:
    until(lambda: cvat.request(request_id).status in ("finished", "failed"))
    return cvat.request(request_id).status


@pytest.fixture
def task(cvat: CvatClient, s3: "S3Client", bucket: str, storage: int, project: int, name: str) -> int:
    """Three frames in jobs of two."""
    task = cvat.create_task(NewTask(name, project, segment_size=2))
    assert ended(cvat, linked(cvat, s3, bucket, storage, task.id, ["b.jpg", "a/10.jpg", "a/9.jpg"])) == "finished"
    return task.id


def test_the_version_is_the_servers(cvat: CvatClient) -> None:
    assert cvat.version() == "2.73.0"


# Projects and labels


def test_a_project_is_found_by_its_whole_name_and_of_two_the_older(cvat: CvatClient, name: str) -> None:
    assert cvat.find_project(name) is None
    first, _second = cvat.create_project(name, []), cvat.create_project(name, [])
    cvat.create_project(f"{name} too", [])
    assert cvat.find_project(name) == first
    assert cvat.find_project(name[:-1]) is None


def test_labels_are_known_by_name_and_id_with_their_attributes(cvat: CvatClient, project: int) -> None:
    labels = cvat.labels(project)
    word = labels.named("word")
    assert word is not None
    assert labels.by_id(word.id) == word
    assert (word.type, [(a.name, a.default_value) for a in word.attributes]) == ("rectangle", [("text", "?")])
    assert labels.named("number") is None
    assert labels.by_id(10**6) is None


def test_added_labels_leave_the_others_as_they_are(cvat: CvatClient, project: int) -> None:
    before = cvat.labels(project).named("word")
    cvat.add_labels(project, [{"name": "number", "type": "rectangle", "attributes": []}])
    after = cvat.labels(project)
    assert after.names == ["number", "word"]
    assert after.named("word") == before
    with pytest.raises(InvalidError, match="All label names must be unique"):
        cvat.add_labels(project, [WORD])


def test_a_list_of_more_than_a_page_is_read_whole(cvat: CvatClient, name: str) -> None:
    many = [{"name": f"label {number}", "type": "rectangle", "attributes": []} for number in range(1001)]
    assert len(cvat.labels(cvat.create_project(name, many)).names) == 1001


# The bucket, as CVAT reads it


def test_a_storage_is_made_once_for_each_bucket_and_endpoint(cvat: CvatClient, s3_endpoint: str, bucket: str) -> None:
    access = BucketAccess(bucket, "tester", "of-tests", s3_endpoint, "us-east-1")
    first = cvat.find_or_create_storage("images", access)
    assert cvat.find_or_create_storage("images", access) == first
    assert cvat.find_or_create_storage("images", replace(access, region="eu-central-1")) != first
    assert "of-tests" not in repr(access)


def test_a_bucket_that_cvat_cannot_reach_is_refused_in_its_words(cvat: CvatClient, s3_endpoint: str) -> None:
    with pytest.raises(InvalidError, match=r"no-such-bucket not found"):
        cvat.find_or_create_storage("x", BucketAccess("no-such-bucket", "tester", "of-tests", s3_endpoint, "us-east-1"))


# Tasks


def test_tasks_are_found_by_their_whole_name_in_one_project_oldest_first(
    cvat: CvatClient, project: int, name: str
) -> None:
    first, second = (
        cvat.create_task(NewTask(name, project, segment_size=2)),
        cvat.create_task(NewTask(name, project, segment_size=2)),
    )
    cvat.create_task(NewTask(f"{name} too", project, segment_size=2))
    cvat.create_task(NewTask(name, cvat.create_project(f"{name} elsewhere", []), segment_size=2))
    assert cvat.tasks_named(project, name) == [first, second]


def test_a_task_has_no_data_at_first_and_is_gone_once_deleted(cvat: CvatClient, project: int, name: str) -> None:
    task = cvat.create_task(NewTask(name, project, segment_size=2))
    assert (task.has_data, task.size, cvat.task(task.id)) == (False, 0, task)
    cvat.delete_task(task.id)
    cvat.delete_task(task.id)
    with pytest.raises(NotFoundError, match=f"/api/tasks/{task.id}: 404: No Task matches"):
        cvat.task(task.id)


def test_linked_images_become_frames_in_the_order_given(cvat: CvatClient, task: int) -> None:
    frames = cvat.frames(task)
    assert [frame.name for frame in frames] == ["b.jpg", "a/10.jpg", "a/9.jpg"]
    assert {(frame.width, frame.height) for frame in frames} == {(64, 48)}
    assert (cvat.task(task).has_data, cvat.task(task).size) == (True, 3)


def test_data_is_attached_once(cvat: CvatClient, task: int, storage: int) -> None:
    with pytest.raises(InvalidError, match="Adding more data is not supported"):
        cvat.attach_link(task, storage, "m.jsonl", ["b.jpg"])


def test_a_request_is_forgotten_after_a_while_or_with_its_task(
    server: Emulated, cvat: CvatClient, task: int, storage: int, project: int
) -> None:
    request_id = f"action=create&target=task&target_id={task}"
    assert cvat.request(request_id).status == "finished"
    server.advance(501)
    with pytest.raises(NotFoundError, match="There is no request with specified id"):
        cvat.request(request_id)
    other = cvat.create_task(NewTask("other", project, segment_size=2))
    server.hold(True)
    waiting = cvat.attach_link(other.id, storage, "m.jsonl", ["b.jpg"])
    assert cvat.request(waiting).status == "queued"
    cvat.delete_task(other.id)
    with pytest.raises((InvalidError, NotFoundError)):
        cvat.request(waiting)
    server.hold(False)


# Jobs


def test_jobs_are_found_by_their_task_with_the_frames_as_cvat_counts(cvat: CvatClient, task: int) -> None:
    jobs = list(cvat.jobs(task_id=task))
    assert [(job.start_frame, job.stop_frame, job.stage, job.state) for job in jobs] == [
        (0, 1, "annotation", "new"),
        (2, 2, "annotation", "new"),
    ]
    assert cvat.job(jobs[0].id) == jobs[0]
    assert list(cvat.jobs(task_id=task, state="completed")) == []


def test_a_list_that_becomes_shorter_while_it_is_read_ends(
    cvat: CvatClient, s3: "S3Client", bucket: str, storage: int, project: int, name: str
) -> None:
    task = cvat.create_task(NewTask(name, project, segment_size=1))
    ended(cvat, linked(cvat, s3, bucket, storage, task.id, [f"{number}.jpg" for number in range(1001)]))
    jobs: Iterator[object] = cvat.jobs(task_id=task.id)
    assert len(list(islice(jobs, 1000))) == 1000
    cvat.delete_task(task.id)
    assert list(jobs) == []


def test_a_stage_and_a_state_are_set_together(cvat: CvatClient, task: int) -> None:
    (job, _) = cvat.jobs(task_id=task)
    assert cvat.update_job(job.id, state="completed").state == "completed"
    assert cvat.update_job(job.id, stage="validation").state == "new"
    done = cvat.update_job(job.id, stage="acceptance", state="completed")
    assert (done.stage, done.state) == ("acceptance", "completed")


def test_a_job_is_given_to_a_person_of_exactly_that_name(server: Emulated, cvat: CvatClient, task: int) -> None:
    server.user("maria-jones")
    maria = server.user("maria")
    (job, _) = cvat.jobs(task_id=task)
    given = cvat.update_job(job.id, assignee=cvat.user_id("maria"))
    assert given.assignee is not None
    assert (given.assignee.id, given.assignee.username) == (maria, "maria")
    with pytest.raises(NotFoundError, match="has no user 'mari' that this account can see"):
        cvat.user_id("mari")


def test_finished_jobs_come_in_the_order_of_their_changes_from_a_moment_on(
    server: Emulated, cvat: CvatClient, project: int, task: int
) -> None:
    (first, second) = cvat.jobs(task_id=task)
    later = cvat.update_job(second.id, state="completed")
    server.advance(60)
    latest = cvat.update_job(first.id, state="completed")
    assert cvat.jobs_updated_since(project, "completed", None) == [later, latest]
    since = datetime.fromisoformat(latest.updated_date)
    assert cvat.jobs_updated_since(project, "completed", since) == [latest]
    assert cvat.jobs_updated_since(project, "in progress", None) == []


# Annotations


def shapes(cvat: CvatClient, project: int) -> list[NewShape]:
    word = cvat.labels(project).named("word")
    assert word is not None
    text = word.attributes[0].id
    return [
        NewShape(
            1, word.id, "rectangle", (1.25, 2.5, 30.0, 40.75), "auto", 0.87, attributes=(Attribute(text, "EXIT"),)
        ),
        NewShape(0, word.id, "rectangle", (5.0, 5.0, 9.0, 9.0), "auto", 0.5, 30.0, True, (Attribute(text, "50"),)),
    ]


def test_shapes_come_back_with_ids_in_the_order_sent_and_are_read_as_sent(
    cvat: CvatClient, project: int, task: int
) -> None:
    (job, _), sent = cvat.jobs(task_id=task), shapes(cvat, project)
    created = cvat.annotations.create(job.id, sent)
    fields = NewShape.__struct_fields__
    assert [[getattr(made, field) for field in fields] for made in created] == [
        [getattr(shape, field) for field in fields] for shape in sent
    ]
    assert sorted(cvat.annotations.read(job.id).objects, key=lambda shape: shape.id) == created


def test_tags_come_back_among_the_shapes_and_have_ids_of_their_own(
    server: Emulated, cvat: CvatClient, project: int, task: int
) -> None:
    (job, _), (first, second) = cvat.jobs(task_id=task), shapes(cvat, project)
    tag = NewShape(1, first.label_id, "tag", (), "auto", 0.7, attributes=first.attributes)
    created = cvat.annotations.create(job.id, [first, tag, second])
    assert [(made.type, made.frame) for made in created] == [("rectangle", 1), ("tag", 1), ("rectangle", 0)]
    (there,) = server.get(f"/api/jobs/{job.id}/annotations")["tags"]
    assert there == {
        **{"id": -created[1].id, "frame": 1, "label_id": first.label_id, "group": 0, "source": "auto"},
        "attributes": [{"spec_id": first.attributes[0].spec_id, "value": "EXIT"}],
    }
    assert sorted(cvat.annotations.read(job.id).objects, key=lambda one: one.id) == sorted(created, key=lambda o: o.id)
    for _ in range(2):
        cvat.annotations.delete(job.id, [created[1]])
    assert {one.id for one in cvat.annotations.read(job.id).objects} == {created[0].id, created[2].id}


def test_shapes_can_be_deleted_and_again(cvat: CvatClient, project: int, task: int) -> None:
    (job, _) = cvat.jobs(task_id=task)
    first, second = cvat.annotations.create(job.id, shapes(cvat, project))
    cvat.annotations.delete(job.id, [first])
    cvat.annotations.delete(job.id, [first])
    assert cvat.annotations.read(job.id).shapes == [second]


def test_an_unknown_label_is_refused_and_nothing_is_drawn(cvat: CvatClient, project: int, task: int) -> None:
    (job, _) = cvat.jobs(task_id=task)
    wrong = [NewShape(0, 10**6, "rectangle", (1.0, 2.0, 3.0, 4.0), "auto", 1.0)]
    with pytest.raises(InvalidError, match="label_id `1000000` is invalid"):
        cvat.annotations.create(job.id, shapes(cvat, project) + wrong)
    assert cvat.annotations.read(job.id).shapes == []


def test_frames_that_people_took_out_are_told(server: Emulated, cvat: CvatClient, task: int) -> None:
    server.patch(f"/api/tasks/{task}/data/meta", {"deleted_frames": [1, 2]})
    assert cvat.meta(task).deleted_frames == {1, 2}
    contents = cvat.annotations.each(job.id for job in cvat.jobs(task_id=task))
    assert [content.deleted_frames for content in contents if isinstance(content, Content)] == [{1}, {2}]


def test_many_jobs_are_read_in_the_order_given_and_one_that_cannot_be_read_costs_only_itself(
    cvat: CvatClient, project: int, task: int
) -> None:
    first, second = cvat.jobs(task_id=task)
    (later,) = cvat.annotations.create(second.id, shapes(cvat, project)[:1])
    found = list(cvat.annotations.each([second.id, 10**6, first.id, second.id]))
    assert [getattr(content, "annotations", type(content)) for content in found] == [
        Annotations([later], [], []),
        NotFoundError,
        Annotations([], [], []),
        Annotations([later], [], []),
    ]
