"""Labelcycle in Airflow's API server. The one file that Airflow scans for plugins: see `.airflowignore`."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

Message = MutableMapping[str, Any]


async def api(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """The API, imported when it is first asked: workers and the scheduler load plugins too, and it takes seconds."""
    app = await asyncio.to_thread(_app)
    await app(scope, receive, send)


def _app() -> "FastAPI":
    from labelcycle.web.app import app

    return app


class LabelcyclePlugin(AirflowPlugin):
    """What Airflow is to serve for Labelcycle."""

    name = "labelcycle"
    fastapi_apps = [{"app": api, "url_prefix": "/labelcycle", "name": "Labelcycle"}]  # noqa: RUF012  Airflow's form
    external_views = [  # noqa: RUF012  without url_route: in a frame of Airflow's the links to CVAT and MLflow are dead
        {"name": "Quality", "href": "labelcycle/quality", "destination": "nav", "nav_top_level": True}
    ]
