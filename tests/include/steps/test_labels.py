"""Labels that change in a project's file, through every step: CVAT keeps what is drawn, kept records keep up."""

import io
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import cvat_sdk.auto_annotation as cvataa
import PIL.Image
import pytest

from include.annotators.registry import Annotator
from include.clients.bulk import BulkStore
from include.clients.cvat import BucketAccess, CvatClient
from include.clients.cvat.labels import change_labels
from include.clients.images import ImageBucket
from include.clients.ledger import Ledger, migrate, open_engine
from include.datasets.checks import check_release
from include.datasets.contents import from_json as contents_from_json
from include.evaluation.evaluation import from_json
from include.lifecycle.batches import Stage
from include.lifecycle.labels import TypeChangedError
from include.projects.model import Project
from include.steps.annotate import annotate
from include.steps.attach import Outcome, attach_data, look, pending, settle
from include.steps.check import check_frames
from include.steps.collect import collect_revisions
from include.steps.create import create_tasks, find_or_create_project
from include.steps.discover import discover_images
from include.steps.evaluate import evaluate_annotators
from include.steps.labels import plan_labels
from include.steps.plan import batch_shards, plan_batches
from include.steps.predict import predict_shard, prediction_shards
from include.steps.release import build_release, pin_release
from include.steps.route import route_jobs
from tests.include.emulated import Emulated, emulated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Words:
    """Sees a word and a number on every picture, and calls them so whatever the project calls them."""

    version = "1"
    spec = cvataa.DetectionFunctionSpec(labels=[cvataa.label_spec("word", 0), cvataa.label_spec("number", 1)])

    def detect(self, *_: object) -> list[Any]:
        return [
            cvataa.rectangle(0, [4, 4, 24, 14], score=0.75),
            cvataa.rectangle(1, [30, 20, 50, 40], score=0.5),
        ]


WORDS = Annotator("words", "1", Words())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated(tmp_path_factory.mktemp("cvat")) as running:
        yield running


@dataclass
class World:
    """A project's remotes, and its file as it is now."""

    server: Emulated
    cvat: CvatClient
    bucket: ImageBucket
    store: BulkStore
    ledger: Ledger
    access: BucketAccess
    content: dict[str, Any]

    @property
    def project(self) -> Project:
        return Project.model_validate(self.content)

    @property
    def labels(self) -> list[dict[str, Any]]:
        """The labels as CVAT has them."""
        return self.server.rows("/api/labels", project_id=self.cvat.find_project(self.project.name) or 0)

    def names(self) -> list[str]:
        return [label["name"] for label in self.labels]

    def add_image(self, name: str) -> None:
        file = io.BytesIO()
        PIL.Image.effect_noise((64, 48), 80).save(file, "JPEG")
        self.bucket.write(f"{self.project.images.uri}{name}.jpg", file.getvalue(), "image/jpeg")

    def ingest(self) -> None:
        """All steps from the bucket to people."""
        project, cvat, ledger = self.project, self.cvat, self.ledger
        discover_images(project, self.bucket, ledger, NOW)
        for shard in prediction_shards(project, [WORDS.loaded], ledger, 10):
            predict_shard(project, WORDS, shard, self.bucket, self.store, ledger)
        plan_batches(project, [WORDS.loaded], self.store, ledger, NOW, "a test")
        for batches in batch_shards(project, ledger, 10):
            create_tasks(project, batches, cvat, ledger)
            attach_data(project, batches, cvat, self.bucket, self.access, ledger)
            settle(self._ended(batches), batches, cvat, ledger)
            check_frames(batches, cvat, ledger)
            annotate(project, batches, cvat, self.store, ledger)
            route_jobs(project, batches, cvat, self.store, ledger)

    def _ended(self, batches: list[str]) -> dict[str, Outcome]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            waiting = pending(batches, self.ledger)
            if len(ended := look(waiting, self.cvat)) == len(waiting):
                return ended
            time.sleep(0.02)
        raise TimeoutError(f"CVAT did not attach the data of {batches}")

    def finish_jobs(self) -> None:
        """What a person does with every job: nothing but to complete it."""
        for job in self.server.rows("/api/jobs", project_id=self.cvat.find_project(self.project.name) or 0):
            if job["state"] != "completed":
                self.server.patch(f"/api/jobs/{job['id']}", {"state": "completed"})
        collect_revisions(self.project, self.cvat, self.store, self.ledger)

    def drawn(self) -> list[str]:
        """The labels of all that is drawn, by the names that CVAT shows."""
        names = {label["id"]: label["name"] for label in self.labels}
        jobs = self.server.rows("/api/jobs", project_id=self.cvat.find_project(self.project.name) or 0)
        shapes = [shape for job in jobs for shape in self.server.get(f"/api/jobs/{job['id']}/annotations")["shapes"]]
        return sorted(names[shape["label_id"]] for shape in shapes)

    def release(self) -> str | None:
        """The tag of a release, made as far as its own records."""
        tag = pin_release(self.project, self.store, self.ledger, NOW)
        if tag:
            self.ledger.releases.published(tag, "commit", "md5.dir")
            self.ledger.releases.logged(tag, "run")
            self.ledger.releases.complete(tag, NOW)
        return tag


