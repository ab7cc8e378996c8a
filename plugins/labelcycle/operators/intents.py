"""When a task has asked CVAT for something that must not be done twice, kept over its tries."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import Context

from labelcycle.operators.memory import Memory

if TYPE_CHECKING:
    from include.clients.cvat.asking import Asking


def asking(context: Context, server_timeout: timedelta, name: str) -> "Asking":
    """How this task asks for a thing of that name: a try that follows a killed one knows when it was asked for."""
    from include.clients.cvat.asking import Asking

    memory = Memory(context, f"asked for {name}")
    asked_at = memory.get().get("at")

    def intend(moment: datetime) -> None:
        memory.set(at=moment.isoformat())

    return Asking(datetime.fromisoformat(asked_at) if asked_at else None, intend, server_timeout, name)
