"""The emulator as an ASGI application."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from include.emulator.accounts import add_user
from include.emulator.answers import CvatJson, Refusal, no_such_page, server_error
from include.emulator.backups import sweep as sweep_backups
from include.emulator.exports import sweep as sweep_exports
from include.emulator.faults import Faults, drop
from include.emulator.routes import (
    annotations,
    auth,
    backups,
    control,
    data,
    exports,
    frames,
    imports,
    issues,
    jobs,
    labels,
    projects,
    quality,
    requests,
    server,
    serverless,
    storages,
    tasks,
    users,
)
from include.emulator.state import Clock, State
from include.emulator.throttle import Throttle
from include.emulator.uploads import sweep as sweep_uploads
from include.emulator.worker import Worker

# `frames` before `data`: an upload's id must not shadow `data/meta`.
_ROUTES = (
    *(auth, server, users, projects, labels, tasks, frames, data, jobs),
    *(annotations, issues, exports, imports, backups, requests, serverless, storages, quality, control),
)


@dataclass(frozen=True, slots=True)
class Admin:
    """The administrator that a new data folder gets."""

    username: str
    password: str


class Emulator(FastAPI):
    """FastAPI with a last layer around everything, broken calls included: faults on demand, and who answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Labelcycle-Emulator"] = "1"
                headers["x-request-id"] = str(uuid.uuid4())
            await send(message)

        fault = self.state.faults.take(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if fault is None:
            await super().__call__(scope, receive, marked)
            return
        if fault.when == "after":
            await super().__call__(scope, receive, _nowhere)
        if fault.drop:
            await drop(receive, send)
        else:
            await fault.answer()(scope, receive, marked)


async def _nowhere(_: Message) -> None:
    """Takes an answer that its caller shall not see."""


def create_app(folder: Path, admin: Admin, clock: Clock | None = None) -> FastAPI:
    """An emulator on a data folder, which is made when it is missing and gone on with when it is not.

    The administrator is added unless a user of that name is there already.
    """
    state = State(folder, clock or Clock())
    worker, faults = Worker(state), Faults()
    _ensure_admin(state, admin)
    sweep_uploads(state)
    sweep_exports(state)
    sweep_backups(state)

    @asynccontextmanager
    async def working(_: FastAPI) -> AsyncIterator[None]:
        worker.start()
        yield
        worker.stop()

    app = Emulator(
        title="CVAT emulator",
        redirect_slashes=False,
        openapi_url=None,
        lifespan=working,
        exception_handlers={
            Refusal: _refused,
            RequestValidationError: _unreadable,
            HTTPException: _unknown,
            Exception: _broken,
        },
    )
    app.state.memory, app.state.worker, app.state.faults = state, worker, faults
    app.state.throttle = Throttle()
    for module in _ROUTES:
        app.include_router(module.router)
    return app


def _ensure_admin(state: State, admin: Admin) -> None:
    with state.write() as connection:
        known = connection.execute("SELECT 1 FROM users WHERE username = ?", (admin.username,)).fetchone()
        if known is None:
            add_user(
                connection,
                username=admin.username,
                password=admin.password,
                email=f"{admin.username}@localhost.local",
                first_name="",
                last_name="",
                is_admin=True,
                now=state.now(),
            )


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refusal.answer()


async def _unreadable(request: Request, error: Exception) -> Response:
    """An id that is no number is one that does not exist; the emulator's own switches say what is wrong."""
    assert isinstance(error, RequestValidationError)
    if request.url.path.startswith("/emulator/"):
        return JSONResponse({"detail": [{"loc": e["loc"], "msg": e["msg"]} for e in error.errors()]}, 422)
    return CvatJson({"detail": "Not found."}, 404)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return CvatJson({"detail": f'Method "{request.method}" not allowed.'}, 405)
    return no_such_page().answer()


async def _broken(_: Request, __: Exception) -> Response:
    return server_error().answer()
