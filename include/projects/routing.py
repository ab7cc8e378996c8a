"""Who looks at what: a project's rules."""

from typing import Self

from pydantic import Field, model_validator

from include.projects.fields import LabelName, Order, Section, Share


class Thresholds(Section):
    """A class's own thresholds; what is not set is as for all classes."""

    accept_above: Share | None = Field(default=None, description="An object of this class is sure from this score on.")
    review_below: Share | None = Field(default=None, description="An object of it below this is always for people.")


class AlwaysReview(Section):
    """What people see whatever the scores."""

    labels: tuple[LabelName, ...] = Field(default=(), description="Images with a prediction of these classes.")
    smaller_than: float | None = Field(
        default=None, gt=0, description="Images with a box whose shorter side has fewer pixels than this."
    )


class CalibrationSettings(Section):
    """How much people must have judged before scores count for something else."""

    min_support: int = Field(
        default=200, ge=2, description="A class has a curve of its own from so many judged predictions on."
    )
    min_each: int = Field(
        default=20, ge=1, description="Of them, at the least so many are right and so many are wrong."
    )
    precision: Share = Field(
        default=0.95,
        gt=0,
        lt=1,
        description="The score is suggested, by class, from which on this share of the predictions is right.",
    )


class Routing(Section):
    """Who looks at what: sure jobs are accepted unseen, save a seeded audit; all others wait for people."""

    accept_above: Share | None = Field(
        default=None, description="An image is sure where every score is at least this; null: people see all."
    )
    review_below: Share | None = Field(
        default=None,
        description="An image with a score below this is always for people; null: as accept_above. Of the images "
        "between the two, people see between_share.",
    )
    between_share: Share = Field(
        default=0.5, gt=0, description="The share of the jobs between review_below and accept_above that people see."
    )
    by_label: dict[LabelName, Thresholds] = Field(default_factory=dict, description="Thresholds of single classes.")
    always_review: AlwaysReview = Field(default=AlwaysReview(), description="What people see whatever the scores.")
    calibrate: CalibrationSettings | None = Field(
        default=CalibrationSettings(),
        description="Scores count as what people's reviews have shown them to be worth; null: as they are.",
    )
    audit_share: Share = Field(default=0.1, description="The share of sure jobs that people see all the same.")
    accept_a_day: int | None = Field(
        default=None,
        ge=0,
        description="The most images that a day's plans accept unseen: a job at the least, or 0; null: any number.",
    )
    review_a_day: int | None = Field(
        default=None,
        ge=0,
        description="The most images that a day's plans give to people, the others wait: a batch at the least, or 0; "
        "null: any number.",
    )
    order: Order = Field(
        default="uri", description="Which images people see first: by uri, random, or by how unsure the model is."
    )
    diversity: Share = Field(
        default=0.0, description="The share of the images for people that are chosen to be unlike each other."
    )
    near_duplicates: int | None = Field(
        default=None,
        ge=0,
        le=7,
        description="Of images that differ in so few of the 64 bits of their perceptual hashes, one is shown; "
        "null: all are.",
    )
    pin_below: Share | None = Field(
        default=None,
        description="Objects with a score below this are pinned as CVAT issues in jobs for people: of a job the 20 "
        "least certain; null: none are.",
    )
    seed: int = Field(
        default=0, description="Changes which jobs are audited, and which annotator of a name an image falls to."
    )

    @model_validator(mode="after")
    def _audited(self) -> Self:
        if self.accepts and self.audit_share == 0:
            raise ValueError("audit_share must be above 0 where accept_above is set: nobody would see the sure jobs")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for where, low, high in [("", self.review_below, self.accept_above), *self._own()]:
            if low is not None and (high is None or low > high):
                raise ValueError(f"{where}review_below ({low:g}) needs an accept_above that is not less")
        return self

    @property
    def accepts(self) -> bool:
        """Whether anything may be accepted unseen."""
        return any(high is not None for _, _, high in [("", None, self.accept_above), *self._own()])

    def thresholds(self, label: str) -> tuple[float | None, float | None]:
        """From which score on an object of a label is sure, and below which it is for people."""
        own = self.by_label.get(label, Thresholds())
        accept = self.accept_above if own.accept_above is None else own.accept_above
        below = self.review_below if own.review_below is None else own.review_below
        return accept, accept if below is None else below

    def _own(self) -> list[tuple[str, float | None, float | None]]:
        found = [(name, *self.thresholds(name)) for name in self.by_label]
        return [(f"by_label.{name}.", below, accept) for name, accept, below in found]
