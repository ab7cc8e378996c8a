"""All clients of one project, from the connections that its YAML names."""

import logging
import os
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType
from typing import TYPE_CHECKING

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

import include.projects
from include.lifecycle.images import split_uri
from include.projects.files import ProjectError, read_project
from labelcycle.hooks.cvat import CvatHook
from labelcycle.hooks.failures import airflow_error
from labelcycle.hooks.ledger import LedgerHook
from labelcycle.hooks.mlflow import MlflowHook
from labelcycle.hooks.repository import RepositoryHook

if TYPE_CHECKING:  # each is imported where it is used: a task pays for what it needs, a DAG file for nothing
    from mypy_boto3_s3 import S3Client

    from include.annotators.registry import Annotator
    from include.clients.bulk import BulkStore
    from include.clients.cvat import BucketAccess, CvatClient
    from include.clients.experiments import Experiments
    from include.clients.images import ImageBucket
    from include.clients.ledger import Ledger
    from include.clients.versions import DatasetRepository
    from include.lifecycle.assignment import Version
    from include.projects.annotators import Weights


log = logging.getLogger(__name__)


def projects_folder() -> Path:
    """Where dags/lifecycle.py finds the project files, too: Airflow's setting `projects_folder` in the section
    `labelcycle`, else include/projects."""
    return Path(conf.get("labelcycle", "projects_folder", fallback=str(Path(include.projects.__file__).parent)))


class ProjectClients:
    """The clients of a project, each made when it is first used. A context manager that closes them.

    What they and the steps raise in it leaves as Airflow's exception, in one sentence that names the connection or the
    file: AirflowFailException where another try cannot mend it. Where it came from is in the log at level DEBUG.
    """

    def __init__(self, project_file: str) -> None:
        try:
            self.project = read_project(Path(project_file))
        except ProjectError as error:
            raise AirflowFailException(str(error)) from None
        self._file = project_file
        self._closing = ExitStack()

    def __enter__(self) -> "ProjectClients":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()
        if isinstance(error, Exception) and (known := airflow_error(error, self.project, self._file)):
            log.debug("the error's origin", exc_info=error)
            raise known from None

    @cached_property
    def ledger(self) -> "Ledger":
        """The project's ledger."""
        ledger = LedgerHook(self.project.ledger.connection).get_conn()
        self._closing.callback(ledger.engine.dispose)
        return ledger

    @cached_property
    def cvat(self) -> "CvatClient":
        """The project's CVAT: the process's client, which stays open."""
        return CvatHook(self.project.cvat.connection).get_conn()

    @cached_property
    def bucket(self) -> "ImageBucket":
        """Where the images are."""
        from include.clients.images import ImageBucket

        return ImageBucket(self.s3)

    @cached_property
    def store(self) -> "BulkStore":
        """Where the ledger keeps its bulk."""
        from include.clients.bulk import BulkStore

        return BulkStore(self.s3, self.project.ledger.store)

    @cached_property
    def versions(self) -> "list[Version]":
        """The project's annotators in the file's order; a model is loaded only where its version is not known without.
        What it may say is looked at when it is asked."""
        from include.annotators.registry import version

        return [
            version(section.model, section.settings, name=section.name, weights=self._weights(section.weights))
            for section in self.project.annotators
        ]

    def annotator(self, place: int) -> "Annotator":
        """A model that pre-annotates, by its place in the file."""
        from include.annotators.labels import check_labels
        from include.annotators.registry import load

        section = self.project.annotators[place]
        annotator = load(section.model, section.settings, name=section.name, weights=self._weights(section.weights))
        check_labels(self.project, annotator)
        return annotator

    def _weights(self, weights: "Weights | None") -> Path | None:
        """The model's file on this machine."""
        from include.annotators.weights import fetch
        from include.clients.registered import ModelRegistry

        if weights is None:
            return None
        cache = Path(gettempdir(), f"labelcycle-weights-{os.getuid()}")
        s3 = self.s3 if weights.uri.startswith("s3:") else None
        registry = ModelRegistry(self.experiments) if weights.uri.startswith("models:") else None
        return fetch(weights.uri, cache, sha256=weights.sha256, s3=s3, registry=registry)

    @cached_property
    def storage_for_cvat(self) -> "BucketAccess | None":
        """How CVAT reads the images; None where it gets copies."""
        from labelcycle.hooks.storage import bucket_access

        if self.project.cvat.data == "copy":
            return None
        connection = self.project.cvat.storage_connection or self.project.images.connection
        return bucket_access(connection, split_uri(self.project.images.uri)[0])

    @cached_property
    def repository(self) -> "DatasetRepository":
        """Where dataset versions go."""
        from include.clients.versions import DataRemote
        from labelcycle.hooks.storage import bucket_access

        remote = self.project.release.remote
        access = bucket_access(self.project.images.connection, split_uri(remote)[0])
        data = DataRemote(remote, access.region, access.endpoint_url, access.access_key, access.secret_key)
        return RepositoryHook(self.project.release.connection).get_conn(data)

    @cached_property
    def experiments(self) -> "Experiments":
        """Where figures are logged."""
        return MlflowHook(self.project.mlflow.connection).get_conn()

    @cached_property
    def s3_for_pages(self) -> "S3Client":
        """What signs addresses of images for people's browsers."""
        from labelcycle.hooks.storage import signing_client

        return signing_client(self.project.images.connection)

    @cached_property
    def s3(self) -> "S3Client":
        """The images' connection, as boto3 has it."""
        from labelcycle.hooks.storage import s3_client

        return s3_client(self.project.images.connection)
