"""Deadline: until when people are asked to finish what a run hands to them, and what is late.

CVAT has no due dates: the ledger keeps them, and the runs' logs and answers name what is late.
"""

from collections.abc import Sequence
from datetime import datetime

from include.clients.ledger import Ledger
from include.lifecycle.batches import Stage
from include.projects.model import Project
from include.steps.batches import log


def ask_review_by(project: Project, batch_ids: Sequence[str], moment: datetime, ledger: Ledger) -> int:
    """Record the deadline of those of the batches that are with people, and say of how many; one that has a deadline
    keeps it."""
    routed = [batch.id for batch in ledger.batches.get(batch_ids) if batch.stage is Stage.ROUTED]
    asked = ledger.batches.set_review_by(routed, moment)
    for batch_id in asked:
        ledger.audit.add(project.name, "ask for review", batch_id, f"until {_words(moment)}")
    return len(asked)


def late_batches(project: Project, ledger: Ledger, now: datetime) -> dict[str, str]:
    """The deadlines, as text, of the batches that people should have finished by now: as far as evaluate has seen."""
    late = ledger.batches.late(project.name, now)
    for batch_id, moment in late.items():
        log.warning("project %s batch %s: people were asked to finish it by %s", project.name, batch_id, _words(moment))
    return {batch_id: _words(moment) for batch_id, moment in late.items()}


def _words(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
