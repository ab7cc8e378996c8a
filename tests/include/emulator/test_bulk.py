"""Many shapes at once: none lost, none changed, and in bearable time."""

import time

from tests.contract.objects import filled_task

SHAPES = 20_000
BEARABLE_S = 15.0


def test_many_shapes(emulator):
    task = filled_task(emulator, frames=10, labels=[{"name": "car"}], segment_size=3)
    [label] = emulator.get("/api/labels", params={"task_id": task.id}).json()["results"]
    sent = [
        {"type": "rectangle", "frame": i % 10, "label_id": label["id"], "points": [i / 7, 0, i / 7 + 1, 9.5]}
        for i in range(SHAPES)
    ]
    begun = time.monotonic()
    emulator.put(f"/api/tasks/{task.id}/annotations", json={"shapes": sent}).raise_for_status()
    read = emulator.get(f"/api/tasks/{task.id}/annotations").json()["shapes"]
    assert time.monotonic() - begun < BEARABLE_S
    assert len({shape["id"] for shape in read}) == SHAPES
    expected = sorted((shape["frame"], shape["points"]) for shape in sent)
    assert sorted((shape["frame"], shape["points"]) for shape in read) == expected
    page = emulator.get("/api/jobs", params={"task_id": task.id, "page_size": "all"}).json()["results"]
    assert [job["frame_count"] for job in page] == [1, 3, 3, 3]
