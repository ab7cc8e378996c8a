"""Quality gates: what an annotator's figures must reach."""

from typing import Literal, Self

from pydantic import Field, model_validator

from include.projects.fields import LabelName, Section, Share

EACH, MICRO, MACRO = "each", "micro", "macro"


class FigureGate(Section):
    """A figure that must be high enough, or must not have dropped too far."""

    figure: Literal["precision", "recall", "f1"] = Field(description="precision, recall or f1.")
    label: LabelName = Field(
        default=EACH,
        description="A label; each: every label by itself; micro: all objects; macro: the mean of those with support.",
    )
    at_least: Share | None = Field(default=None, description="How high the figure must be.")
    drop_at_most: Share | None = Field(
        default=None, description="How far the figure may be below the baseline's, in the same unit: 0.05, say."
    )

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.at_least is None) == (self.drop_at_most is None):
            raise ValueError("a gate needs one of at_least and drop_at_most")
        return self

    @property
    def names_label(self) -> str | None:
        """The one label that it is about, if it is about one."""
        return None if self.label in (EACH, MICRO, MACRO) else self.label


DEFAULT_GATES = (FigureGate(figure="f1", label=EACH, drop_at_most=0.05),)
