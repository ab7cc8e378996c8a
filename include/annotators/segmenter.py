"""Semantic segmentation networks as annotators: pictures in, polygons or masks out."""

from collections.abc import Mapping
from enum import StrEnum

import cvat_sdk.auto_annotation as cvataa
import cvat_sdk.models as models
import PIL.Image
from pydantic import Field

from include.annotators.networks import Array, ModelError, Network
from include.annotators.picture_model import ModelSettings, PictureModel
from include.annotators.pictures import Channels, Fit, Frame, Pixels
from include.annotators.regions import REVISION, Meaning, Region, label_map, outline, recognise, regions, run_lengths


class Drawn(StrEnum):
    """As what regions are reported."""

    POLYGONS = "polygons"  # outlines, holes filled
    MASKS = "masks"


class SegmenterSettings(ModelSettings):
    """What a project may set of a segmenter."""

    background: str | None = Field(None, description="The class that is nothing; not for a model of one class.")
    answers: Meaning | None = Field(
        None, description=f"What the model answers: {', '.join(Meaning)}; all but ids is recognised if not set."
    )
    threshold: float = Field(
        0.5, gt=0, le=1, description="A model of one class: from which probability on a pixel is of it."
    )
    drawn: Drawn = Field(Drawn.POLYGONS, description="polygons (holes filled) or masks.")
    min_area: int = Field(64, ge=1, description="Regions of fewer pixels are left out, holes of fewer are filled.")
    tolerance: float = Field(1.0, ge=0, description="How far, in pixels, a simplified polygon may be off.")

    @property
    def scored(self) -> bool:
        """Whether the model gives scores."""
        return self.answers is not Meaning.IDS


class Segmenter(PictureModel):
    """A polygon or mask a connected region of a label, with the mean probability of its pixels as its score. A model
    that answers classes alone gives no scores: `scored` is False."""

    revision = REVISION

    def __init__(self, network: Network, settings: SegmenterSettings, *, workers: int = 1) -> None:
        super().__init__(network, settings, workers=workers)
        self._stated, self.scored = settings, settings.scored
        self._take_as(Fit.STRETCH, Pixels.UNIT, Channels.RGB)
        self._words = self._vocabulary(settings.background)
        blank = self._layer(self._blank)
        self._meaning = settings.answers or recognise(blank, len(self._words.classes))
        label_map(blank, self._meaning, self._words.label_ids, Frame(8, 8, 0, 0, 8, 8), (8, 8), settings.threshold)
        self.spec = self._words.spec("mask" if settings.drawn is Drawn.MASKS else "polygon")

    def detect(
        self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image
    ) -> list[models.LabeledShapeRequest]:
        if context.conv_mask_to_poly and self._stated.drawn is not Drawn.POLYGONS:
            raise ValueError("the settings ask for masks, and the caller for polygons: set drawn to polygons")
        return super().detect(context, image)

    def _shapes(self, outputs: Mapping[str, Array], place: Frame) -> list[models.LabeledShapeRequest]:
        settings = self._stated
        found, scores = label_map(
            self._layer(outputs),
            self._meaning,
            self._words.label_ids,
            place,
            self._intake.size,
            settings.threshold,
        )
        return [
            self._shape(label, region)
            for label in range(len(self._words.labels))
            for region in regions(found == label, scores, settings.min_area)
            if region.score is None or region.score >= settings.min_score
        ]

    def _shape(self, label: int, region: Region) -> models.LabeledShapeRequest:
        score = {} if region.score is None else {"score": region.score}
        if self._stated.drawn is Drawn.MASKS:
            return cvataa.mask(label, run_lengths(region), **score)
        return cvataa.polygon(label, outline(region, self._stated.tolerance), **score)

    def _layer(self, outputs: Mapping[str, Array]) -> Array:
        """The network's only output. Raises ModelError where there are several."""
        if len(outputs) != 1:
            raise ModelError(f"the model has the outputs {', '.join(outputs)}; a segmenter must have one")
        (output,) = outputs.values()
        return output
