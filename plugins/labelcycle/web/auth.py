"""Who may do what. Airflow asks nobody who calls a plugin's app: every endpoint asks for a Reader or an Editor.

The one file that knows Airflow's authentication, of which its plugins' interface promises nothing.
"""

from collections.abc import Iterable
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Depends, Request


def _reader(project: str, request: Request, user: GetUserDep) -> BaseUser:
    requires_access_dag("GET", param_dag_id=_dag_of(project))(request, user)
    return user


def _editor(project: str, request: Request, user: GetUserDep) -> BaseUser:
    requires_access_dag("PUT", param_dag_id=_dag_of(project))(request, user)
    return user


Reader = Annotated[BaseUser, Depends(_reader)]  # who may see ingest_<project> in Airflow; else 401 or 403
Editor = Annotated[BaseUser, Depends(_editor)]  # who may edit it


User = GetUserDep  # anybody who is logged in; else 401


def readable(projects: Iterable[str], user: BaseUser) -> list[str]:
    """Of these projects the ones that this user may see."""
    return [name for name in projects if _may_see(name, user)]


def _may_see(project: str, user: BaseUser) -> bool:
    dag_id = _dag_of(project)
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return bool(get_auth_manager().is_authorized_dag(method="GET", details=details, user=user))


def _dag_of(project: str) -> str:
    return f"ingest_{project}"
