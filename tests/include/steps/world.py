"""All that the steps work on, in one place: a project, its bucket, its CVAT and its ledger, and processes that die."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from include.annotators.registry import Annotator, load
from include.clients.bulk import BulkStore
from include.clients.cvat import BucketAccess, CvatAccess, CvatClient
from include.clients.cvat.poller import wait_for_requests
from include.clients.images import ImageBucket
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch, Job
from include.lifecycle.assignment import Version
from include.lifecycle.batches import Stage
from include.projects.model import Project
from include.steps.annotate import annotate
from include.steps.attach import Answer, Outcome, attach_data, pending, settle
from include.steps.check import check_frames
from include.steps.create import create_tasks
from include.steps.discover import discover_images
from include.steps.plan import plan_batches
from include.steps.predict import Predicted, PredictionShard, judge_failures, predict_shard, prediction_shards
from include.steps.route import route_jobs
from tests.include.emulated import Emulated
from tests.include.steps.dots import picture
from tests.include.steps.haste import run_in_haste

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DOTS = "tests.include.steps.dots:Dots"


def project_of(name: str, bucket: str, **sections: Any) -> Project:
    """A project with small batches, on a server that gives up soon."""
    return Project.model_validate(
        {
            "name": name,
            "images": {"uri": f"s3://{bucket}/in/"},
            "labels": [
                {"name": "dot", "attributes": [{"name": "text"}, {"name": "seen", **_CHECKBOX}]},
                {"name": "other"},
            ],
            "annotators": [{"model": DOTS}],
            "batches": {"size": 4, "job_size": 2, "max_wait": 0},
            "ledger": {"store": f"s3://{bucket}/ledger"},
            "release": {"remote": f"s3://{bucket}/dvc"},
            **sections,
            "cvat": {"server_timeout": 0.2, **sections.get("cvat", {})},
        }
    )


_CHECKBOX = {"input_type": "checkbox", "default_value": "false"}


@dataclass(slots=True)
class World:
    """What a step needs. Each attribute is the real thing."""

    project: Project
    s3: "S3Client"
    bucket_name: str
    access: BucketAccess
    server: Emulated
    cvat_access: CvatAccess
    cvat: CvatClient
    ledger: Ledger

    @property
    def bucket(self) -> ImageBucket:
        return ImageBucket(self.s3)

    @property
    def store(self) -> BulkStore:
        return BulkStore(self.s3, self.project.ledger.store)

    @property
    def annotator(self) -> Annotator:
        """The project's first."""
        return self.annotators[0]

    @property
    def annotators(self) -> list[Annotator]:
        return [load(one.model, one.settings, name=one.name) for one in self.project.annotators]

    @property
    def versions(self) -> list[Version]:
        return [annotator.loaded for annotator in self.annotators]

    # What lands

    def put(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket_name, Key=key, Body=content)

    def land(self, count: int, *, objects: int = 1, score: float = 0.5, first: int = 0) -> None:
        """So many pictures, in/0.png and on, in which the model finds so many objects of such a score."""
        for number in range(first, first + count):
            self.put(f"in/{number}.png", picture(number, objects, score))

    # The steps, each on all batches

    def plan(self) -> list[Batch]:
        """Discover, predict, plan."""
        now = datetime.now(UTC)
        discover_images(self.project, self.bucket, self.ledger, now)
        annotators, versions = self.annotators, self.versions
        shards = prediction_shards(self.project, versions, self.ledger, 1000)
        judge_failures(self.project, [self.predict(shard, annotators[shard.annotator]) for shard in shards])
        plan_batches(self.project, versions, self.store, self.ledger, now, "the test")
        return self.batches()

    def predict(self, shard: PredictionShard, annotator: Annotator) -> Predicted:
        return predict_shard(self.project, annotator, shard, self.bucket, self.store, self.ledger)

    def create(self) -> int:
        return create_tasks(self.project, self.ids(), self.cvat, self.ledger)

    def attach(self) -> int:
        access = self.access if self.project.cvat.data == "link" else None
        return attach_data(self.project, self.ids(), self.cvat, self.bucket, access, self.ledger)

    def settle(self) -> int:
        """Wait for the requests, as the trigger does, and settle."""
        ended = run_in_haste(wait_for_requests(self.cvat_access, pending(self.ids(), self.ledger)))
        outcomes = {request: Outcome(Answer(end.answer), end.message) for request, end in ended.items()}
        return settle(outcomes, self.ids(), self.cvat, self.ledger)

    def check(self) -> int:
        return check_frames(self.ids(), self.cvat, self.ledger)

    def annotate(self) -> int:
        return annotate(self.project, self.ids(), self.cvat, self.store, self.ledger)

    def route(self) -> int:
        return route_jobs(self.project, self.ids(), self.cvat, self.store, self.ledger)

    def carry(self, last: Stage = Stage.ROUTED) -> list[Batch]:
        """Plan, and carry all batches up to a stage."""
        self.plan()
        steps = {
            Stage.CREATED: self.create,
            Stage.SUBMITTED: self.attach,
            Stage.ATTACHED: self.settle,
            Stage.CHECKED: self.check,
            Stage.ANNOTATED: self.annotate,
            Stage.ROUTED: self.route,
        }
        for stage, step in steps.items():
            step()
            if stage is last:
                break
        return self.batches()

    # What came of it

    def batches(self) -> list[Batch]:
        return self.ledger.batches.at(self.project.name, *Stage)

    def ids(self) -> list[str]:
        return [batch.id for batch in self.batches()]

    def stages(self) -> list[Stage]:
        return [batch.stage for batch in self.batches()]

    def batch(self) -> Batch:
        (batch,) = self.batches()
        return batch

    def jobs(self) -> list[Job]:
        return [job for batch in self.batches() for job in self.ledger.batches.jobs(batch.id)]

    def tasks(self) -> list[dict[str, Any]]:
        """CVAT's tasks of the project, oldest first."""
        return self.server.rows("/api/tasks", project_name=self.project.name, sort="id")

    def drawn(self, job: Job) -> list[dict[str, Any]]:
        """The shapes in a job, as CVAT has them."""
        shapes: list[dict[str, Any]] = self.server.get(f"/api/jobs/{job.cvat_id}/annotations")["shapes"]
        return shapes

    def tags(self, job: Job) -> list[dict[str, Any]]:
        """The tags in a job, as CVAT has them."""
        tags: list[dict[str, Any]] = self.server.get(f"/api/jobs/{job.cvat_id}/annotations")["tags"]
        return tags

    def change_shapes(
        self, job: Job, action: str, shapes: Sequence[dict[str, Any]] = (), *, tags: Sequence[dict[str, Any]] = ()
    ) -> None:
        """What people do."""
        body = {"version": 0, "tags": list(tags), "tracks": [], "shapes": list(shapes)}
        self.server.patch(f"/api/jobs/{job.cvat_id}/annotations", body, action=action)

    def finish(self, job: Job, **values: Any) -> None:
        self.server.patch(f"/api/jobs/{job.cvat_id}", {"state": "completed", **values})


