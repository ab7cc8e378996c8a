"""A job's annotations against ground truth, frame by frame, with the figures of CVAT's quality reports.

Objects are matched in two passes, the best pairs by overlap first of the same label, then of any (Hungarian). Shapes of
one kind are compared by the boxes around their points, tags by their labels.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from include.emulator.annotations import Item

IOU_THRESHOLD = 0.4
LOW_OVERLAP_THRESHOLD = 0.8
_SEVERITIES = {"low_overlap": "warning", "mismatching_attributes": "warning"}


@dataclass(frozen=True, slots=True)
class Thing:
    """A shape or tag of a job."""

    job_id: int
    kind: Literal["shape", "tag"]
    item: Item

    @property
    def label(self) -> int:
        return int(self.item["label_id"])

    @property
    def ids(self) -> dict[str, Any]:
        """As a conflict names it."""
        kind = {"type": "tag", "shape_type": None} if self.kind == "tag" else _kind_of(self.item)
        return {"obj_id": self.item["id"], "job_id": self.job_id, **kind}


def _kind_of(shape: Item) -> dict[str, Any]:
    return {"type": "shape", "shape_type": shape["type"]}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that differs on a frame, and what it is about: the job's object first."""

    frame: int
    type: str
    things: tuple[Thing, ...]

    @property
    def severity(self) -> str:
        return _SEVERITIES.get(self.type, "error")

    @property
    def form(self) -> dict[str, Any]:
        """As a report has it."""
        ids = [thing.ids for thing in self.things]
        return {"frame_id": self.frame, "type": self.type, "annotation_ids": ids, "severity": self.severity}


@dataclass(slots=True)
class Comparison:
    """What comparing frames has come to. The matrix counts pairs of labels, the job's first; None is no object."""

    conflicts: list[Conflict] = field(default_factory=list)
    matrix: Counter[tuple[int | None, int | None]] = field(default_factory=Counter)
    overlaps: list[float] = field(default_factory=list)

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(self.conflicts + other.conflicts, self.matrix + other.matrix, self.overlaps + other.overlaps)

    @property
    def counts(self) -> dict[str, int]:
        """Of annotations: right, missing, too much, and in all."""
        pairs = self.matrix.items()
        return {
            "valid_count": sum(n for (ours, truth), n in pairs if ours == truth),
            "missing_count": sum(n for (ours, _), n in pairs if ours is None),
            "extra_count": sum(n for (_, truth), n in pairs if truth is None),
            "total_count": self.matrix.total(),
            "ds_count": sum(n for (ours, _), n in pairs if ours is not None),
            "gt_count": sum(n for (_, truth), n in pairs if truth is not None),
        }

    @property
    def shares(self) -> dict[str, float]:
        """Accuracy, precision and recall, 0..1."""
        of = self.counts
        names = {"accuracy": "total_count", "precision": "ds_count", "recall": "gt_count"}
        return {name: _share(of["valid_count"], of[total]) for name, total in names.items()}

    @property
    def conflict_counts(self) -> dict[str, Any]:
        """Of conflicts, by severity and type."""
        severities = Counter(conflict.severity for conflict in self.conflicts)
        return {
            "conflict_count": len(self.conflicts),
            "warning_count": severities["warning"],
            "error_count": severities["error"],
            "conflicts_by_type": dict(Counter(conflict.type for conflict in self.conflicts)),
        }

    def annotations(self, labels: Mapping[int, str]) -> dict[str, Any]:
        """The counts, the confusion matrix by label, and the shares."""
        keys: list[int | None] = [*labels, None]
        rows = np.array([[self.matrix[ours, truth] for truth in keys] for ours in keys])
        hits, found, true = np.diag(rows), rows.sum(axis=1), rows.sum(axis=0)
        rest = rows.sum() - found - true + hits
        matrix = {
            "labels": [*labels.values(), "unmatched"],
            "rows": rows.tolist(),
            "axes": {"cols": "gt", "rows": "ds"},
            "accuracy": _shares(hits + rest, np.full_like(hits, rows.sum())),
            "precision": _shares(hits, found),
            "recall": _shares(hits, true),
            "jaccard_index": _shares(hits, found + true - hits),
        }
        return {**self.counts, "confusion_matrix": matrix, **self.shares}

    @property
    def components(self) -> dict[str, Any]:
        """How much of it is shapes that match, and labels of these."""
        of = self.counts
        pairs = of["total_count"] - of["missing_count"] - of["extra_count"]
        shape = {
            **of,
            "valid_count": pairs,
            "mean_iou": _share(sum(self.overlaps), of["total_count"]),
            "accuracy": _share(pairs, of["total_count"]),
        }
        label = {
            "valid_count": of["valid_count"],
            "invalid_count": pairs - of["valid_count"],
            "total_count": pairs,
            "accuracy": _share(of["valid_count"], pairs),
        }
        return {"shape": shape, "label": label}


