"""Where the names of Airflow's classes and functions live, from 2.11 to 3.3."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, BaseSensorOperator, PokeReturnValue

try:
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )
except ImportError:  # before 3.2
    from airflow.exceptions import (  # type: ignore[no-redef]
        AirflowFailException,
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )

try:
    from airflow.sdk.exceptions import AirflowTaskTimeout
except ImportError:  # before 3.1
    from airflow.exceptions import AirflowTaskTimeout  # type: ignore[no-redef]

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseHook, XCom, XComNotFound
    from airflow.sdk import RetryDecision, RetryPolicy
    from airflow.sdk.bases.decorator import _TaskDecorator as TaskDecorator
    from airflow.sdk.bases.decorator import determine_kwargs
    from airflow.triggers.base import BaseEventTrigger, BaseTrigger, StartTriggerArgs, TaskSuccessEvent, TriggerEvent

__all__ = [
    "AirflowFailException",
    "AirflowRescheduleException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseEventTrigger",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "BaseTrigger",
    "PokeReturnValue",
    "RetryDecision",
    "RetryPolicy",
    "StartTriggerArgs",
    "TaskDecorator",
    "TaskSuccessEvent",
    "TriggerEvent",
    "XCom",
    "XComNotFound",
    "determine_kwargs",
    "without_later_arguments",
]

# Names that are slow to import and not needed to parse a DAG file, with their modules, the newest first. The oldest
# supported compat provider (1.13) does not have all of these names.
_LATE = {
    "BaseEventTrigger": ("airflow.triggers.base",),
    "BaseHook": ("airflow.providers.common.compat.sdk",),
    "BaseTrigger": ("airflow.triggers.base",),
    "RetryDecision": ("airflow.sdk",),
    "RetryPolicy": ("airflow.sdk",),
    "StartTriggerArgs": ("airflow.triggers.base",),
    "TaskDecorator": ("airflow.sdk.bases.decorator", "airflow.decorators.base"),  # 2.11
    "TaskSuccessEvent": ("airflow.triggers.base",),
    "TriggerEvent": ("airflow.triggers.base",),
    "XCom": ("airflow.providers.common.compat.sdk",),
    "XComNotFound": ("airflow.sdk.exceptions", "airflow.exceptions"),  # before 3.2
    "determine_kwargs": ("airflow.sdk.bases.decorator", "airflow.utils.operator_helpers"),  # before 3.1
}

# Airflow's own TaskDecorator is a protocol; its decorators are made from the class.
_NAMES_THERE = {"TaskDecorator": "_TaskDecorator"}


def without_later_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """
    Return arguments of a task without ``retry_policy`` where Airflow does not know it (before 3.3).

    Airflow leaves an unknown default argument out, but not for a decorated task that is mapped.
    """
    unknown = () if hasattr(BaseOperator, "retry_policy") else ("retry_policy",)
    return {name: value for name, value in arguments.items() if name not in unknown}


def __getattr__(name: str) -> Any:
    """Import a name late."""
    reason = None
    for module in _LATE.get(name, ()):
        try:
            return getattr(import_module(module), _NAMES_THERE.get(name, name))
        except (ImportError, AttributeError) as missing:
            reason = missing
    if name in ("RetryDecision", "RetryPolicy"):  # before 3.3
        return object
    if name == "BaseEventTrigger":  # before 3.0, which has no asset watchers
        return __getattr__("BaseTrigger")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from reason
