"""Reading connections and hiding secrets on each version of Airflow, with and without an event loop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


__all__ = [
    "get_connection_async",
    "get_connection_of_any_team",
    "mask_secrets",
    "mask_secrets_async",
]


async def get_connection_async(conn_id: str) -> Connection:
    """
    Read a connection without blocking the event loop.

    Before 3.1 there is only the blocking call. It runs in a thread of asgiref, since in any other one the SDK of 3.0
    does not find its supervisor (docs/airflow.md, 4.1).
    """
    # Imported late, here and below: each version of Airflow has only some of these names.
    from airflow.providers.common.compat.sdk import BaseHook

    if hasattr(BaseHook, "aget_connection"):
        return await BaseHook.aget_connection(conn_id)
    from asgiref.sync import sync_to_async

    return await sync_to_async(BaseHook.get_connection, thread_sensitive=False)(conn_id)


def get_connection_of_any_team(conn_id: str) -> Connection:
    """
    Read a connection in an API server, also one that belongs to a team.

    ``BaseHook.get_connection`` finds a team's connection only in a task of that team.
    """
    from airflow.models.connection import Connection as StoredConnection
    from airflow.providers.common.compat.sdk import BaseHook

    team_name = StoredConnection.get_team_name(conn_id) if hasattr(StoredConnection, "get_team_name") else None
    if team_name is None:
        return BaseHook.get_connection(conn_id)
    return StoredConnection.get_connection_from_secrets(conn_id, team_name=team_name)


def mask_secrets(*secrets: str | None) -> None:
    """Let Airflow mask ``secrets`` in all logs of this process, and of the one that writes its logs; may block."""
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # 2.11
        from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]
    for secret in filter(None, secrets):
        with suppress(Exception):  # only 3.0 raises if the supervisor has ended
            mask_secret(secret)


async def mask_secrets_async(*secrets: str | None) -> None:
    """
    Do the same without blocking the event loop.

    Before 3.3 there is only the blocking call, made in a thread as in :func:`get_connection_async`.
    """
    try:
        from airflow.sdk.log import amask_secret
    except ImportError:
        from asgiref.sync import sync_to_async

        await sync_to_async(mask_secrets, thread_sensitive=False)(*secrets)
        return
    for secret in filter(None, secrets):
        await amask_secret(secret)
