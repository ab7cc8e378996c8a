"""Decisions: what somebody says of a job that people have worked on."""

from dataclasses import dataclass
from enum import StrEnum


class Choice(StrEnum):
    """What becomes of the job."""

    APPROVED = "approved"  # it is done
    REJECTED = "rejected"  # it has to be worked on again
    FLAGGED = "flagged"  # it stays as it is; somebody should look at it


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what, and why; the reviewer is who looked at the job, where that was somebody else."""

    choice: Choice
    by: str
    comment: str = ""
    reviewer: str = ""

    @property
    def sentence(self) -> str:
        """For the audit. The same decision, the same sentence."""
        reviewed = f", reviewed by {self.reviewer}" if self.reviewer else ""
        return f"{self.choice} by {self.by}{reviewed}" + (f": {self.comment}" if self.comment else "")
