"""What it costs to accept jobs unseen: the objects that nobody saw, against the truth that only the demo knows."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass

from include.clients.ledger import Ledger
from include.clients.tables import revision_from
from include.evaluation.matching import match_one_to_one, overlap_matrix, same_label
from include.lifecycle.images import Image, split_uri
from include.lifecycle.reviews import Acceptance, Annotation
from include.lifecycle.shapes import Shape, ShapeType
from include.local.reviewer import Drawn, correct, frame_rng
from include.local.signs import TrueObject
from include.local.stack import Stack

_SAME = 0.5  # IoU, as in the project's evaluation
_TEXT = "text"


@dataclass(frozen=True, slots=True)
class Flaws:
    """Of so many objects: those that are nowhere in the truth (or of another class), those of the truth that are
    missing, and those that are right but for their text."""

    objects: int = 0
    wrong: int = 0
    missing: int = 0
    misread: int = 0

    def __add__(self, other: "Flaws") -> "Flaws":
        return Flaws(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def flaws(drawn: Sequence[Drawn], truth: Sequence[TrueObject], size: tuple[int, int]) -> Flaws:
    """What is not as it should be on a frame of this size."""
    found, true = [_shape(one.label, one.box) for one in drawn], [_shape(one.label, one.box) for one in truth]
    overlaps = overlap_matrix(found, true, size)
    overlaps[~same_label(found, true)] = 0
    pairs = match_one_to_one(overlaps, _SAME)
    misread = sum(drawn[row].text != truth[column].text for row, column in pairs)
    return Flaws(len(drawn), len(drawn) - len(pairs), len(truth) - len(pairs), misread)


def unseen(
    project: str, stack: Stack, ledger: Ledger, truth: Mapping[str, Sequence[TrueObject]], seed: int
) -> tuple[Flaws, Flaws]:
    """What is wrong with all that was accepted unseen so far, and what would be if the reviewer had seen it.

    The truth is by file name; the reviewer's slips hang on the seed.
    """
    left, reviewed = Flaws(), Flaws()
    for image, drawn in _accepted_unseen(project, stack, ledger):
        _, key = split_uri(image.uri)
        true, size = truth[posixpath.basename(key)], (image.header.width, image.header.height)
        left += flaws(drawn, true, size)
        reviewed += flaws(as_reviewed(drawn, true, size, seed, key), true, size)
    return left, reviewed


def as_reviewed(
    drawn: Sequence[Drawn], truth: Sequence[TrueObject], size: tuple[int, int], seed: int, frame_name: str
) -> list[Drawn]:
    """A frame as the reviewer leaves it."""
    edits = correct(drawn, truth, size, frame_rng(seed, frame_name))
    kept = [one for one in drawn if one.id in edits.kept]
    return [*kept, *edits.edited, *edits.relabelled, *edits.added]


def _accepted_unseen(project: str, stack: Stack, ledger: Ledger) -> Iterator[tuple[Image, list[Drawn]]]:
    for record in ledger.reviews.current(project):
        if record.accepted is not Acceptance.AUTOMATIC:
            continue
        revision = revision_from(stack.read(record.uri))
        images = ledger.images.get(project, revision.image_ids)
        for image_id in revision.image_ids:
            mine = [one for one in revision.annotations if one.image_id == image_id]
            yield images[image_id], [_drawn(one) for one in mine]


def _drawn(annotation: Annotation) -> Drawn:
    shape = annotation.shape
    x1, y1, x2, y2 = shape.points
    return Drawn(annotation.shape_id, shape.label, dict(shape.attributes).get(_TEXT, ""), (x1, y1, x2, y2))


def _shape(label: str, box: tuple[float, float, float, float]) -> Shape:
    return Shape(label, ShapeType.RECTANGLE, tuple(float(value) for value in box))
