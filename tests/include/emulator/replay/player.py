"""Makes recorded calls to an emulator, each as who made it then, and at the moment when it was made."""

import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import uvicorn
from PIL import Image

from include.emulator.app import Admin, create_app
from tests.include.emulator.replay.replaying import Ids, Row, differences

PASSWORD = "only-for-tests"
PATIENCE_S = 20.0
_ADMIN = ("admin", PASSWORD)
_FOUND = [
    {"label": "person", "points": [10, 20, 110, 220], "confidence": 0.9},
    {"label": "car", "points": [150.5, 60.25, 300, 180], "confidence": 0.4},
]


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """A new emulator in this process; its address."""
    config = uvicorn.Config(create_app(folder, Admin(*_ADMIN)), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class Player:
    """A session with one emulator. `s3_url` is where the bucket of the recordings is."""

    def __init__(self, url: str, s3_url: str) -> None:
        self.ids = Ids()
        self._hosts = {"http://s3.example": s3_url, "http://nowhere.example": "http://127.0.0.1:1"}
        self._http = httpx.Client(base_url=url, timeout=PATIENCE_S)
        self._held = False
        self._import_format = ""
        self._download = b""
        self._session: dict[str, str] = {}
        self._http.post("/api/auth/login", json={"username": "admin", "password": PASSWORD}).raise_for_status()
        self._callers = self._known()
        self._offer(finds={"*": _FOUND})

    def close(self) -> None:
        self._http.close()

    def _known(self) -> dict[str, dict[str, Any]]:
        """How each caller proves who it is."""
        token = self._token(read_only=False, expiry_date="2099-06-01T00:00:00Z")
        reader = self._token(read_only=True)
        callers: dict[str, dict[str, Any]] = {
            "admin": {"auth": _ADMIN},
            "annotator": {"auth": ("annot1", PASSWORD)},
            "wrong password": {"auth": ("annot1", "nonsense")},
        }
        bearers = {"token": token, "read-only token": reader, "wrong token": "nonsense"}
        callers |= {by: {"headers": {"authorization": f"Bearer {value}"}} for by, value in bearers.items()}
        self._http.get("/api/users/self", **callers["read-only token"]).raise_for_status()
        return callers | {"wrong key": {"headers": {"authorization": "Token nonsense"}}}

    def _token(self, **values: Any) -> str:
        return str(self._as_admin("/api/auth/access_tokens", json={"name": "player", **values}).json()["value"])

    def _as_admin(self, path: str, **content: Any) -> httpx.Response:
        return self._http.post(path, auth=_ADMIN, **content).raise_for_status()

    def _switch(self, name: str, /, **values: Any) -> None:
        self._http.post(f"/emulator/{name}", json=values).raise_for_status()

    def _offer(self, **answers: Any) -> None:
        """The serverless function of the recordings, with this way to answer."""
        labels = [{"name": found["label"]} for found in _FOUND]
        self._switch("functions", id="stub-detector", name="Stub Detector", labels=labels, **answers)

    # What no recorded call made

    def make(self, number: int, name: str, project: int | None, segment_size: int, files: tuple[str, ...]) -> None:
        """A task; `number` is its recorded id."""
        own = {"project_id": self.ids.here("project", project)} if project else {"labels": [{"name": "a"}]}
        here = self._as_admin("/api/tasks", json={"name": name, "segment_size": segment_size, **own}).json()["id"]
        self.ids.numbers["task", number] = here
        if files:
            parts = [(f"client_files[{i}]", (file, content_of(file))) for i, file in enumerate(files)]
            self._as_admin(f"/api/tasks/{here}/data", data={"image_quality": "70"}, files=parts)

    def register(self, number: int) -> None:
        """The person without privileges; `number` is the recorded id."""
        body = {"username": "annot1", "email": "annot1@example.com", "password1": PASSWORD, "password2": PASSWORD}
        self._as_admin("/api/auth/register", json=body)
        found = self._http.get("/api/users", params={"search": "annot1"}, auth=_ADMIN).json()
        self.ids.numbers["user", number] = found["results"][0]["id"]

    def ask(self, path: str, body: Any) -> None:
        """A background request, to its end."""
        self._hold(False)
        self._as_admin(self.ids.path(path), json=self.ids.body(body))
        self.settle()

    # The calls themselves

    def play(self, row: Row) -> list[str]:
        """Makes one call; returns where its answer differs from the recorded one."""
        self._prepare(row)
        answer = self._call(row)
        kind = answer.headers.get("content-type")
        found = differences(row, answer.status_code, kind, answer.content)
        if answer.status_code == row.status and row.json is not None and kind == row.content_type:
            self.ids.learn(row.path, row.json, answer.json())
        if "location" in answer.headers:
            self.ids.upload = answer.headers["location"].rpartition("/")[2]
        if kind == "application/zip":
            self._download = answer.content
        self._session |= dict(answer.cookies)
        return found

    def _prepare(self, row: Row) -> None:
        """Brings the server to where it was when the call was made."""
        if row.method == "DELETE" and "/lambda/" in row.path:
            self._wait_for_the_run(row)
            return
        if row.is_accepted or row.has_ended:  # what was asked for before had ended
            self._hold(False)
            self.settle()
        self._hold(row.is_early)
        if row.status == 429:
            self._use_up_anonymous_calls()
        if row.status == 500 and "/lambda/" in row.path:
            self._offer(error="500 Server Error: Internal Server Error for url: http://function.example/")
        if "/annotations" in row.path and "format=" in row.path:
            self._import_format = parse_qs(urlsplit(row.path).query)["format"][0]

    def _hold(self, held: bool) -> None:
        """Nothing is worked off while the recording shows nothing done; then all is."""
        if held == self._held:
            return
        self._held = held
        self._switch("worker", held=held)
        if not held:
            self.settle()

    def settle(self) -> None:
        """Waits until all requests have ended."""
        deadline = time.monotonic() + PATIENCE_S
        while self._is_busy() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _is_busy(self) -> bool:
        by = self._callers["token"]
        waiting = [self._http.get("/api/requests", params={"status": s}, **by).json()["count"] for s in _UNENDED]
        runs = self._http.get("/api/lambda/requests", **by).json()
        return any(waiting) or any(run["status"] in _UNENDED for run in runs)

    def _wait_for_the_run(self, row: Row) -> None:
        """A function's run that is cancelled was under way."""
        self._switch("worker", queue="annotation", delay_s=0.3)
        self._switch("worker", held=False)
        self._held = False
        while self._http.get(self.ids.path(row.path), auth=_ADMIN).json()["status"] == "queued":
            time.sleep(0.01)
        self._switch("worker", queue="annotation", delay_s=0)

    def _use_up_anonymous_calls(self) -> None:
        self._switch("throttle", on=True)
        while self._http.get("/api/server/about").status_code != 429:
            pass

    def _call(self, row: Row) -> httpx.Response:
        self._http.cookies.clear()
        caller, content = self._callers.get(row.by, {}), self._content(row)
        headers = {"accept": "application/vnd.cvat+json"} | row.headers | caller.get("headers", {})
        if row.by.startswith("session"):
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self._session.items())
        if row.by == "session":
            headers["x-csrftoken"] = self._session["csrftoken"]
        if "upload-length" in headers:
            headers["upload-length"] = str(len(self._piece(row)))
        if "files" in content:
            headers.pop("content-type", None)
        path = self.ids.path(row.path)
        return self._http.request(row.method, path, headers=headers, auth=caller.get("auth"), **content)

    def _content(self, row: Row) -> dict[str, Any]:
        """What httpx shall send."""
        match row.sent or {}:
            case {"json": body}:
                return {"json": self._secrets(row, self._addressed(self.ids.body(body)))}
            case {"text": text}:
                return {"content": text}
            case {"form": form, "files": files, **more}:
                broken = b"garbage" if more.get("broken") else None
                if field := more.get("field"):
                    return {"data": form, "files": [(field, (files[0], broken or self._piece(row)))]}
                parts = [(f"client_files[{i}]", (file, broken or content_of(file))) for i, file in enumerate(files)]
                return {"data": form, "files": parts}
            case {"bytes": _}:
                return {"content": self._piece(row)}
        return {}

    def _piece(self, row: Row) -> bytes:
        """A file that the recording does not hold: an image, annotations, or what was downloaded last."""
        if "/data" in row.path:
            return content_of("piece.jpg")
        return annotations_in(self._import_format) if "/annotations" in row.path else self._download

    def _addressed(self, body: Any) -> Any:
        text = json.dumps(body)
        for then, now in self._hosts.items():
            text = text.replace(then, now)
        return json.loads(text)

    @staticmethod
    def _secrets(row: Row, body: Any) -> Any:
        """What was redacted: right where the call went well."""
        if not isinstance(body, dict):
            return body
        value = PASSWORD if row.status < 400 or row.status == 429 else "surely-wrong"
        if "password1" in (row.json or {}):
            value = "short"
        return {key: value if given == "REDACTED" else given for key, given in body.items()}


_UNENDED = ("queued", "started")


def content_of(name: str) -> bytes:
    """A small picture; a text for a name that is no image's."""
    if name.endswith(".txt"):
        return b"some words"
    target = io.BytesIO()
    Image.new("RGB", (64, 48), (90, 120, 30)).save(target, "JPEG")
    return target.getvalue()


def annotations_in(form: str) -> bytes:
    """An archive with one box of the label `a` in the frame `frame_0000.jpg`."""
    if form.startswith("CVAT"):
        box = '<box label="a" source="manual" occluded="0" xtl="1" ytl="2" xbr="30" ybr="40" z_order="0"/>'
        image = f'<image id="0" name="frame_0000.jpg" width="64" height="48">{box}</image>'
        name, text = "annotations.xml", f"<annotations><version>1.1</version>{image}</annotations>"
    else:
        shape = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 29, 38], "area": 1102, "iscrowd": 0}
        content = {
            "images": [{"id": 1, "file_name": "frame_0000.jpg", "width": 64, "height": 48}],
            "categories": [{"id": 1, "name": "a", "supercategory": ""}],
            "annotations": [{**shape, "segmentation": []}],
        }
        name, text = "annotations/instances_default.json", json.dumps(content)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, text)
    return target.getvalue()
