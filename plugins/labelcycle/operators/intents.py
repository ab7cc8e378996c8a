"""When a task has asked CVAT for something that must not be done twice, kept over its tries."""

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk import Context

from labelcycle.operators.memory import Memory

if TYPE_CHECKING:
    from include.clients.cvat.asking import Asking


def asking(context: Context, server_timeout: timedelta, name: str) -> "Asking":
    """How this task asks for a thing of that name: a try that follows a killed one knows when it was asked for."""
    from include.clients.cvat.asking import Asking

    # Airflow 3.3's dag.test() takes only ASCII in a key, and its server no more than 512 characters
    memory = Memory(context, f"asked-{hashlib.sha256(name.encode()).hexdigest()}")
    asked_at = memory.get().get("at")

    def intend(moment: datetime) -> None:
        memory.set(at=moment.isoformat())

    return Asking(datetime.fromisoformat(asked_at) if asked_at else None, intend, server_timeout, name)
