"""
Import the client in a thread.

Triggers import it when they run, since Airflow imports their own modules in every DAG file with an operator. In the
event loop, this import would block all triggers of a triggerer for about a second after each start.
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module

_PACKAGE = "airflow_provider_tencent_ci"

# All that triggers import while they run, directly or not.
_MODULES = tuple(
    f"{_PACKAGE}.{module}"
    for module in (
        "hooks.tencent_ci",
        "transport.async_driver",
        "triggerer.shared_poller",
        "triggerer.capacity_gate",
        "triggerer.bucket_watcher",
        "triggerer.stored_snapshot",
        "triggerer.file_counter",
        "core.polling.cancel_job",
        "core.submitting.max_active_jobs",
        "waiting.wait_log",
        "outcome.progress_log",
    )
)


async def preload_client() -> None:
    """Import what triggers need, without blocking the event loop; does nothing if that was done before."""
    if any(module not in sys.modules for module in _MODULES):
        await asyncio.to_thread(lambda: [import_module(module) for module in _MODULES])
