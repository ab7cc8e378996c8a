"""What all networks that look at pictures share as annotators, wherever they run and whatever they answer."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import cvat_sdk.auto_annotation as cvataa
import cvat_sdk.models as models
import numpy as np
import PIL.Image
from pydantic import Field

from include.annotators.metadata import class_names
from include.annotators.networks import Array, ModelError, Network, Tensor, answers
from include.annotators.pictures import Channels, Fit, Frame, InputSettings, Intake, Pixels, input_size, picture_input
from include.annotators.vocabulary import Vocabulary, vocabulary

_SIZES = "orig_target_sizes"  # what RT-DETR's and D-FINE's own exports ask for, to answer in pixels


class ModelSettings(InputSettings):
    """What a project may set of any such model."""

    classes: tuple[str, ...] | None = Field(None, description="The model's classes in its order; else its metadata's.")
    labels: dict[str, str] | None = Field(
        None, description="Which of the model's classes are reported, and by which label. Not set: all, by their names."
    )
    min_score: float = Field(0.25, ge=0, le=1, description="What has a lower score is not reported.")
    batch_size: int = Field(
        8, ge=1, exclude=True, description="Pictures that the model is given at once; it changes the speed alone."
    )

    def digest(self) -> str:
        """8 digits of the SHA-256 of what changes answers (what changes the speed alone is excluded from dumps)."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]


class PictureModel(ABC):
    """A DetectionFunction over a network. It is asked about a blank picture once, to see how it answers.

    Shapes are in the given picture's pixels, inside it. Raises ValueError where model and settings do not fit.
    """

    revision: ClassVar[int]  # another one whenever an answer is read otherwise than before
    spec: cvataa.DetectionFunctionSpec

    def __init__(self, network: Network, settings: ModelSettings, *, workers: int = 1) -> None:
        self._network, self._settings, self._workers = network, settings, workers
        tensor = picture_input(network.inputs)
        size = input_size(tensor, network.metadata, settings.input_size)
        self._fixed = tensor.shape[0] is not None
        self._most = tensor.shape[0] or settings.batch_size
        self._more = _more_inputs(network.inputs, tensor, size)
        self._intake = Intake(tensor, size)
        (self._blank,) = self._ask(iter([{tensor.name: self._intake.blank(), **self._more}]))

    @property
    def version(self) -> str:
        """The decoder's revision, 8 digits of the network's digest, 8 of that of the settings that change answers."""
        return self._version(self._network.digest, self._settings)

    @classmethod
    def _version(cls, digest: str, settings: ModelSettings) -> str:
        return f"{cls.revision}-{digest[:8]}-{settings.digest()}"

    @property
    def batch_size(self) -> int:
        """How many pictures it likes to be given at once."""
        return self._most * self._workers

    def detect(
        self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image
    ) -> list[models.LabeledShapeRequest]:
        (found,) = self.detect_batch([image])
        return [shape for shape in found if getattr(shape, "score", 1) >= (context.conf_threshold or 0)]

    def detect_batch(self, images: Sequence[PIL.Image.Image]) -> list[list[models.LabeledShapeRequest]]:
        """The shapes on each picture. Raises ModelError where the model fails on one of them."""
        places: list[Frame] = []

        def examples() -> Iterator[Mapping[str, Array]]:
            for image in images:
                pixels, place = self._intake.take(image)
                places.append(place)
                yield {self._intake.tensor.name: pixels, **self._more}

        found = self._ask(examples())
        return [self._shapes(outputs, places[index]) for index, outputs in enumerate(found)]

    @abstractmethod
    def _shapes(self, outputs: Mapping[str, Array], place: Frame) -> list[models.LabeledShapeRequest]:
        """What the network's outputs for a picture that lies so in its input mean."""

    def _take_as(self, fit: Fit, pixels: Pixels, channels: Channels) -> None:
        """Pictures are given to the network so, where the settings do not say otherwise."""
        said = self._settings
        self._intake = replace(
            self._intake,
            fit=said.fit or fit,
            pixels=said.pixels or pixels,
            channels=said.channels or channels,
            mean=said.mean,
            std=said.std,
        )

    def _vocabulary(self, background: str | None = None) -> Vocabulary:
        settings = self._settings
        return vocabulary(settings.classes, class_names(self._network.metadata), settings.labels, background)

    def _ask(self, examples: Iterator[Mapping[str, Array]]) -> Iterator[dict[str, Array]]:
        return answers(self._network, examples, batch=self._most, fixed=self._fixed, workers=self._workers)


def _more_inputs(inputs: Sequence[Tensor], picture: Tensor, size: tuple[int, int]) -> dict[str, Array]:
    """What the network takes besides the picture: its size. Raises ModelError where it is something else."""
    others = [tensor for tensor in inputs if tensor is not picture]
    if unknown := [tensor.name for tensor in others if tensor.name != _SIZES]:
        raise ModelError(f"nothing is known to give to the model's inputs {', '.join(unknown)}")
    return {tensor.name: np.array(size, tensor.dtype) for tensor in others}
