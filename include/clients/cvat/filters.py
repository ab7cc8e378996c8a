"""CVAT's JSON filters, as they are asked for."""

import json
from datetime import UTC, datetime
from typing import Any


def changed_since(project_id: int, state: str, since: datetime | None) -> str:
    """A project's jobs in a state that changed at or after a time; None is from the beginning."""
    rules: list[dict[str, Any]] = [
        {"==": [{"var": "project_id"}, project_id]},
        {"==": [{"var": "state"}, state]},
    ]
    if since is not None:
        rules.append({">=": [{"var": "updated_date"}, since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")]})
    return json.dumps({"and": rules})
