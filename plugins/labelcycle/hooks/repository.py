"""The git repository of the dataset versions."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook

from labelcycle.hooks.failures import tested
from labelcycle.hooks.fields import Extra, WrongConnection, extra_of

if TYPE_CHECKING:
    from include.clients.versions import DataRemote, DatasetRepository


class RepositoryExtra(Extra):
    """The branch that versions are committed on, and who commits them: git needs a name and an address."""

    branch: str = "main"
    author_name: str = "Labelcycle"
    author_email: str = "labelcycle@localhost"


class RepositoryHook(BaseHook):
    """The dataset repository by an Airflow connection. Host: git's URL. Extra: RepositoryExtra.

    The access to it is the worker's own (an ssh key, a credential helper): git takes no password from us.
    """

    conn_name_attr = "repository_conn_id"
    default_conn_name = "labelcycle_datasets"
    conn_type = "labelcycle_git"
    hook_name = "Labelcycle dataset repository"

    def __init__(self, repository_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.repository_conn_id = repository_conn_id

    def get_conn(self, data: "DataRemote") -> "DatasetRepository":  # type: ignore[override]
        """The repository, with the DVC remote that its data goes to. Raises WrongConnection."""
        from include.clients.versions import DatasetRepository

        connection = self.get_connection(self.repository_conn_id)
        if not connection.host:
            raise WrongConnection(connection.conn_id, "needs a host: the git repository's URL, or its absolute path")
        extra = extra_of(connection, RepositoryExtra)
        try:
            return DatasetRepository(connection.host, extra.branch, extra.author_name, extra.author_email, data)
        except ValueError as error:
            raise WrongConnection(connection.conn_id, f"is wrong: {error}") from None

    def test_connection(self) -> tuple[bool, str]:
        """Airflow's Test: whether git reaches the repository from the API server. A worker may have other access."""
        return tested(self._look)

    def _look(self) -> str:
        from include.clients.versions import DataRemote

        repository = self.get_conn(DataRemote("s3://not-asked/for"))
        repository.check()
        return f"git reads {repository.url}"
