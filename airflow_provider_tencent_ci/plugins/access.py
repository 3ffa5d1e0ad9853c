"""
The access rights of the page, by Airflow's own rules.

A sub-application is mounted without any protection, so each route has these dependencies. They make the same checks
with the auth manager as Airflow's own routes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.connection import Connection
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

__all__ = [
    "PAGE_HEADER",
    "PageUser",
    "ReadableConnection",
    "may_cancel",
    "may_read_connection",
    "require_own_page",
    "visible_dags",
]

PageUser = GetUserDep

# A form of another site cannot send this header, and the browser does not allow it for a script there.
PAGE_HEADER = "X-Tencent-CI-Page"


def may_read_connection(conn_id: str, user: BaseUser) -> bool:
    """Check that the user may read a connection; it need not exist."""
    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return get_auth_manager().is_authorized_connection(method="GET", details=details, user=user)


def _readable_connection(conn_id: str, user: GetUserDep) -> str:
    if not may_read_connection(conn_id, user):
        raise HTTPException(403, f"You may not read connection {conn_id!r}. An administrator of Airflow can allow it.")
    return conn_id


#: The ``conn_id`` of the path, once it is certain that the user may read it.
ReadableConnection = Annotated[str, Depends(_readable_connection)]


def visible_dags(dag_ids: Iterable[str], user: BaseUser) -> set[str]:
    """Return the DAGs whose task instances and XComs the user may read: the link from a job to its task needs both."""
    entities = (DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM)
    return {dag_id for dag_id in set(dag_ids) if all(_may(dag_id, user, "GET", entity) for entity in entities)}


def may_cancel(dag_ids: Iterable[str], user: BaseUser) -> bool:
    """
    Whether the user may cancel a job: they may edit all DAGs that submitted it.

    One DAG's XCom must not grant access to another's job.

    :param dag_ids: of the tasks that have the job's id in their XCom; without any, no user may.
    """
    dag_ids = set(dag_ids)
    return (
        bool(dag_ids)
        and visible_dags(dag_ids, user) == dag_ids
        and all(_may(one, user, "PUT", None) for one in dag_ids)
    )


def require_own_page(request: Request) -> None:
    """
    Refuse a request that another site may have caused, since the browser adds the session's cookie by itself.

    :raises HTTPException: 403: it does not come from the page; 415: it is not JSON.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "Send JSON.")
    if PAGE_HEADER not in request.headers or not _is_same_origin(request):
        raise HTTPException(403, "This request does not come from the page of batch jobs. Nothing was done.")


def _is_same_origin(request: Request) -> bool:
    """Check headers that browsers add and no script can change; other clients send none of them."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _may(dag_id: str, user: BaseUser, method: Literal["GET", "PUT"], entity: DagAccessEntity | None) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user)
