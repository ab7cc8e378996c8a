"""What holds for every address: media types, unknown things, pages, filters."""

import json

import pytest

from tests.contract.objects import filled_task
from tests.contract.wire import recorded

CALLS = recorded("general")


@pytest.mark.parametrize(
    ("case", "path"),
    [
        ("trailing slash", "/api/tasks/1/"),
        ("unknown address", "/api/nope"),
        ("id is no number", "/api/tasks/abc"),
        ("no task", "/api/tasks/99999999"),
        ("no job", "/api/jobs/99999999"),
        ("no project", "/api/projects/99999999"),
        ("bogus state", "/api/jobs?task_id=3&state=bogus"),
        ("broken filter", "/api/jobs?filter=%7Bbad&page_size=1"),
        ("labels of no task", "/api/labels?task_id=99999999"),
        ("page past the end", "/api/jobs?page_size=1000&page=999"),
    ],
)
def test_refused_address(admin, case, path):
    assert CALLS[case].differences(admin.get(path)) == []


@pytest.mark.parametrize(
    ("case", "accept"),
    [("wrong accept", "application/json"), ("wrong version", "application/vnd.cvat+json; version=3.0")],
)
def test_accept(admin, case, accept):
    assert CALLS[case].differences(admin.get("/api/jobs", headers={"accept": accept})) == []


@pytest.mark.parametrize(
    ("case", "kind", "content"), [("broken json", "application/json", b"{bad"), ("wrong type", "text/plain", b"a=b")]
)
def test_unreadable_body(admin, case, kind, content):
    answer = admin.post("/api/tasks", headers={"content-type": kind}, content=content)
    assert CALLS[case].differences(answer) == []


def test_every_answer_has_a_request_id(admin):
    ids = {admin.get("/api/server/about").headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2


@pytest.fixture(scope="module")
def twelve_jobs(admin, project):
    return filled_task(admin, frames=12, project_id=project.id, segment_size=1)


def _ids(answer):
    return [row["id"] for row in answer.json()["results"]]


def test_jobs_are_listed_newest_first_ten_a_page(admin, twelve_jobs):
    first = admin.get("/api/jobs", params={"task_id": twelve_jobs.id})
    assert _ids(first) == sorted(twelve_jobs.jobs, reverse=True)[:10]
    assert first.json()["count"] == 12
    assert first.json()["previous"] is None
    second = admin.get(first.json()["next"])
    assert _ids(second) == sorted(twelve_jobs.jobs, reverse=True)[10:]
    assert second.json()["next"] is None
    assert second.json()["previous"].endswith(f"/api/jobs?task_id={twelve_jobs.id}")


@pytest.mark.parametrize(("size", "rows"), [("5", 5), ("1000", 12), ("all", 12), ("0", 10), ("-1", 10), ("x", 10)])
def test_page_size(admin, twelve_jobs, size, rows):
    assert len(_ids(admin.get("/api/jobs", params={"task_id": twelve_jobs.id, "page_size": size}))) == rows


def test_unknown_parameters_and_orders_are_ignored(admin, twelve_jobs):
    answer = admin.get("/api/jobs", params={"task_id": twelve_jobs.id, "colour": "red", "sort": "-bogus"})
    assert answer.json()["count"] == 12


def test_sort(admin, twelve_jobs):
    answer = admin.get("/api/jobs", params={"task_id": twelve_jobs.id, "sort": "id", "page_size": "all"})
    assert _ids(answer) == sorted(twelve_jobs.jobs)


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        ({"==": [{"var": "id"}, "{0}"]}, [0]),
        ({"in": [{"var": "id"}, ["{0}", "{3}"]]}, [0, 3]),
        ({"and": [{">=": [{"var": "id"}, "{2}"]}, {"<=": [{"var": "id"}, "{4}"]}]}, [2, 3, 4]),
        ({"and": [{"==": [{"var": "state"}, "completed"]}]}, []),
        ({"and": [{">=": [{"var": "updated_date"}, "2020-01-01T00:00:00Z"]}, {"==": [{"var": "id"}, "{1}"]}]}, [1]),
    ],
)
def test_filter(admin, twelve_jobs, rule, chosen):
    text = json.dumps(rule)
    for position, job in enumerate(twelve_jobs.jobs):
        text = text.replace(f'"{{{position}}}"', str(job))
    both = f'{{"and": [{text}, {{"==": [{{"var": "task_id"}}, {twelve_jobs.id}]}}]}}'
    answer = admin.get("/api/jobs", params={"filter": both, "sort": "id"})
    assert _ids(answer) == [twelve_jobs.jobs[i] for i in chosen]
