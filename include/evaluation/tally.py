"""Tally: what was right on each image, by class, so that figures of any images are sums."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array

from include.evaluation.columns import Flags, Floats, Kind, Sheet, sheet
from include.evaluation.greedy import greedy, in_order
from include.evaluation.overlaps import Pairs, pairs_of, scored_from
from include.evaluation.reviewed import EvaluationSettings, ReviewedImage

COUNTS = 5  # of an image and label


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Counts by image and label, csr[images, COUNTS * labels]: of annotations, then of predictions, of right
    predictions, of those of them that have a place (tags have none), and the sums of these ones' overlaps;
    float64[images] weights."""

    labels: tuple[str, ...]
    weights: Floats
    counts: csr_array

    def of(self, chosen: Flags) -> "Tally":
        """Of these images alone (bool[images])."""
        return Tally(self.labels, self.weights[chosen], self.counts[np.flatnonzero(chosen)])


def tally(sheet: Sheet, made: Pairs) -> Tally:
    """Count a sheet's objects, of which these pairs are the same object and class."""
    found, true, labels = sheet.predictions, sheet.annotations, len(sheet.labels)
    right = found.image[made.prediction], found.label[made.prediction]
    has_place = found.kind[made.prediction] != Kind.TAG
    parts = [
        (true.image, true.label, np.ones(len(true))),
        (found.image, found.label, np.ones(len(found))),
        (*right, np.ones(len(made))),
        (*right, has_place.astype(np.float64)),
        (*right, np.where(has_place, made.overlap, 0.0)),
    ]
    image = np.concatenate([one[0] for one in parts])
    column = np.concatenate([one[1] + labels * place for place, one in enumerate(parts)])
    values = np.concatenate([one[2] for one in parts])
    counts = coo_array((values, (image, column)), shape=(sheet.images, COUNTS * labels)).tocsr()
    return Tally(sheet.labels, sheet.weights, csr_array(counts))


def tally_of(images: Iterable[ReviewedImage], settings: EvaluationSettings) -> Tally:
    """Count what is right on these images."""
    seen = sheet(images)
    scored, pairs = scored_from(seen, pairs_of(seen), settings.min_score)
    return tally(scored, right_pairs(scored, pairs, settings.iou))


def same_class(sheet: Sheet, pairs: Pairs) -> Pairs:
    """The pairs of one label."""
    return pairs.where(sheet.predictions.label[pairs.prediction] == sheet.annotations.label[pairs.annotation])


def right_pairs(sheet: Sheet, pairs: Pairs, iou: float) -> Pairs:
    """The predictions that are right at this overlap, with their annotations: COCO's matching within each class."""
    return greedy(in_order(same_class(sheet, pairs)), iou)


def joined(labels: Sequence[str], *tallies: Tally) -> tuple[Tally, ...]:
    """Tallies with these labels, which are all of theirs, in this order."""
    return tuple(_with(labels, one) for one in tallies)


def _with(labels: Sequence[str], one: Tally) -> Tally:
    places = np.array([labels.index(label) for label in one.labels], dtype=np.int64)
    old, new = len(one.labels), len(labels)
    columns = np.concatenate([places + new * part for part in range(COUNTS)]) if old else np.zeros(0, np.int64)
    counts = one.counts.tocoo()
    moved = coo_array((counts.data, (counts.row, columns[counts.col])), shape=(counts.shape[0], COUNTS * new))
    return Tally(tuple(labels), one.weights, csr_array(moved.tocsr()))
