"""Tasks with pictures, as people make them, for the tests of blind jobs."""

from collections.abc import Sequence
from typing import Any

import httpx

from include.clients.cvat import CvatClient
from include.clients.cvat.records import NewTask
from tests.include.emulated import Emulated, until
from tests.include.steps.dots import picture

LABELS: tuple[dict[str, Any], ...] = ({"name": "person"}, {"name": "car"})


def filled_task(server: Emulated, cvat: CvatClient, name: str, frames: int = 4, replicas: int = 0) -> int:
    """A task of jobs of two frames."""
    task = cvat.create_task(NewTask(name, None, LABELS, segment_size=2, replicas=replicas))
    files = [(f"client_files[{i}]", (f"{i:03d}.png", picture(i, 0))) for i in range(frames)]
    answer = server.http.post(f"/api/tasks/{task.id}/data", data={"image_quality": "70"}, files=files)
    answer.raise_for_status()
    until(lambda: server.get(f"/api/tasks/{task.id}")["size"] or None)
    return task.id


def draw(server: Emulated, task_id: int, path: str, frames: Sequence[int], points: Sequence[float]) -> None:
    """A person's box on each of these frames."""
    label = server.rows("/api/labels", task_id=task_id)[0]["id"]
    shapes = [{"type": "rectangle", "frame": n, "label_id": label, "points": list(points)} for n in frames]
    response: httpx.Response = server.http.patch(path, json={"shapes": shapes}, params={"action": "create"})
    response.raise_for_status()
