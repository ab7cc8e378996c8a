"""What the names in a file stand for in a task: frames, labels, attributes."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from include.emulator import labels
from include.emulator.annotations import Item, Target
from include.emulator.requests import RequestFailure

_ERROR = "cvat.apps.dataset_manager.bindings.CvatImportError"


@dataclass(frozen=True, slots=True)
class Names:
    """Numbers of frames by name, ids of labels by name, and ids of attributes by label and name."""

    frames: dict[str, int]
    labels: dict[str, int]
    attributes: dict[tuple[int, str], int]

    @classmethod
    def of(cls, connection: sqlite3.Connection, target: Target) -> "Names":
        frames = connection.execute(
            "SELECT name, number FROM frames JOIN data ON data.id = frames.data_id WHERE task_id = ?",
            (target.task["id"],),
        )
        held = {row["name"]: row["number"] for row in frames if any(_holds(job, row["number"]) for job in target.jobs)}
        column, owner = labels.owner_of(target.task)
        known = connection.execute(f"SELECT id, name FROM labels WHERE {column} = ? AND parent_id IS NULL", (owner,))
        specs = connection.execute(
            f"SELECT attributes.* FROM attributes JOIN labels ON labels.id = label_id WHERE {column} = ?", (owner,)
        )
        return cls(
            held,
            {row["name"]: row["id"] for row in known},
            {(row["label_id"], row["name"]): row["id"] for row in specs},
        )

    def frame(self, name: str) -> int:
        """Raises `RequestFailure` for a frame that the task does not have."""
        if name not in self.frames:
            item = name.rpartition(".")[0] or name
            raise RequestFailure(f"{_ERROR}: Could not match item id: '{item}' with any task frame\n")
        return self.frames[name]

    def label(self, name: str) -> int:
        """Raises `RequestFailure` for a label that the task does not have."""
        if name not in self.labels:
            raise RequestFailure(f"{_ERROR}: Label '{name}' is not registered for this task\n")
        return self.labels[name]

    def values(self, label_id: int, named: Iterable[tuple[str, str]]) -> list[Item]:
        """Attribute values by id; what the label does not have is left out, as CVAT does."""
        return [
            {"spec_id": self.attributes[label_id, name], "value": value}
            for name, value in named
            if (label_id, name) in self.attributes
        ]


def _holds(job: sqlite3.Row, frame: int) -> bool:
    return bool(job["start_frame"] <= frame <= job["stop_frame"])


def failed_import(what: str, reason: object) -> RequestFailure:
    """What a file that cannot be read comes to."""
    return RequestFailure(f"{_ERROR}: Failed to import dataset '{what}' at '/data/import': {reason}\n")
