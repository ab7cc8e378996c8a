"""All clients of one project, from the connections that its YAML names."""

from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from include.lifecycle.images import split_uri
from include.projects.files import read_project
from labelcycle.hooks.cvat import CvatHook

if TYPE_CHECKING:  # each is imported where it is used: a task pays for what it needs, a DAG file for nothing
    from mypy_boto3_s3 import S3Client

    from include.annotators.registry import Annotator
    from include.clients.bulk import BulkStore
    from include.clients.cvat import BucketAccess, CvatClient
    from include.clients.experiments import Experiments
    from include.clients.images import ImageBucket
    from include.clients.ledger import Ledger
    from include.clients.versions import DatasetRepository


class ProjectClients:
    """The clients of a project, each made when it is first used. A context manager that closes them."""

    def __init__(self, project_file: str) -> None:
        self.project = read_project(Path(project_file))
        self._closing = ExitStack()

    def __enter__(self) -> "ProjectClients":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @cached_property
    def ledger(self) -> "Ledger":
        """The project's ledger."""
        from labelcycle.hooks.ledger import LedgerHook

        ledger = LedgerHook(self.project.ledger.connection).get_conn()
        self._closing.callback(ledger.engine.dispose)
        return ledger

    @cached_property
    def cvat(self) -> "CvatClient":
        """The project's CVAT."""
        return self._closing.enter_context(CvatHook(self.project.cvat.connection).get_conn())

    @cached_property
    def bucket(self) -> "ImageBucket":
        """Where the images are."""
        from include.clients.images import ImageBucket

        return ImageBucket(self._s3)

    @cached_property
    def store(self) -> "BulkStore":
        """Where the ledger keeps its bulk."""
        from include.clients.bulk import BulkStore

        return BulkStore(self._s3, self.project.ledger.store)

    @cached_property
    def annotator(self) -> "Annotator":
        """The model that pre-annotates."""
        from include.annotators.registry import load

        return load(self.project.annotator.name, self.project.annotator.settings)

    @cached_property
    def storage_for_cvat(self) -> "BucketAccess":
        """How CVAT reads the images."""
        from labelcycle.hooks.storage import bucket_access

        connection = self.project.cvat.storage_connection or self.project.images.connection
        return bucket_access(connection, split_uri(self.project.images.uri)[0])

    @cached_property
    def repository(self) -> "DatasetRepository":
        """Where dataset versions go."""
        from include.clients.versions import DataRemote, DatasetRepository
        from labelcycle.hooks.storage import bucket_access

        connection = BaseHook.get_connection(self.project.release.connection)
        if not connection.host:
            raise ValueError(f"connection {connection.conn_id!r} needs a host: the git repository's URL or path")
        extra = connection.extra_dejson
        access = bucket_access(self.project.images.connection, split_uri(self.project.release.remote)[0])
        remote = DataRemote(
            self.project.release.remote, access.region, access.endpoint_url, access.access_key, access.secret_key
        )
        return DatasetRepository(
            url=connection.host,
            branch=extra.get("branch", "main"),
            author_name=extra.get("author_name", "Labelcycle"),
            author_email=extra.get("author_email", "labelcycle@localhost"),
            data=remote,
        )

    @cached_property
    def experiments(self) -> "Experiments":
        """Where figures are logged."""
        from include.clients.experiments import Experiments

        connection = BaseHook.get_connection(self.project.mlflow.connection)
        if not connection.host:
            raise ValueError(f"connection {connection.conn_id!r} needs a host: MLflow's tracking URI")
        return Experiments(connection.host, connection.extra_dejson.get("artifacts"))

    @cached_property
    def _s3(self) -> "S3Client":
        from labelcycle.hooks.storage import s3_client

        return s3_client(self.project.images.connection)
