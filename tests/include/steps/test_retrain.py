"""Retrain, as a user does it: a release teaches a second version, which the next images compare with the first."""

import io
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import PIL.Image
import pytest
from mlflow import MlflowClient

from include.annotators.cells import Example, fit
from include.annotators.registry import Annotator, load
from include.annotators.weights import fetch
from include.clients.experiments import Experiments
from include.clients.ledger.batches import Batch, Job
from include.clients.registered import ModelRegistry
from include.clients.versions import DataRemote, DatasetRepository
from include.steps.collect import collect_revisions
from include.steps.compare import compare_versions, log_comparisons
from include.steps.evaluate import evaluate_annotators
from include.steps.release import pin_release, publish_release
from include.steps.retrain import retrain
from tests.include.steps.world import World, project_of

pytestmark = pytest.mark.slow
NOW = datetime(2026, 3, 4, tzinfo=UTC)
LABEL = {"name": "square"}
Box = tuple[float, float, float, float]


def square(number: int) -> Box:
    """Where the picture's square is: in one of the detector's cells of 16 pixels."""
    left, top = (number * 7 % 30) * 16, (number * 5 % 22) * 16
    return (left, top, left + 16, top + 16)


def scene(number: int, colour: tuple[int, int, int]) -> PIL.Image.Image:
    pixels = np.random.default_rng(number).integers(90, 110, (352, 480, 3)).astype(np.uint8)
    left, top, right, bottom = map(int, square(number))
    pixels[top:bottom, left:right] = colour
    return PIL.Image.fromarray(pixels)


@dataclass(slots=True)
class Registered(World):
    """A world whose models come from MLflow's registry."""

    registry: ModelRegistry
    cache: Path

    @property
    def annotators(self) -> list[Annotator]:
        found = []
        for one in self.project.annotators:
            assert one.weights
            weights = fetch(one.weights.uri, self.cache, registry=self.registry)
            found.append(load(one.model, one.settings, name=one.name, weights=weights))
        return found

    def use(self, *uris: str) -> None:
        """The project's file lists these versions of the model, each for the same share of the images."""
        settings = {"form": "yolov8", "fit": "stretch", "min_score": 0.01}  # few squares in many cells make it shy
        model = {"model": "onnx_detector", "name": "cells", "share": 1 / len(uris), "settings": settings}
        annotators = [{**model, "weights": {"uri": uri}} for uri in uris]
        batches = {"size": 8, "job_size": 8, "max_wait": 0}
        name = self.project.name
        self.project = project_of(name, self.bucket_name, labels=[LABEL], annotators=annotators, batches=batches)

    def land_scenes(self, numbers: range) -> None:
        for number in numbers:
            file = io.BytesIO()
            scene(number, (220, 30, 30)).save(file, "PNG")
            self.put(f"in/{number}.png", file.getvalue())

    def review(self) -> None:
        """People see to it that each picture has its square, and nothing else."""
        (label,) = self.server.rows("/api/labels", project_id=self.tasks()[0]["project_id"])
        for batch in self.batches():
            for job in self.ledger.batches.jobs(batch.id):
                self._correct(batch, job, label["id"])
                self.finish(job)
        collect_revisions(self.project, self.cvat, self.store, self.ledger)

    def _correct(self, batch: Batch, job: Job, label: int) -> None:
        images = self.ledger.images.of_batch(batch.id)
        truth: Mapping[int, list[float]] = {
            frame: list(square(int(images[frame].uri.rpartition("/")[2].removesuffix(".png"))))
            for frame in range(job.start, job.stop)
        }
        drawn = self.drawn(job)
        wrong = [shape for shape in drawn if shape["points"] != truth[shape["frame"]]]
        missing = truth.keys() - {shape["frame"] for shape in drawn if shape not in wrong}
        if wrong:
            self.change_shapes(job, "delete", wrong)
        rows = [{"type": "rectangle", "frame": frame, "label_id": label, "points": truth[frame]} for frame in missing]
        if rows:
            self.change_shapes(job, "create", rows)


@pytest.fixture
def world(new_world: Callable[..., World], tmp_path: Path) -> Registered:
    plain = new_world()
    experiments = Experiments(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "artifacts"))
    parts = {field.name: getattr(plain, field.name) for field in fields(World)}
    return Registered(**parts, registry=ModelRegistry(experiments), cache=tmp_path / "weights")


@pytest.fixture
def repository(tmp_path: Path, bucket: str, s3_endpoint: str) -> DatasetRepository:
    bare = str(tmp_path / "datasets.git")
    subprocess.run(("git", "init", "--quiet", "--bare", bare), check=True)
    data = DataRemote(f"s3://{bucket}/dvc", "us-east-1", s3_endpoint, "tester", "of-tests")
    return DatasetRepository(bare, "main", "Releaser", "releaser@example.org", data)


def test_a_retrained_model_is_compared_with_the_one_before(world: Registered, repository: DatasetRepository) -> None:
    model, registry = f"cells_{uuid4().hex[:6]}", world.registry
    blue = [Example(scene(number, (30, 30, 220)), [(0, *square(number))]) for number in range(3)]
    experiment = f"labelcycle/{world.project.name}"
    first = registry.register(model, fit(blue, ["square"]), "newest", experiment=experiment, release="none", at=NOW)

    world.use(f"models:/{model}/1")
    world.land_scenes(range(32))
    world.carry()
    assert not any(world.drawn(job) for job in world.jobs())  # it knows blue squares, and these are red
    world.review()
    tag = pin_release(world.project, world.store, world.ledger, NOW)
    assert tag
    publish_release(world.project, tag, repository, world.store, world.ledger, "the test")
    second = retrain(world.project, tag, repository, world.bucket, registry, (model, "newest"), NOW)
    assert (str(first), str(second)) == (f"models:/{model}/1", f"models:/{model}/2")

    world.use(f"models:/{model}/1", f"models:/{model}@newest")
    old, new = (version.id for version in world.versions)
    world.land_scenes(range(32, 96))
    world.carry()
    shown = {id_: [batch for batch in world.batches() if batch.asked[0].id == id_] for id_ in (old, new)}
    assert all(len(batch.asked) == 1 for batch in world.batches())
    assert all(sum(batch.size for batch in batches) >= 16 for batches in shown.values())
    world.review()
    evaluate_annotators(world.project, world.store, world.ledger, NOW)

    (found,) = compare_versions(world.project, world.store, world.ledger, NOW)
    assert (found.first, found.second) == (old, new)
    assert f"{new} is better" in found.verdict
    assert log_comparisons(world.project, [found], registry.experiments, NOW) == 1
    client = MlflowClient(registry.experiments.tracking_uri)
    logged = client.get_experiment_by_name(experiment)
    assert logged
    runs = client.search_runs([logged.experiment_id], f"tags.`labelcycle.verdict` = '{found.verdict}'")
    assert [run.data.params["second"] for run in runs] == [new]
