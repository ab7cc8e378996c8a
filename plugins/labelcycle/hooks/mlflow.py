"""The MLflow connection."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, Connection

from labelcycle.hooks.failures import tested
from labelcycle.hooks.fields import Extra, address_of, extra_of

if TYPE_CHECKING:
    from include.clients.experiments import Experiments, Login


class MlflowExtra(Extra):
    """Where new experiments keep their artifacts: needed where MLflow is a database and no server. Where people open
    its pages: needed where that is not the tracking URI."""

    artifacts: str | None = None
    pages: str | None = None


class MlflowHook(BaseHook):
    """MLflow by an Airflow connection.

    Host: the tracking URI. Login and password: a user; or no login, and a token as the password. Extra: MlflowExtra.
    """

    conn_name_attr = "mlflow_conn_id"
    default_conn_name = "mlflow_default"
    conn_type = "mlflow"
    hook_name = "MLflow"

    def __init__(self, mlflow_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.mlflow_conn_id = mlflow_conn_id

    def get_conn(self) -> "Experiments":
        """The experiments, which open a connection whenever they are asked. Raises WrongConnection."""
        from include.clients.experiments import Experiments

        connection = self.get_connection(self.mlflow_conn_id)
        return Experiments(_uri(connection), extra_of(connection, MlflowExtra).artifacts, _login(connection))

    def address(self) -> str:
        """Where people open its pages, without asking MLflow. Raises WrongConnection."""
        connection = self.get_connection(self.mlflow_conn_id)
        return extra_of(connection, MlflowExtra).pages or _uri(connection)

    def test_connection(self) -> tuple[bool, str]:
        """Airflow's Test: whether MLflow answers and takes the login."""
        return tested(self._look)

    def _look(self) -> str:
        experiments = self.get_conn()
        experiments.check()
        return f"MLflow answers at {experiments.tracking_uri}"


def _uri(connection: Connection) -> str:
    return address_of(connection, "MLflow's tracking URI, as in https://mlflow.example.com")


def _login(connection: Connection) -> "Login | None":
    from include.clients.experiments import Login

    if connection.login:
        return Login(username=connection.login, password=connection.password or "")
    return Login(token=connection.password) if connection.password else None
