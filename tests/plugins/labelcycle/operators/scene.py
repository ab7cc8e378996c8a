"""A CVAT with a task, for the operators that work on one."""

import io
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from PIL import Image

from tests.include.emulated import Emulated, until

FRAMES = ("a.jpg", "b.jpg", "c.jpg")
LABELS = [{"name": "car"}, {"name": "face", "type": "polygon"}]


@dataclass(frozen=True)
class Scene:
    """A task of three frames in two jobs, in a project of its own."""

    server: Emulated
    project: int
    task: int
    jobs: tuple[int, ...]

    def shapes(self) -> list[dict[str, Any]]:
        """What is in the task."""
        shapes: list[dict[str, Any]] = self.server.get(f"/api/tasks/{self.task}/annotations")["shapes"]
        return shapes

    def draw(self, *frames: int, source: str = "manual") -> None:
        """A person (or a model) draws a box on each of these frames."""
        label = self.server.rows("/api/labels", project_id=self.project)[0]["id"]
        shapes = [
            {"type": "rectangle", "frame": n, "points": [1, 2, 30, 40], "label_id": label, "source": source}
            for n in frames
        ]
        body = {"version": 0, "tags": [], "tracks": [], "shapes": shapes}
        self.server.patch(f"/api/tasks/{self.task}/annotations", body, action="create")

    def work_in(self, job: int) -> None:
        """A person has begun a job."""
        self.server.patch(f"/api/jobs/{job}", {"state": "in progress"})


def new_scene(server: Emulated) -> Scene:
    name = f"scene {uuid4().hex[:8]}"
    project = server.post("/api/projects", {"name": name, "labels": LABELS})["id"]
    task = server.post("/api/tasks", {"name": name, "project_id": project, "segment_size": 2})["id"]
    files = {f"client_files[{n}]": (frame, jpeg(), "image/jpeg") for n, frame in enumerate(FRAMES)}
    server.http.post(f"/api/tasks/{task}/data", data={"image_quality": "70"}, files=files).raise_for_status()
    jobs = until(lambda: server.rows("/api/jobs", task_id=task, sort="id"))
    return Scene(server, project, task, tuple(job["id"] for job in jobs))


def jpeg() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (64, 48)).save(target, "JPEG")
    return target.getvalue()
