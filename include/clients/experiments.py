"""Experiments: evaluations and releases as MLflow runs, one run each, however often a task is run again.

A run is found by its tag `labelcycle.key`. One that is FINISHED is complete and is left as it is; any other was left by
a task that died, and is completed: what it logs has fixed names, values, step and timestamp, so logging it twice is
logging it once.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import boto3.exceptions
import mlflow.entities
from botocore.exceptions import BotoCoreError, ClientError
from mlflow import MlflowClient
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import Dataset, DatasetInput, InputTag, LifecycleStage, Metric, Param, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_GIT_REPO_URL
from sqlalchemy.exc import SQLAlchemyError

KEY = "labelcycle.key"
ATTACHED = "labelcycle.attached"
DUPLICATE_OF = "labelcycle.duplicate_of"
_FINISHED = RunStatus.to_string(RunStatus.FINISHED)
_BATCH = 1000  # metrics that MLflow takes at once


class ExperimentsError(Exception):
    """MLflow, or the store of its artifacts, could not be reached or refused what it was given."""


class ExperimentsRefusedError(ExperimentsError):
    """MLflow does not take these credentials (401), or this user may not do that (403)."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks an MLflow server: a user with a password, or a token without a user."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Run:
    """An MLflow run. It has a page of its own (`url`) where MLflow runs as a server."""

    id: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Experiments:
    """An MLflow server (`https://…`) or database (`sqlite:///…`, `postgresql://…`).

    `artifacts` is the URI or the absolute path under which new experiments keep their artifacts; a server knows itself,
    a database does not and would take the folder `mlruns` of whatever process. Without a login, MLflow's own variables
    in the environment say who asks. All methods raise ExperimentsError: a refused login is ExperimentsRefusedError.
    """

    tracking_uri: str
    artifacts: str | None = None
    login: Login | None = None

    def check(self) -> None:
        """See that MLflow answers and takes the login. Asks once, for ten seconds at most; nothing is changed."""
        once = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
        with _environment(once), self.session(f"Asking MLflow at {self.tracking_uri}"):
            MlflowClient(self.tracking_uri).search_experiments(max_results=1)

    def is_logged(self, experiment: str, key: str) -> bool:
        """Whether the run with this key is complete."""
        with self.session(f"Looking for {key} in {self.tracking_uri}"):
            client = MlflowClient(self.tracking_uri)
            found = client.get_experiment_by_name(experiment)
            runs = _runs(client, found.experiment_id, key) if found else []
            return any(run.info.status == _FINISHED for run in runs)

    def log_evaluation(
        self,
        experiment: str,
        *,
        key: str,
        name: str,
        params: Mapping[str, str],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        artifacts: Mapping[str, str | bytes],
        at: datetime,
    ) -> Run:
        """The run of an evaluation, made or completed. `artifacts` are files by name; `at` is when the metrics were
        measured (aware)."""

        def log_files(client: MlflowClient, run_id: str) -> None:
            _log_files(client, run_id, artifacts)

        return self._log(experiment, key, name, params, metrics, tags, at, log_files)

    def has_attached(self, run_id: str, mark: str) -> bool:
        """Whether `attach` with this mark was completed."""
        with self.session(f"Looking for run {run_id} in {self.tracking_uri}"):
            return bool(MlflowClient(self.tracking_uri).get_run(run_id).data.tags.get(ATTACHED) == mark)

    def attach(self, run_id: str, artifacts: Mapping[str, str | bytes], mark: str) -> None:
        """Add files, by name, to a run, also to a complete one. The mark is written last, and says what they are."""
        with self.session(f"Adding {', '.join(sorted(artifacts))} to run {run_id} in {self.tracking_uri}"):
            client = MlflowClient(self.tracking_uri)
            _log_files(client, run_id, artifacts)
            client.set_tag(run_id, ATTACHED, mark)

    def log_release(
        self,
        experiment: str,
        *,
        key: str,
        name: str,
        params: Mapping[str, str],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        dataset_name: str,
        dataset_digest: str,
        dataset_source: str,
        at: datetime,
    ) -> Run:
        """The run of a release, made or completed, with the dataset as its input. `name` is the release's git tag,
        `dataset_source` the URL of its git repository, `dataset_digest` at most 36 characters (MLflow's limit)."""
        source = CodeDatasetSource({MLFLOW_GIT_REPO_URL: dataset_source, "labelcycle.release": name})
        dataset = Dataset(dataset_name, dataset_digest, source_type="code", source=source.to_json())

        def log_input(client: MlflowClient, run_id: str) -> None:
            client.log_inputs(run_id, [DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, "release")])])

        return self._log(experiment, key, name, params, metrics, tags, at, log_input)

    def _log(
        self,
        experiment: str,
        key: str,
        name: str,
        params: Mapping[str, str],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        at: datetime,
        log_more: Callable[[MlflowClient, str], None],
    ) -> Run:
        timestamp = round(at.timestamp() * 1000)
        values = [Metric(metric, value, timestamp, step=0) for metric, value in metrics.items()]
        with self.session(f"Logging {name} ({key}) in {self.tracking_uri}"):
            client = MlflowClient(self.tracking_uri)
            run = _find_or_create(client, self._experiment(client, experiment), key, name)
            if run.info.status != _FINISHED:
                client.log_batch(
                    run.info.run_id,
                    params=[Param(param, value) for param, value in params.items()],
                    tags=[RunTag(tag, value) for tag, value in tags.items()],
                )
                for start in range(0, len(values), _BATCH):
                    client.log_batch(run.info.run_id, metrics=values[start : start + _BATCH])
                log_more(client, run.info.run_id)
                client.set_terminated(run.info.run_id, _FINISHED)
        return Run(run.info.run_id, self._url(run))

    @contextmanager
    def session(self, what: str) -> Iterator[None]:
        """MLflow reads who asks from the environment alone: it is there while MLflow is asked, and gone after. Errors
        say `what` failed."""
        names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
        login = self.login
        values = dict(zip(names, (login.username, login.password, login.token), strict=True)) if login else {}
        quiet = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
        with _environment({**values, **quiet}), _errors(what):
            yield

    def _experiment(self, client: MlflowClient, name: str) -> str:
        """The id of the experiment, which is made if need be."""
        found = client.get_experiment_by_name(name)
        if found is None:
            location = f"{self.artifacts.rstrip('/')}/{name}" if self.artifacts else None
            try:
                return client.create_experiment(name, artifact_location=location)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            found = client.get_experiment_by_name(name)  # another task was quicker
        if found is None or found.lifecycle_stage != LifecycleStage.ACTIVE:
            raise ExperimentsError(
                f"The experiment {name!r} was deleted in MLflow: restore it, or purge it (mlflow gc)"
            )
        return str(found.experiment_id)

    def _url(self, run: mlflow.entities.Run) -> str | None:
        parts = urlsplit(self.tracking_uri)
        if parts.scheme not in ("http", "https"):
            return None
        server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        return f"{server}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def _log_files(client: MlflowClient, run_id: str, artifacts: Mapping[str, str | bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="labelcycle-artifacts-") as folder:
        for path, content in artifacts.items():
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        client.log_artifacts(run_id, folder)


