"""Models in MLflow's registry, which keeps them by name and version; an alias names a version, and may be moved."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import mlflow.artifacts
from mlflow import MlflowClient

from include.clients.experiments import Experiments

_URI = re.compile(r"models:/(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>\d+))")


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A version of a model. The key is another one for every version that was ever registered."""

    name: str
    version: str
    key: str

    def __str__(self) -> str:
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class ModelRegistry:
    """The registry of an MLflow. All methods raise ExperimentsError where MLflow does not do what it is asked for."""

    experiments: Experiments

    def find(self, uri: str) -> RegisteredModel:
        """The version that `models:/name/version` or `models:/name@alias` means now. Raises ValueError for another."""
        asked = _URI.fullmatch(uri)
        if not asked:
            raise ValueError(f"{uri} is not models:/name@alias or models:/name/version")
        where = self.experiments.tracking_uri
        with self.experiments.session(f"Looking for {uri} in {where}"):
            client = MlflowClient(where, where)
            if asked["alias"]:
                found = client.get_model_version_by_alias(asked["name"], asked["alias"])
            else:
                found = client.get_model_version(asked["name"], asked["version"])
        what = f"{where}\n{found.name}\n{found.version}\n{found.creation_timestamp}"
        return RegisteredModel(found.name, str(found.version), hashlib.sha256(what.encode()).hexdigest())

    def register(
        self, name: str, content: bytes, alias: str, *, experiment: str, release: str, at: datetime
    ) -> RegisteredModel:
        """Make an ONNX file the version of a model that was trained on a release, and give it the alias. The model, its
        version and the run that has its file are made once, however often this is asked."""
        where = self.experiments.tracking_uri
        run = self.experiments.log_evaluation(
            experiment,
            key=f"retrain/{name}/{release}",
            name=f"{name} on {release}",
            params={"model": name, "release": release},
            metrics={},
            tags={},
            artifacts={"model.onnx": content},
            at=at,
        )
        with self.experiments.session(f"Registering {name} in {where}"):
            client = MlflowClient(where, where)
            if not client.search_registered_models(f"name = '{name}'"):
                client.create_registered_model(name)
            versions = client.search_model_versions(f"name = '{name}'")
            found = next((version for version in versions if version.run_id == run.id), None)
            if found is None:
                found = client.create_model_version(name, client.get_run(run.id).info.artifact_uri, run.id)
            client.set_registered_model_alias(name, alias, found.version)
        return self.find(f"models:/{name}/{found.version}")

    def download(self, model: RegisteredModel, folder: Path) -> None:
        """Copies the model's files into a folder."""
        where = self.experiments.tracking_uri
        with self.experiments.session(f"Downloading {model} from {where}"):
            stored = MlflowClient(where, where).get_model_version_download_uri(model.name, model.version)
            mlflow.artifacts.download_artifacts(stored, dst_path=str(folder), tracking_uri=where, registry_uri=where)
