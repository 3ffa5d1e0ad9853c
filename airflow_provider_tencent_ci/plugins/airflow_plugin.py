"""
The plugin: the place of the page in Airflow's UI, and the application that serves it.

Every process of Airflow loads its plugins, workers too, so this module imports only what all of them have. The first
request imports the application.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

__all__ = ["JobsPagePlugin", "serve"]

# Without a leading slash: relative to the path of Airflow's UI, which need not be the root of its host.
_PLACE = "tencent-ci"

# Before 3.1 the UI has no place for a page, and 2.11 has no such server either.
_IS_THERE = hasattr(AirflowPlugin, "external_views") and conf.getboolean("tencent_ci", "jobs_page", fallback=True)


async def serve(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """Serve the page (an ASGI application)."""
    from airflow_provider_tencent_ci.plugins.application import application

    await application()(scope, receive, send)


class JobsPagePlugin(AirflowPlugin):
    """A page of the batch jobs of each connection that the user may read, in the menu *Browse*."""

    name = "tencent_ci_jobs"
    if _IS_THERE:
        fastapi_apps = [{"name": "Tencent CI jobs", "app": serve, "url_prefix": f"/{_PLACE}"}]
        external_views = [
            {
                "name": "Tencent CI Jobs",
                "href": f"{_PLACE}/",
                "url_route": _PLACE,
                "destination": "nav",
                "category": "browse",
            }
        ]
