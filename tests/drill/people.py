"""People who draw, edit and delete in jobs, at any time and straight at the server; they remember what they did."""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.include.steps.world import World

Shape = dict[str, Any]


def text_of(shape: Shape) -> str:
    """What a shape says: of a prediction `<image>.<object>`, of what people drew a name of theirs."""
    return next(str(one["value"]) for one in shape["attributes"] if one["value"] not in ("true", "false"))


@dataclass
class People:
    """Everybody who works in CVAT on a project's jobs."""

    world: World
    chance: random.Random
    kept: dict[int, Shape] = field(default_factory=dict)  # by id: as somebody has left it
    deleted: set[str] = field(default_factory=set)  # by what it said
    been_in: set[int] = field(default_factory=set)  # jobs, by CVAT's id
    _drawn: int = 0

    def act(self) -> None:
        """Somebody does one thing in some job, if there is any yet."""
        server = self.world.server
        jobs = server.rows("/api/jobs", project_name=self.world.project.name, sort="id")
        if not jobs:
            return
        job = self.chance.choice(jobs)
        found: list[Shape] = server.get(f"/api/jobs/{job['id']}/annotations")["shapes"]
        self.been_in.add(job["id"])
        deeds = [self._draw, self._edit, self._delete] if found else [self._draw]
        self.chance.choice(deeds)(job, found)

    def _draw(self, job: dict[str, Any], _: list[Shape]) -> None:
        self._drawn += 1
        label = next(row for row in self.world.server.rows("/api/labels", job_id=job["id"]) if row["name"] == "dot")
        said = {spec["name"]: spec["id"] for spec in label["attributes"]}["text"]
        frame = self.chance.randint(job["start_frame"], job["stop_frame"])
        self._change(
            job["id"],
            "create",
            {
                "type": "rectangle",
                "frame": frame,
                "label_id": label["id"],
                "points": self._box(),
                "source": "manual",
                "occluded": False,
                "attributes": [{"spec_id": said, "value": f"by somebody {self._drawn}"}],
            },
        )

    def _edit(self, job: dict[str, Any], found: list[Shape]) -> None:
        shape = self.chance.choice(found)
        self._change(job["id"], "update", {**shape, "points": self._box(), "source": "semi-auto"})

    def _delete(self, job: dict[str, Any], found: list[Shape]) -> None:
        shape = self.chance.choice(found)
        self._change(job["id"], "delete", shape)

    def _change(self, job_id: int, action: str, shape: Shape) -> None:
        body = {"version": 0, "tags": [], "tracks": [], "shapes": [shape]}
        path = f"/api/jobs/{job_id}/annotations"
        answer = self.world.server.patch(path, body, action=action)
        if action == "delete":
            self.kept.pop(shape["id"], None)
            self.deleted.add(text_of(shape))
        else:
            (changed,) = answer["shapes"]
            now = {one["id"]: one for one in self.world.server.get(path)["shapes"]}
            self.kept[changed["id"]] = now[changed["id"]]
            assert now[changed["id"]]["points"] == shape["points"]

    def _box(self) -> list[float]:
        left, top = self.chance.randint(0, 40), self.chance.randint(0, 30)
        return [float(left), float(top), left + 5.5, top + 7.25]

    def undone(self, shapes: list[Shape]) -> list[str]:
        """What is not as somebody has left it, in words; `shapes` is all that is drawn now."""
        now = {shape["id"]: shape for shape in shapes}
        said = {text_of(shape) for shape in shapes}
        changed = [
            f"{text_of(shape)} is not as people left it" for key, shape in self.kept.items() if now.get(key) != shape
        ]
        return changed + [f"{text} was deleted by people, and came back" for text in sorted(self.deleted & said)]
