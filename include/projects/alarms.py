"""Who is told when something is wrong."""

from typing import Self

from pydantic import Field, model_validator

from include.projects.fields import ConnectionId, Section


class Channel(Section):
    """A place where messages go: one of the three."""

    slack: ConnectionId | None = Field(
        default=None, description="Airflow connection to a Slack webhook; its password is the end of the URL."
    )
    webhook: ConnectionId | None = Field(
        default=None, description="Airflow connection to a URL that takes JSON; its password is a bearer token."
    )
    email: tuple[str, ...] = Field(default=(), description="Addresses, written to through smtp_default.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(bool(place) for place in (self.slack, self.webhook, self.email)) != 1:
            raise ValueError("a channel is one of slack, webhook and email")
        return self

    @property
    def name(self) -> str:
        """What it is called in the ledger and in logs."""
        if self.email:
            return f"email {', '.join(self.email)}"
        return f"slack {self.slack}" if self.slack else f"webhook {self.webhook}"


class Alarms(Section):
    """Who is told of alarms; they are in the ledger and on the quality page in any case."""

    notify: tuple[Channel, ...] = Field(default=(), description="Where each alarm's beginning and end are told.")
