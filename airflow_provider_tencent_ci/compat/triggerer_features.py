"""The features of the triggerer in each version of Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger


__all__ = [
    "has_listeners",
    "has_workerless_waits",
    "watched_asset_store",
]


def watched_asset_store(trigger: BaseEventTrigger) -> Any | None:
    """Return the store of the one asset of a watcher's trigger; ``None`` before 3.3, or for several assets."""
    # The trigger does not get its assets, and the store does not have their number (sdk/execution_time/context.py).
    store = getattr(trigger, "asset_state_store", None)
    return store if getattr(store, "_total", 1) == 1 else None


def has_workerless_waits() -> bool:
    """Whether a task can start in the triggerer, with its templates rendered there, and end there (3.3 and later)."""
    # Imported late, here and below: the operator's module imports this one, and each parse of a DAG file would pay.
    from airflow.triggers.base import BaseTrigger

    return hasattr(BaseTrigger, "render_template_fields")


def has_listeners() -> bool:
    """Whether a plugin listens to the ends of tasks, such as OpenLineage's; for workers of 3.3 and later."""
    from airflow.sdk.listener import get_listener_manager

    return bool(get_listener_manager().has_listeners)
