"""The API: the next job for a person, and what is decided about jobs (docs/api.md).

The endpoints are plain functions, which FastAPI calls in threads: Airflow's event loop never waits for CVAT.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from airflow.sdk.exceptions import AirflowException, AirflowFailException
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from include.lifecycle.decisions import Choice, Decision
from include.lifecycle.routing import Route
from include.pages.render import STATIC
from labelcycle.hooks.cvat import CvatHook
from labelcycle.hooks.project import ProjectClients
from labelcycle.links.cvat import job_path
from labelcycle.web.auth import Editor, Reader
from labelcycle.web.metrics import router as metrics
from labelcycle.web.opening import opened
from labelcycle.web.quality import Static, pages

if TYPE_CHECKING:
    from include.clients.cvat import CvatClient
    from include.clients.ledger.people import PeoplesJob

_LONGEST_NAME, _LONGEST_COMMENT = 150, 2000

app = FastAPI(title="Labelcycle", docs_url=None, redoc_url=None)
app.include_router(pages)
app.include_router(metrics)
app.mount("/static", Static(directory=STATIC), name="static")


class NextJob(BaseModel):
    """A job to work on, and where. The reason is why people see it; of a job that is drawn as a sample it is not said:
    people should look at it as at any other."""

    project: str
    job: int
    task: int
    batch: str
    url: str
    images: int
    reason: str | None
    urgency: float
    review_by: datetime | None
    reviewer: str


class Said(BaseModel):
    """What somebody says of a job; the reviewer is who looked at it, where that was not the one who says it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    decision: Choice
    comment: str = Field("", max_length=_LONGEST_COMMENT)
    reviewer: str = Field("", max_length=_LONGEST_NAME)

    @model_validator(mode="after")
    def _explained(self) -> "Said":
        if self.decision is Choice.FLAGGED and not self.comment:
            raise ValueError("a flagged job needs a comment: say what somebody should look at")
        return self


class Recorded(BaseModel):
    """A decision, and whether it is new: not the job's last one said again."""

    project: str
    job: int
    url: str
    decision: Choice
    by: str
    is_new: bool


@app.get("/projects/{project}/next", response_model=NextJob, responses={204: {"description": "Nothing to do."}})
def next_job(
    project: str,
    user: Reader,
    response: Response,
    reviewer: Annotated[str | None, Query(min_length=1, max_length=_LONGEST_NAME)] = None,
) -> NextJob | Response:
    """The most urgent job that the reviewer (the user, if not given) may work on. It is theirs from now on."""
    from include.steps.hand_out import next_job as hand_out

    person = reviewer or user.get_name()
    response.headers["Cache-Control"] = "no-store"
    with opened(project, user) as clients:
        cvat = _cvat(clients)
        job = hand_out(clients.project, person, cvat, clients.ledger)
        return Response(status_code=204) if job is None else _shown(project, job, cvat, person)


@app.post("/projects/{project}/jobs/{cvat_job}/decision")
def decide(project: str, cvat_job: int, said: Said, user: Editor) -> Recorded:
    """Record what the user says of a job, and move it in CVAT: approved, it is accepted; rejected, it goes back."""
    from include.steps.decide import NoSuchJob
    from include.steps.decide import decide as record

    decision = Decision(said.decision, user.get_name(), said.comment, said.reviewer)
    with opened(project, user) as clients:
        cvat = _cvat(clients)
        try:
            decided = record(clients.project, cvat_job, decision, cvat, clients.ledger)
        except NoSuchJob as error:
            raise HTTPException(404, str(error)) from None
        return Recorded(
            project=project,
            job=cvat_job,
            url=_url(decided.job, cvat),
            decision=said.decision,
            by=decision.by,
            is_new=decided.is_new,
        )


def _cvat(clients: ProjectClients) -> "CvatClient":
    from include.clients.cvat.shared import shared_client

    return shared_client(replace(CvatHook(clients.project.cvat.connection).access(), interactive=True))


def _shown(project: str, job: "PeoplesJob", cvat: "CvatClient", reviewer: str) -> NextJob:
    return NextJob(
        project=project,
        job=job.cvat_id,
        task=job.task_id,
        batch=job.batch_id,
        url=_url(job, cvat),
        images=job.images,
        reason=None if job.route is Route.AUDIT else job.reason,
        urgency=job.urgency,
        review_by=job.review_by,
        reviewer=reviewer,
    )


def _url(job: "PeoplesJob", cvat: "CvatClient") -> str:
    return cvat.url + job_path(job.task_id, job.cvat_id)


@app.exception_handler(AirflowException)
def _failed(_: Request, error: AirflowException) -> JSONResponse:
    """What hooks/failures.py says in one sentence: 503 where another try may do, 500 where somebody must mend it."""
    if isinstance(error, AirflowFailException):
        return JSONResponse({"detail": str(error)}, 500)
    return JSONResponse({"detail": str(error)}, 503, {"Retry-After": "30"})


@app.exception_handler(RequestValidationError)
def _not_understood(_: Request, error: RequestValidationError) -> JSONResponse:
    problems = [f"{_where(row['loc'])}{row['msg'].removeprefix('Value error, ')}" for row in error.errors()]
    return JSONResponse({"detail": "; ".join(problems)}, 422)


def _where(location: Sequence[str | int]) -> str:
    where = ".".join(str(part) for part in location[1:])  # the first is body, path or query
    return f"{where}: " if where else ""
