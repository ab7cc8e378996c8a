"""Labels and attributes by name in place of ids, so that annotations can move from one set of labels to another."""

import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from include.emulator import labels
from include.emulator.annotations import Item

_Path = tuple[str, str]  # a label's parent, or "", and its name


@dataclass(frozen=True, slots=True)
class Labelling:
    """The labels of a project or task, and their attributes, both ways."""

    paths: dict[int, _Path]
    ids: dict[_Path, int]
    spec_names: dict[int, str]
    spec_ids: dict[tuple[int, str], int]

    @classmethod
    def of(cls, connection: sqlite3.Connection, owner: labels.Owner) -> "Labelling":
        column, owner_id = owner
        rows = connection.execute(f"SELECT * FROM labels WHERE {column} = ?", (owner_id,)).fetchall()
        names = {row["id"]: row["name"] for row in rows}
        paths = {row["id"]: (names.get(row["parent_id"], ""), row["name"]) for row in rows}
        specs = connection.execute(
            f"SELECT attributes.* FROM attributes JOIN labels ON labels.id = label_id WHERE {column} = ?", (owner_id,)
        ).fetchall()
        return cls(
            paths,
            {path: label_id for label_id, path in paths.items()},
            {spec["id"]: spec["name"] for spec in specs},
            {(spec["label_id"], spec["name"]): spec["id"] for spec in specs},
        )

    @staticmethod
    def specs(connection: sqlite3.Connection, owner: labels.Owner) -> list[dict[str, Any]]:
        """The labels as a body that makes them anew."""
        column, owner_id = owner
        rows = connection.execute(
            f"SELECT * FROM labels WHERE {column} = ? AND parent_id IS NULL ORDER BY id", (owner_id,)
        ).fetchall()
        return [_spec(labels.present(connection, row)) for row in rows]

    def named(self, item: Item) -> Item:
        """An annotation without ids: of its own, of its label, of its attributes."""
        bare = {key: value for key, value in item.items() if key not in ("id", "label_id")}
        if "label_id" in item:
            bare["label"] = self.paths[item["label_id"]]
        bare["attributes"] = [
            {"name": self.spec_names[value["spec_id"]], "value": value["value"]} for value in item["attributes"]
        ]
        return bare | {key: [self.named(inner) for inner in item[key]] for key in ("elements", "shapes") if key in item}

    def numbered(self, item: Item, label_id: int = 0) -> Item:
        """The annotation that has such a name here. `label_id` is that of the track which the item is a part of."""
        if "label" in item:
            parent, name = item["label"]
            label_id = self.ids[parent, name]
        values = [{"spec_id": self.spec_ids[label_id, v["name"]], "value": v["value"]} for v in item["attributes"]]
        numbered = {key: value for key, value in item.items() if key != "label"} | {"attributes": values}
        if "label" in item:
            numbered["label_id"] = label_id
        inner = {key: item[key] for key in ("elements", "shapes") if key in item}
        return numbered | {key: [self.numbered(part, label_id) for part in parts] for key, parts in inner.items()}


def _spec(label: dict[str, Any]) -> dict[str, Any]:
    """A skeleton's drawing names its points by label again."""
    names = {str(sublabel["id"]): sublabel["name"] for sublabel in label["sublabels"]}
    drawing = re.sub(
        r'data-label-id="(\d+)"', lambda match: f'data-label-name="{names[match[1]]}"', label.get("svg") or ""
    )
    return {**_without_ids(label), "svg": drawing, "sublabels": [_without_ids(s) for s in label["sublabels"]]}


def _without_ids(label: dict[str, Any]) -> dict[str, Any]:
    attributes = [{key: value for key, value in one.items() if key != "id"} for one in label["attributes"]]
    return {"name": label["name"], "color": label["color"], "type": label["type"], "attributes": attributes}
