"""Models in MLflow's registry, which keeps them by name and version; an alias names a version, and may be moved."""

import hashlib
import re
from dataclasses import dataclass
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
    """The registry of an MLflow. Both methods raise ExperimentsError where MLflow does not do what it is asked for."""

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

    def download(self, model: RegisteredModel, folder: Path) -> None:
        """Copies the model's files into a folder."""
        where = self.experiments.tracking_uri
        with self.experiments.session(f"Downloading {model} from {where}"):
            stored = MlflowClient(where, where).get_model_version_download_uri(model.name, model.version)
            mlflow.artifacts.download_artifacts(stored, dst_path=str(folder), tracking_uri=where, registry_uri=where)