def _find_or_create(client: MlflowClient, experiment_id: str, key: str, name: str) -> mlflow.entities.Run:
    """The one run with the key. MLflow has no unique constraint: two tasks that found none have each made one. They
    look again, and as both see the older one, that one stays; the others are marked and deleted (MLflow keeps them in
    its bin)."""
    runs = _runs(client, experiment_id, key)
    if not runs:
        client.create_run(experiment_id, tags={KEY: key}, run_name=name)
        runs = _runs(client, experiment_id, key)
    oldest, *others = runs
    for other in others:
        client.set_tag(other.info.run_id, DUPLICATE_OF, oldest.info.run_id)
        client.delete_run(other.info.run_id)
    return oldest


def _runs(client: MlflowClient, experiment_id: str, key: str) -> list[mlflow.entities.Run]:
    found = client.search_runs([experiment_id], f"tags.`{KEY}` = '{key}'")
    return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))


@contextmanager
def _environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """These variables in the environment (None: not there), for as long as the context lasts."""
    before = {name: os.environ.get(name) for name in values}
    try:
        _set(values)
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Makes ExperimentsError of what MLflow, its database and its artifact store raise; passwords are left out."""
    try:
        yield
    except (
        MlflowException,
        SQLAlchemyError,
        OSError,
        BotoCoreError,
        ClientError,
        boto3.exceptions.Boto3Error,
    ) as error:
        sentence = re.sub(r"//[^/@\s]+@", "//***@", f"{what} failed: {error}")
        if isinstance(error, MlflowException) and _status(error) in (401, 403):
            raise ExperimentsRefusedError(f"{sentence}. Give a login that MLflow knows, and that may write") from None
        raise ExperimentsError(
            f"{sentence}. See that MLflow is up, that its address is right, and that it may be written"
        ) from None


def _status(error: MlflowException) -> int:
    return int(error.get_http_status_code())  # type: ignore[no-untyped-call]
