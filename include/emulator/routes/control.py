"""The emulator's own switches for tests, apart from CVAT's API and open to anybody who reaches the port."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from include.emulator.faults import Fault, Faults
from include.emulator.functions import Function, register
from include.emulator.state import State
from include.emulator.worker import QUEUES, Queue, Worker

router = APIRouter(prefix="/emulator")


class WorkerSettings(BaseModel):
    """Whether requests wait in the queue, and how long each stays started before it is worked on; all queues or one."""

    model_config = ConfigDict(extra="forbid")

    queue: Queue | None = None
    held: bool | None = None
    delay_s: float | None = Field(default=None, ge=0)


class Failures(BaseModel):
    """How many of a queue's next requests fail, and with what message."""

    model_config = ConfigDict(extra="forbid")

    queue: Queue = "import"
    count: int = Field(default=1, ge=1)
    message: str = "Exception: failed on demand\n"


class ThrottleSettings(BaseModel):
    """Whether calls without credentials are limited."""

    model_config = ConfigDict(extra="forbid")

    on: bool


class Advance(BaseModel):
    """How far the clock jumps, in seconds."""

    model_config = ConfigDict(extra="forbid")

    advance_s: float = Field(ge=0)


def _worker(request: Request) -> Worker:
    worker: Worker = request.app.state.worker
    return worker


def _faults(request: Request) -> Faults:
    faults: Faults = request.app.state.faults
    return faults


def _memory(request: Request) -> State:
    memory: State = request.app.state.memory
    return memory


@router.post("/worker", status_code=204)
def set_worker(settings: WorkerSettings, worker: Annotated[Worker, Depends(_worker)]) -> None:
    for queue in QUEUES if settings.queue is None else (settings.queue,):
        if settings.delay_s is not None:
            worker.delay(settings.delay_s, queue)
        if settings.held is not None:
            worker.hold(settings.held, queue)


@router.post("/failures", status_code=204)
def fail_requests(failures: Failures, worker: Annotated[Worker, Depends(_worker)]) -> None:
    worker.fail_next(failures.count, failures.message, failures.queue)


@router.post("/faults", status_code=204)
def add_fault(fault: Fault, faults: Annotated[Faults, Depends(_faults)]) -> None:
    faults.add(fault)


@router.delete("/faults", status_code=204)
def clear_faults(faults: Annotated[Faults, Depends(_faults)]) -> None:
    faults.clear()


@router.post("/throttle", status_code=204)
def set_throttle(settings: ThrottleSettings, request: Request) -> None:
    request.app.state.throttle.on = settings.on


@router.post("/functions", status_code=204)
def register_function(function: Function, memory: Annotated[State, Depends(_memory)]) -> None:
    with memory.write() as connection:
        register(connection, function)


@router.post("/clock")
def advance_clock(advance: Advance, memory: Annotated[State, Depends(_memory)]) -> dict[str, str]:
    memory.clock.advance(advance.advance_s)
    return {"now": memory.now()}


@router.get("/health")
def health() -> Response:
    return Response(status_code=204)
