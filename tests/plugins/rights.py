"""An auth manager with rights to single connections and DAGs, as in real installations."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

__all__ = ["SingleRights", "token_of"]


class SingleRights(SimpleAuthManager):
    """
    Airflow's simple auth manager, without the rights in ``denied``.

    :cvar denied: a user's name, a method, and the id of a connection or a DAG.
    """

    denied: ClassVar[set[tuple[str, str, str]]] = set()

    def is_authorized_connection(self, *, method: Any, user: Any, details: Any = None) -> bool:
        return super().is_authorized_connection(method=method, user=user, details=details) and self._may(
            user, method, details.conn_id
        )

    def is_authorized_dag(self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None) -> bool:
        allowed = super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details)
        return allowed and self._may(user, method, details.id)

    def _may(self, user: Any, method: str, name: str) -> bool:
        return (user.username, method, name) not in self.denied


def token_of(username: str, role: str) -> str:
    """Log a user in, as Airflow's login does: the value of the cookie."""
    from airflow.api_fastapi.app import get_auth_manager

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=username, role=role))
