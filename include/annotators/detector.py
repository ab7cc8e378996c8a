"""Detection networks as annotators: pictures in, rectangles out."""

from collections.abc import Mapping

import cvat_sdk.auto_annotation as cvataa
import cvat_sdk.models as models
import numpy as np
from pydantic import Field

from include.annotators.decoders import HABITS, REVISION, Form, decode, recognise
from include.annotators.networks import Array, ModelError, Network
from include.annotators.picture_model import ModelSettings, PictureModel
from include.annotators.pictures import Frame
from include.annotators.suppression import Suppression, suppress


class DetectorSettings(ModelSettings):
    """What a project may set of a detector."""

    form: Form | None = Field(None, description=f"How the model answers: {', '.join(Form)}; recognised if not set.")
    max_detections: int = Field(300, ge=1, description="The most boxes of a picture; those of the best scores stay.")
    suppression: Suppression | None = Field(
        None, description="none, greedy, linear or gaussian (both soft). Not set: greedy for the YOLO forms, else none."
    )
    overlap: float = Field(0.5, gt=0, le=1, description="From which IoU on one of two boxes goes, or loses score.")
    sigma: float = Field(0.5, gt=0, description="How gently the gaussian way takes score: more is gentler.")
    class_agnostic: bool = Field(False, description="Whether boxes of unlike labels count as the same object, too.")


class Detector(PictureModel):
    """Rectangles, the best scores first. Suppression looks at labels, so two classes of one label do not leave two
    boxes of one object."""

    revision = REVISION

    def __init__(self, network: Network, settings: DetectorSettings, *, workers: int = 1) -> None:
        super().__init__(network, settings, workers=workers)
        self._stated, size = settings, self._intake.size
        self._form = settings.form or recognise(self._blank, size)
        habits = HABITS[self._form]
        self._take_as(habits.fit, habits.pixels, habits.channels)
        self._suppression = settings.suppression or habits.suppression
        self._words = self._vocabulary()
        self._words.check_count(decode(self._form, self._blank, size, settings.min_score).count)
        self.spec = self._words.spec("rectangle")

    def _shapes(self, outputs: Mapping[str, Array], place: Frame) -> list[models.LabeledShapeRequest]:
        settings = self._stated
        found = decode(self._form, outputs, self._intake.size, settings.min_score)
        labels = self._labels(found.classes)
        # Classes without a label are groups of their own
        groups = np.zeros(len(labels)) if settings.class_agnostic else np.where(labels < 0, -1 - found.classes, labels)
        kept, scores = suppress(
            found.boxes,
            found.scores,
            groups,
            how=self._suppression,
            overlap=settings.overlap,
            sigma=settings.sigma,
            least=settings.min_score,
        )
        boxes = np.clip(place.to_picture(found.boxes[kept]), 0, np.tile([place.width, place.height], 2)).round(2)
        real = (labels[kept] >= 0) & (boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])
        rows = list(zip(labels[kept][real], boxes[real], scores[real], strict=True))[: settings.max_detections]
        return [cvataa.rectangle(int(label), box.tolist(), score=float(score)) for label, box, score in rows]

    def _labels(self, classes: Array) -> Array:
        """The labels' ids of classes [n]; -1 for none."""
        ids = np.array(self._words.label_ids)
        if len(classes) and classes.max() >= len(ids):
            raise ModelError(f"the model answers class {classes.max()}, and only {len(ids)} classes are named")
        of_classes: Array = ids[classes.astype(int)]
        return of_classes