class Killed(BaseException):
    """The process is killed."""


@contextmanager
def just_before(ledger: Ledger, statement: str, act: Callable[[], object], nth: int = 1) -> Iterator[None]:
    """Do something the n-th time that such a statement is about to be sent to the ledger."""
    left = nth

    def look(_c: object, _cursor: object, sent: str, *_: object) -> None:
        nonlocal left
        if sent.startswith(statement):
            left -= 1
            if not left:
                act()

    event.listen(ledger.engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(ledger.engine, "before_cursor_execute", look)


@contextmanager
def killed(ledger: Ledger, before: str, nth: int = 1) -> Iterator[None]:
    """The process dies the n-th time it is about to send such a statement to the ledger; what it did before is done."""

    def die() -> None:
        raise Killed(before)

    with just_before(ledger, before, die, nth), pytest.raises(Killed):
        yield


@contextmanager
def dying_before_write(ledger: Ledger, nth: int) -> Iterator[None]:
    """The process dies before the n-th statement that changes anything in the ledger, if it comes so far."""
    left = count(1)

    def look(_c: object, _cursor: object, sent: str, *_: object) -> None:
        if not sent.startswith(("SELECT", "PRAGMA")) and next(left) == nth:
            raise Killed(sent)

    event.listen(ledger.engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(ledger.engine, "before_cursor_execute", look)


def new_name() -> str:
    return f"p{uuid4().hex[:10]}"
