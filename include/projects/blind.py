"""Which images people also draw from scratch: for figures that no model's boxes have flattered, and for agreement."""

from typing import Annotated

from pydantic import Field

from include.projects.fields import Section

PositiveShare = Annotated[float, Field(gt=0, le=1)]


class GroundTruth(Section):
    """CVAT's ground truth jobs."""

    batches: PositiveShare = Field(description="The share of the batches that get a ground truth job.")
    images: int = Field(ge=1, description="Images in it, or all of a smaller batch.")
    seed: str = Field(default="0", description="Changes which batches and images are drawn.")


class Replicas(Section):
    """CVAT's consensus replicas."""

    batches: PositiveShare = Field(description="The share of the batches whose jobs get empty copies.")
    copies: int = Field(ge=2, le=11, description="Copies of each job; CVAT makes 2 to 11.")
    seed: str = Field(default="0", description="Changes which batches are drawn.")
