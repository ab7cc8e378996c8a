"""What a task keeps over its tries (Airflow's task state store; XCom is cleared before each)."""

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

if TYPE_CHECKING:
    from airflow.sdk.execution_time.context import TaskStateStoreAccessor

log = logging.getLogger(__name__)


class Memory:
    """One thing that a task remembers, a dict of JSON values. Where there is no store, nothing is."""

    def __init__(self, context: Context, key: str) -> None:
        self._store: TaskStateStoreAccessor | None = context.get("task_state_store")
        self._key = key

    def get(self) -> dict[str, Any]:
        """What was kept; empty where nothing was."""
        kept = self._store.get(self._key) if self._store else None
        return kept if isinstance(kept, dict) else {}

    def set(self, **values: Any) -> None:
        """Keep this, in place of what was kept."""
        if self._store:
            self._store.set(self._key, values)
        else:
            log.warning("Airflow has no task state store here: a try that follows a killed one will not know of it")

    def forget(self) -> None:
        """Keep nothing."""
        if self._store:
            self._store.delete(self._key)