@pytest.fixture
def world(
    server: Emulated, s3: "S3Client", s3_endpoint: str, bucket: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.db'}")
    migrate(engine)
    content = {
        "name": f"signs_{uuid4().hex[:8]}",
        "images": {"uri": f"s3://{bucket}/incoming/"},
        "labels": [{"name": "word"}, {"name": "number"}],
        "annotators": [{"model": "my:Words"}],
        "batches": {"size": 2, "job_size": 2, "max_wait": "PT0S"},
        "release": {"remote": f"s3://{bucket}/dvc"},
        "ledger": {"store": f"s3://{bucket}/ledger"},
    }
    access = BucketAccess(bucket, "tester", "of-tests", s3_endpoint, "us-east-1")
    with CvatClient(server.token()) as cvat:
        store = BulkStore(s3, f"s3://{bucket}/ledger")
        yield World(server, cvat, ImageBucket(s3), store, Ledger(engine), access, content)
    engine.dispose()


def rename(world: World) -> None:
    world.content["labels"][0] = {"name": "text_line", "renamed_from": "word"}


def test_what_is_drawn_keeps_up_with_a_renamed_label_and_so_do_new_predictions(world: World) -> None:
    world.add_image("1")
    world.ingest()
    colours = {label["id"]: label["color"] for label in world.labels}
    assert world.drawn() == ["number", "word"]
    rename(world)
    assert [str(change) for change in plan_labels(world.project, world.cvat)] == [
        "rename the label 'word' to 'text_line'"
    ]
    assert world.drawn() == ["number", "word"], "a plan changes nothing"
    world.add_image("2")
    world.ingest()
    assert world.drawn() == ["number", "number", "text_line", "text_line"]
    assert {label["id"]: label["color"] for label in world.labels} == colours
    assert world.ledger.batches.at(world.project.name, Stage.FAILED) == []
    audit = [row for row in world.ledger.audit.of(world.project.name) if row.action == "change labels"]
    assert [row.detail for row in audit] == ["rename the label 'word' to 'text_line'"]


def test_predictions_that_wait_in_the_ledger_are_drawn_under_the_new_name(world: World) -> None:
    world.add_image("1")
    discover_images(world.project, world.bucket, world.ledger, NOW)
    (shard,) = prediction_shards(world.project, [WORDS.loaded], world.ledger, 10)
    predict_shard(world.project, WORDS, shard, world.bucket, world.store, world.ledger)
    rename(world)
    world.ingest()
    assert world.names() == ["text_line", "number"]
    assert world.drawn() == ["number", "text_line"]


def test_evaluation_and_release_follow_a_rename(world: World) -> None:
    world.add_image("1")
    world.ingest()
    world.finish_jobs()
    (before,) = evaluate_annotators(world.project, world.store, world.ledger, NOW)
    assert world.release() == f"{world.project.name}-v1.0.0"
    assert world.release() is None
    rename(world)
    (after,) = evaluate_annotators(world.project, world.store, world.ledger, NOW)
    assert after != before
    record = world.ledger.reviews.evaluation(after)
    assert record
    figures = from_json(world.store.read_text(record.uri)).figures.by_class
    assert {name: figure.rates.f1 for name, figure in figures.items()} == {"number": 1.0, "text_line": 1.0}
    assert world.release() == f"{world.project.name}-v2.0.0"
    world.ingest()
    world.finish_jobs()  # CVAT says the new name now, and nothing else has changed
    assert world.release() is None


def test_a_release_that_was_pinned_before_a_rename_is_completed_as_it_was_pinned(world: World, tmp_path: Path) -> None:
    world.add_image("1")
    world.ingest()
    world.finish_jobs()
    tag = pin_release(world.project, world.store, world.ledger, NOW)
    assert tag == f"{world.project.name}-v1.0.0"
    rename(world)
    assert pin_release(world.project, world.store, world.ledger, NOW) == tag
    build_release(world.project, tag, tmp_path, world.store, world.ledger)
    assert check_release(tmp_path) == []
    assert contents_from_json((tmp_path / "dataset.json").read_text()).labels == ("word", "number")


def test_adding_a_label_is_a_minor_version(world: World) -> None:
    world.add_image("1")
    world.ingest()
    world.finish_jobs()
    world.release()
    world.content["labels"].append({"name": "arrow"})
    assert world.release() == f"{world.project.name}-v1.1.0"


def test_labels_and_attributes_are_added_and_nothing_is_done_twice(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    project_id = find_or_create_project(world.project, world.cvat, world.ledger)
    assert plan_labels(world.project, world.cvat) == ()
    choices = {"input_type": "select", "values": ["s", "l"], "default_value": "s"}
    world.content["labels"] = [
        {"name": "text_line", "renamed_from": ["word"], "attributes": [{"name": "text"}, {"name": "size", **choices}]},
        {"name": "arrow", "attributes": [{"name": "left", "input_type": "checkbox", "default_value": "false"}]},
    ]
    before = {label["id"]: label["color"] for label in world.labels}
    assert find_or_create_project(world.project, world.cvat, world.ledger) == project_id
    found = {label["name"]: label for label in world.labels}
    assert sorted(found) == ["arrow", "number", "text_line"]
    assert {label["id"]: label["color"] for label in found.values() if label["id"] in before} == before
    attributes = found["text_line"]["attributes"]
    assert [(a["name"], a["input_type"], a["values"]) for a in attributes] == [
        ("text", "text", [""]),
        ("size", "select", ["s", "l"]),
    ]
    assert change_labels(project_id, world.project.labels, world.cvat, lambda _: None) == 0
    with caplog.at_level(logging.WARNING):
        find_or_create_project(world.project, world.cvat, world.ledger)
    assert "leave alone the label 'number', which is in CVAT and not wanted" in caplog.text
    assert {label["name"]: label for label in world.labels} == found


def test_a_project_that_cvat_does_not_have_lacks_all_labels(world: World) -> None:
    assert [str(change) for change in plan_labels(world.project, world.cvat)] == [
        "add the label 'word'",
        "add the label 'number'",
    ]


def test_a_rename_whose_answer_was_lost_is_found_done(world: World) -> None:
    find_or_create_project(world.project, world.cvat, world.ledger)
    (word, _) = world.labels
    rename(world)
    world.server.patch(f"/api/labels/{word['id']}", {"name": "text_line", "color": word["color"]})
    assert plan_labels(world.project, world.cvat) == ()
    find_or_create_project(world.project, world.cvat, world.ledger)
    assert world.names() == ["text_line", "number"]


def test_another_type_stops_before_anything_is_changed(world: World) -> None:
    name = world.project.name
    labels = [{"name": "word", "type": "polygon"}, {"name": "number", "type": "rectangle"}]
    world.server.post("/api/projects", {"name": name, "labels": labels})
    world.content["labels"].append({"name": "arrow"})
    with pytest.raises(TypeChangedError, match=r"'word' is wanted for the type rectangle and is for polygon in CVAT"):
        find_or_create_project(world.project, world.cvat, world.ledger)
    assert world.names() == ["word", "number"]
