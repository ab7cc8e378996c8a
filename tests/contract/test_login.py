"""Who one is, and how one proves it."""

from uuid import uuid4

import httpx
import pytest

from tests.contract.objects import Server
from tests.contract.wire import recorded

CALLS = recorded("login")


@pytest.fixture
def nobody(server: Server):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def test_about(nobody):
    assert CALLS["about"].differences(nobody.get("/api/server/about"), own=frozenset({"description"})) == []


@pytest.mark.parametrize(
    ("case", "body"),
    [
        ("wrong password", {"username": "admin", "password": "surely-not-this-one"}),
        ("no password", {"username": "admin"}),
    ],
)
def test_login_refused(nobody, case, body):
    assert CALLS[case].differences(nobody.post("/api/auth/login", json=body)) == []


def test_wrong_password_in_a_basic_header(nobody):
    assert CALLS["wrong basic"].differences(nobody.get("/api/tasks", auth=("admin", "surely-not-this-one"))) == []


def test_anonymous(nobody):
    answer = nobody.get("/api/tasks")
    assert CALLS["anonymous"].differences(answer) == []
    assert answer.headers["www-authenticate"] == "Token"


def test_unknown_token(nobody):
    answer = nobody.get("/api/users/self", headers={"authorization": "Bearer nonsense"})
    assert CALLS["bad token"].differences(answer) == []


def test_session_needs_its_csrf_token_to_change_anything(admin_by_password, nobody, server, task):
    credentials = {"username": server.username, "password": server.password}
    assert CALLS["login"].differences(nobody.post("/api/auth/login", json=credentials)) == []
    assert CALLS["own user"].differences(nobody.get("/api/users/self"), own=frozenset({"email"})) == []
    without = nobody.patch(f"/api/tasks/{task.id}", json={"name": "sess"})
    assert CALLS["no csrf"].differences(without) == []
    proof = {"x-csrftoken": nobody.cookies["csrftoken"]}
    assert nobody.patch(f"/api/tasks/{task.id}", json={"name": "sess"}, headers=proof).json()["name"] == "sess"
    assert CALLS["logout"].differences(nobody.post("/api/auth/logout", headers=proof)) == []
    assert nobody.get("/api/users/self").status_code == 401


def test_access_token_lives_until_it_is_deleted(admin_by_password, nobody):
    made = admin_by_password.post("/api/auth/access_tokens", json=CALLS["create token"].sent)
    assert CALLS["create token"].differences(made) == []
    bearer = {"authorization": f"Bearer {made.json()['value']}"}
    assert CALLS["own token"].differences(nobody.get("/api/auth/access_tokens/self", headers=bearer)) == []
    nested = nobody.post("/api/auth/access_tokens", json={"name": "nested"}, headers=bearer)
    assert CALLS["token by token"].differences(nested) == []
    assert admin_by_password.delete(f"/api/auth/access_tokens/{made.json()['id']}").status_code == 204
    assert nobody.get("/api/users/self", headers=bearer).status_code == 401


def test_access_token_is_read_only_unless_asked(admin_by_password, nobody):
    made = admin_by_password.post("/api/auth/access_tokens", json={"name": "reader"}).json()
    assert made["read_only"] is True
    bearer = {"authorization": f"Bearer {made['value']}"}
    assert nobody.get("/api/projects", headers=bearer).status_code == 200
    assert nobody.post("/api/projects", json={"name": "x"}, headers=bearer).status_code == 403


def test_expired_access_token(admin_by_password, nobody):
    made = admin_by_password.post(
        "/api/auth/access_tokens", json={"name": "past", "expiry_date": "2020-01-01T00:00:00Z"}
    ).json()
    answer = nobody.get("/api/users/self", headers={"authorization": f"Bearer {made['value']}"})
    assert CALLS["bad token"].differences(answer) == []


def _person(name: str, password: str) -> dict[str, str]:
    return {
        "username": name,
        "email": f"{name}@example.com",
        "password1": password,
        "password2": password,
        "first_name": "Ann",
        "last_name": "One",
    }


def test_register(admin, nobody):
    name, password = f"annot-{uuid4().hex[:8]}", f"long-{uuid4().hex}"
    assert CALLS["register"].differences(nobody.post("/api/auth/register", json=_person(name, password))) == []
    found = admin.get("/api/users", params={"search": name})
    assert CALLS["found user"].differences(found) == []
    again = nobody.post("/api/auth/register", json=_person(name, password))
    assert again.status_code == 400
    nobody.auth = (name, password)
    seen = nobody.get("/api/users")
    assert CALLS["users for an annotator"].differences(seen) == []
    assert [user["username"] for user in seen.json()["results"]] == [name]


@pytest.mark.parametrize(
    ("case", "name", "password"),
    [("short name", "ann1", "long enough to be taken"), ("short password", "annot3", "q3")],
)
def test_register_refused(nobody, case, name, password):
    assert CALLS[case].differences(nobody.post("/api/auth/register", json=_person(name, password))) == []
