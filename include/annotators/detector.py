"""Detection networks as annotators: pictures in, rectangles out, wherever the network runs."""

from collections.abc import Iterator, Mapping, Sequence

import cvat_sdk.auto_annotation as cvataa
import cvat_sdk.models as models
import numpy as np
import PIL.Image
from pydantic import Field

from include.annotators.decoders import HABITS, REVISION, Form, decode, recognise
from include.annotators.metadata import class_names
from include.annotators.networks import Array, ModelError, Network, Tensor, answers
from include.annotators.pictures import Frame, InputSettings, Intake, input_size, picture_input
from include.annotators.suppression import Suppression, suppress
from include.annotators.vocabulary import vocabulary

_SIZES = "orig_target_sizes"  # what RT-DETR's and D-FINE's own exports ask for, to answer in pixels


class DetectorSettings(InputSettings):
    """What a project may set of a detector."""

    form: Form | None = Field(None, description=f"How the model answers: {', '.join(Form)}; recognised if not set.")
    classes: tuple[str, ...] | None = Field(None, description="The model's classes in its order; else its metadata's.")
    labels: dict[str, str] | None = Field(
        None, description="Which of the model's classes are reported, and by which label. Not set: all, by their names."
    )
    min_score: float = Field(0.25, ge=0, le=1, description="Boxes with a lower score are not reported.")
    max_detections: int = Field(300, ge=1, description="The most boxes of a picture; those of the best scores stay.")
    suppression: Suppression | None = Field(
        None, description="none, greedy, linear or gaussian (both soft). Not set: greedy for the YOLO forms, else none."
    )
    overlap: float = Field(0.5, gt=0, le=1, description="From which IoU on one of two boxes goes, or loses score.")
    sigma: float = Field(0.5, gt=0, description="How gently the gaussian way takes score: more is gentler.")
    class_agnostic: bool = Field(False, description="Whether boxes of unlike labels count as the same object, too.")


class Detector:
    """A DetectionFunction of rectangles over a network. A blank picture is asked about once, to see how it answers.

    Boxes are in the given picture's pixels, inside it; scores are the model's. Suppression looks at labels, so two
    classes of one label do not leave two boxes of one object. Raises ValueError where model and settings do not fit.
    """

    def __init__(self, network: Network, settings: DetectorSettings, *, workers: int = 1) -> None:
        self._network, self._settings, self._workers = network, settings, workers
        tensor = picture_input(network.inputs)
        size = input_size(tensor, network.metadata, settings.input_size)
        self._fixed = tensor.shape[0] is not None
        self._most = tensor.shape[0] or settings.batch_size
        self._more = _more_inputs(network.inputs, tensor, size)
        (blank,) = self._ask(iter([{tensor.name: Intake(tensor, size).blank(), **self._more}]))
        self._form = settings.form or recognise(blank, size)
        habits = HABITS[self._form]
        self._intake = Intake(
            tensor,
            size,
            settings.fit or habits.fit,
            settings.pixels or habits.pixels,
            settings.channels or habits.channels,
            settings.mean,
            settings.std,
        )
        self._suppression = settings.suppression or habits.suppression
        self._words = vocabulary(settings.classes, class_names(network.metadata), settings.labels, None)
        self._words.check_count(decode(self._form, blank, size, settings.min_score).count)
        self.spec = self._words.spec("rectangle")

    @property
    def version(self) -> str:
        """The decoders' revision, 8 digits of the network's digest, 8 of that of the settings that change answers."""
        return f"{REVISION}-{self._network.digest[:8]}-{self._settings.digest()}"

    @property
    def batch_size(self) -> int:
        """How many pictures it likes to be given at once."""
        return self._most * self._workers

    def detect(
        self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image
    ) -> list[models.LabeledShapeRequest]:
        (found,) = self.detect_batch([image])
        return [shape for shape in found if shape.score >= (context.conf_threshold or 0)]

    def detect_batch(self, images: Sequence[PIL.Image.Image]) -> list[list[models.LabeledShapeRequest]]:
        """The rectangles of each picture, the best scores first. Raises ModelError where the model fails on them."""
        places: list[Frame] = []

        def examples() -> Iterator[Mapping[str, Array]]:
            for image in images:
                pixels, place = self._intake.take(image)
                places.append(place)
                yield {self._intake.tensor.name: pixels, **self._more}

        found = self._ask(examples())
        return [self._shapes(outputs, places[index]) for index, outputs in enumerate(found)]

    def _ask(self, examples: Iterator[Mapping[str, Array]]) -> Iterator[dict[str, Array]]:
        return answers(self._network, examples, batch=self._most, fixed=self._fixed, workers=self._workers)

    def _shapes(self, outputs: Mapping[str, Array], place: Frame) -> list[models.LabeledShapeRequest]:
        settings = self._settings
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
        rows = zip(labels[kept][real], boxes[real], scores[real], strict=True)
        shapes = [cvataa.rectangle(int(label), box.tolist(), score=float(score)) for label, box, score in rows]
        return shapes[: settings.max_detections]

    def _labels(self, classes: Array) -> Array:
        """The labels' ids of classes [n]; -1 for none."""
        ids = np.array(self._words.label_ids)
        if len(classes) and classes.max() >= len(ids):
            raise ModelError(f"the model answers class {classes.max()}, and only {len(ids)} classes are named")
        of_classes: Array = ids[classes.astype(int)]
        return of_classes


def _more_inputs(inputs: Sequence[Tensor], picture: Tensor, size: tuple[int, int]) -> dict[str, Array]:
    """What the network takes besides the picture: its size. Raises ModelError where it is something else."""
    others = [tensor for tensor in inputs if tensor is not picture]
    if unknown := [tensor.name for tensor in others if tensor.name != _SIZES]:
        raise ModelError(f"nothing is known to give to the model's inputs {', '.join(unknown)}")
    return {tensor.name: np.array(size, tensor.dtype) for tensor in others}
