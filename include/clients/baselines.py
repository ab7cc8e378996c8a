"""Baselines: annotators as registered models in MLflow. A version of an annotator (`name@version`) is a version of the
model `labelcycle.<project>.<name>`, tagged with its figures; the alias `baseline` names the one that others are held
against."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from include.clients.experiments import Experiments, ExperimentsError

ALIAS = "baseline"
_ANNOTATOR, _EVALUATION, _URI = "labelcycle.annotator", "labelcycle.evaluation", "labelcycle.evaluation_uri"
_PINNED = "labelcycle.baseline_uri"


@dataclass(frozen=True, slots=True)
class Pinned:
    """The baseline: an annotator version, and where the evaluation is kept that others are held against."""

    annotator: str
    uri: str


@dataclass(frozen=True, slots=True)
class Baselines:
    """The annotators of one project in MLflow. All methods raise ExperimentsError."""

    experiments: Experiments
    project: str

    def is_registered(self, annotator: str, evaluation_id: str) -> bool:
        """Whether a version is there with the figures of this evaluation."""
        with self._session(annotator) as client:
            found = _find(client, self._model(annotator), annotator)
            return found is not None and found.tags.get(_EVALUATION) == evaluation_id

    def register(
        self,
        annotator: str,
        evaluation_id: str,
        uri: str,
        run_id: str,
        tags: Mapping[str, str],
        first: Mapping[str, str] | None = None,
    ) -> None:
        """Make an annotator version known, or bring its tags up to date; the URI and the run are its evaluation's. Made
        once, however often this is asked; it has the tags `first` from when it was made."""
        model = self._model(annotator)
        with self._session(annotator) as client:
            if not client.search_registered_models(f"name = '{model}'"):
                client.create_registered_model(model, tags={"labelcycle.project": self.project})
            found = _find(client, model, annotator)
            if found is None:
                source = client.get_run(run_id).info.artifact_uri
                found = client.create_model_version(
                    model, source, run_id, tags={**(first or {}), _ANNOTATOR: annotator}
                )
            for key, value in {**tags, _URI: uri, _EVALUATION: evaluation_id}.items():  # the id last: all are there
                client.set_model_version_tag(model, found.version, key, value)

    def current(self, name: str) -> Pinned | None:
        """The baseline of an annotator, if it has one. Where somebody has moved the alias in MLflow itself, it is the
        version's latest evaluation."""
        model = self._model(name)
        with self._session(name) as client:
            known = client.search_registered_models(f"name = '{model}'")
            version = known[0].aliases.get(ALIAS) if known else None
            if version is None:
                return None
            tags = client.get_model_version(model, version).tags
        if _ANNOTATOR not in tags or _URI not in tags:
            raise ExperimentsError(
                f"The alias {ALIAS} of {model} is on version {version}, which no evaluation has made: move it to "
                "another one"
            )
        return Pinned(tags[_ANNOTATOR], tags.get(_PINNED, tags[_URI]))

    def promote(self, annotator: str, uri: str) -> None:
        """Make a registered version the baseline, with the evaluation at this URI. Raises ExperimentsError where it is
        not registered."""
        model = self._model(annotator)
        with self._session(annotator) as client:
            found = _find(client, model, annotator)
            if found is None:
                raise ExperimentsError(f"{annotator} was not evaluated in project {self.project}: see its name")
            client.set_model_version_tag(model, found.version, _PINNED, uri)
            client.set_registered_model_alias(model, ALIAS, found.version)

    def _model(self, annotator: str) -> str:
        """MLflow allows no `:` in names."""
        return f"labelcycle.{self.project}.{quote(annotator.partition('@')[0], safe='')}"

    @contextmanager
    def _session(self, annotator: str) -> Iterator[MlflowClient]:
        where = self.experiments.tracking_uri
        with self.experiments.session(f"Keeping {annotator} in {where}"):
            yield MlflowClient(where, where)


def _find(client: MlflowClient, model: str, annotator: str) -> ModelVersion | None:
    """The first version that was made for it: of two tasks that found none, each may have made one."""
    found = [one for one in client.search_model_versions(f"name = '{model}'") if one.tags.get(_ANNOTATOR) == annotator]
    return min(found, key=lambda one: int(one.version), default=None)