def compare(frame: int, ours: Sequence[Thing], truth: Sequence[Thing]) -> Comparison:
    """What a job has on a frame, against ground truth."""
    overlaps = np.array([[_overlap(one, other) for other in truth] for one in ours]).reshape(len(ours), len(truth))
    same = np.array([[one.label == other.label for other in truth] for one in ours], bool).reshape(overlaps.shape)
    right = _matched(np.where(same, overlaps, 0.0))
    taken = np.ones_like(overlaps)
    taken[[i for i, _ in right], :] = taken[:, [j for _, j in right]] = 0.0
    wrong = _matched(overlaps * taken)
    pairs = dict((*right, *wrong))
    found = Comparison(overlaps=[float(overlaps[i, j]) for i, j in pairs.items()])
    found.matrix.update((ours[i].label, truth[j].label) for i, j in pairs.items())
    for i, j in right:
        found.conflicts += _doubts(frame, ours[i], truth[j], float(overlaps[i, j]))
    found.conflicts += [Conflict(frame, "mismatching_label", (ours[i], truth[j])) for i, j in wrong]
    for missing in (thing for j, thing in enumerate(truth) if j not in pairs.values()):
        found.matrix[None, missing.label] += 1
        found.conflicts.append(Conflict(frame, "missing_annotation", (missing,)))
    for extra in (thing for i, thing in enumerate(ours) if i not in pairs):
        found.matrix[extra.label, None] += 1
        found.conflicts.append(Conflict(frame, "extra_annotation", (extra,)))
    return found


def _matched(overlaps: np.ndarray[Any, np.dtype[np.float64]]) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment  # a third of the server's start, and few compare

    allowed = np.where(overlaps >= IOU_THRESHOLD, overlaps, 0.0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if allowed[i, j] > 0]


def _doubts(frame: int, one: Thing, other: Thing, overlap: float) -> Iterable[Conflict]:
    if overlap < LOW_OVERLAP_THRESHOLD:
        yield Conflict(frame, "low_overlap", (one, other))
    if _values(one) != _values(other):
        yield Conflict(frame, "mismatching_attributes", (one, other))


def _values(thing: Thing) -> dict[int, str]:
    return {value["spec_id"]: value["value"] for value in thing.item["attributes"]}


def _overlap(one: Thing, other: Thing) -> float:
    if one.kind != other.kind or one.item.get("type") != other.item.get("type"):
        return 0.0
    if one.kind == "tag":
        return float(one.label == other.label)
    (a, b), (c, d) = _corners(one.item), _corners(other.item)
    sides = np.minimum(b, d) - np.maximum(a, c)
    shared = float(np.prod(np.maximum(sides, 0.0)))
    union = float(np.prod(b - a) + np.prod(d - c)) - shared
    return _share(shared, union)


def _corners(shape: Item) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    if shape["type"] == "mask":  # whose last four numbers are its box, both ends included
        left, top, right, bottom = shape["points"][-4:]
        return np.array([left, top]), np.array([right + 1, bottom + 1])
    points = [point for part in (shape, *shape.get("elements", ())) for point in part["points"]]
    pairs = np.array(points).reshape(-1, 2)
    return pairs.min(axis=0), pairs.max(axis=0)


def _shares(parts: Iterable[float], totals: Iterable[float]) -> list[float]:
    return [_share(part, total) for part, total in zip(parts, totals, strict=True)]


def _share(part: float, total: float) -> float:
    return float(part / total) if total else 0.0
