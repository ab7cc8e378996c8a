"""What Airflow is told about Labelcycle as a provider: its connection types."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Airflow's provider manifest (its schema: airflow/provider_info.schema.json)."""
    return {
        "package-name": "labelcycle",
        "name": "Labelcycle",
        "description": "The labeling lifecycle of image datasets.",
        "connection-types": [
            {"connection-type": "cvat", "hook-class-name": "labelcycle.hooks.cvat.CvatHook"},
        ],
    }
