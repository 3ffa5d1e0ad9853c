"""
What differs between Airflow's versions, 2.11 to 3.3: where names live, and what a version lacks.

With ``supervision.py`` the only module that knows them.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, BaseSensorOperator, PokeReturnValue

try:
    from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
except ImportError:  # before 3.2
    from airflow.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException  # type: ignore[no-redef]

try:
    from airflow.sdk.exceptions import AirflowTaskTimeout
except ImportError:  # before 3.1
    from airflow.exceptions import AirflowTaskTimeout  # type: ignore[no-redef]

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseHook, Connection, Context, XCom
    from airflow.sdk import RetryDecision, RetryPolicy
    from airflow.sdk.bases.decorator import determine_kwargs, task_decorator_factory
    from airflow.triggers.base import BaseEventTrigger, BaseTrigger, StartTriggerArgs, TaskSuccessEvent, TriggerEvent

    from airflow_provider_tencent_ci.core.identity import TaskIdentity

__all__ = [
    "DEFERRAL_FAILED",
    "AirflowFailException",
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
    "TaskSuccessEvent",
    "TriggerEvent",
    "XCom",
    "default_deferrable",
    "determine_kwargs",
    "forget_xcom",
    "get_connection_async",
    "has_listeners",
    "has_workerless_waits",
    "is_deferral_timeout",
    "is_first_try",
    "link_xcom_key",
    "mask_secrets",
    "mask_secrets_async",
    "own_xcom",
    "push_xcoms",
    "recorded_job_id",
    "task_decorator_factory",
    "task_error",
    "task_identity",
    "task_state_store",
    "time_used_up",
    "try_started_at",
    "watched_asset_store",
]

# What a DAG file does not need to be parsed, and is slow to import: where to look for it, the newest place first. The
# oldest compat provider supported (1.13) does not know all of these names.
_LATE = {
    "BaseEventTrigger": ("airflow.triggers.base",),
    "BaseHook": ("airflow.providers.common.compat.sdk",),
    "BaseTrigger": ("airflow.triggers.base",),
    "RetryDecision": ("airflow.sdk",),
    "RetryPolicy": ("airflow.sdk",),
    "StartTriggerArgs": ("airflow.triggers.base",),
    "TaskSuccessEvent": ("airflow.triggers.base",),
    "TriggerEvent": ("airflow.triggers.base",),
    "XCom": ("airflow.providers.common.compat.sdk",),
    "determine_kwargs": ("airflow.sdk.bases.decorator", "airflow.utils.operator_helpers"),  # before 3.1
    "task_decorator_factory": ("airflow.sdk.bases.decorator", "airflow.decorators.base"),  # 2.11
}


def __getattr__(name: str) -> Any:
    """Import a name late."""
    reason = None
    for module in _LATE.get(name, ()):
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError) as missing:
            reason = missing
    if name in ("RetryDecision", "RetryPolicy"):  # before 3.3
        return object
    if name == "BaseEventTrigger":  # before 3.0, which has no asset watchers
        return __getattr__("BaseTrigger")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from reason


# The method that a task is resumed with when Airflow, not the trigger, has ended its deferral; in all versions.
DEFERRAL_FAILED = "__fail__"


def default_deferrable() -> bool:
    """Return ``[operators] default_deferrable``."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


async def get_connection_async(conn_id: str) -> Connection:
    """
    Read a connection without blocking the event loop.

    Before 3.1 there is only the blocking call. It is made in a thread of asgiref's, since from any other one the
    SDK of 3.0 does not find its supervisor (Airflow conventions, 3.8).
    """
    from airflow.providers.common.compat.sdk import BaseHook

    if hasattr(BaseHook, "aget_connection"):
        return await BaseHook.aget_connection(conn_id)
    from asgiref.sync import sync_to_async

    return await sync_to_async(BaseHook.get_connection, thread_sensitive=False)(conn_id)


def mask_secrets(*secrets: str | None) -> None:
    """Have Airflow replace ``secrets`` in all logs of this process, and of the one that writes its logs; may block."""
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # 2.11
        from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[import-not-found,no-redef]
    for secret in filter(None, secrets):
        with suppress(Exception):  # 3.0 alone lets a supervisor that has gone be an error
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


def task_identity(context: Context) -> TaskIdentity:
    """Return which attempt series of which task instance is running."""
    from airflow_provider_tencent_ci.core.identity import TaskIdentity

    ti: Any = context["ti"]
    return TaskIdentity(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index,
        clear_generation=_clear_generation(context),
        deployment=conf.get("tencent_ci", "deployment", fallback="") or "",
    )


def is_first_try(context: Context) -> bool:
    """Whether no earlier try of this attempt series can have submitted anything."""
    ti: Any = context["ti"]
    return int(ti.try_number) - _clear_generation(context) <= 1


def try_started_at(context: Context) -> datetime | None:
    """Return when this try began. In its first process: before 3.2 a later one is told when it was resumed."""
    return getattr(context["ti"], "start_date", None)


def time_used_up(context: Context) -> timedelta:
    """
    Return how much of ``execution_timeout`` is used up when this process begins.

    None on Airflow 3, and in the first process of a try. 2.11, whose task instance alone has a ``next_method``,
    counts the deferral, too (models/taskinstance.py).
    """
    ti: Any = context["ti"]
    if getattr(ti, "next_method", None) and ti.start_date:
        return datetime.now(UTC) - ti.start_date  # type: ignore[no-any-return]
    return timedelta(0)


def is_deferral_timeout(next_kwargs: dict[str, Any] | None) -> bool:
    """
    Whether Airflow ended a deferral because its time was over.

    :param next_kwargs: what the task is resumed with: a ``TriggerFailureReason``, or the text of 2.11's scheduler.
    """
    return (next_kwargs or {}).get("error") in ("Trigger timeout", "Trigger/execution timeout")


def task_error(ti: Any) -> BaseException | None:
    """
    Return what a task instance fails of, while its end is being told to listeners; ``None`` if that is not known.

    2.11 tells them while it handles the error. 3.1 and later keep it in the context, which 3.0 makes anew each time.
    """
    if handled := sys.exception():
        return handled
    error = ti.get_template_context().get("exception")
    return error if isinstance(error, BaseException) else None


def task_state_store(context: Context) -> Any | None:
    """Return the task state store, which survives retries; ``None`` before 3.3."""
    return context.get("task_state_store")


def watched_asset_store(trigger: BaseEventTrigger) -> Any | None:
    """Return the store of the one asset that a trigger watches for; before 3.3, or of several, ``None``."""
    # It is not told which they are, and the store does not say how many (sdk/execution_time/context.py).
    store = getattr(trigger, "asset_state_store", None)
    return store if getattr(store, "_total", 1) == 1 else None


def recorded_job_id(ti: Any) -> str | None:
    """Return the XCom ``job_id`` of a task instance, from wherever XCom is read."""
    value = own_xcom(ti, "job_id")
    return value if isinstance(value, str) else None


def own_xcom(ti: Any, key: str) -> Any:
    """Return what a task instance itself has pushed in this try; ``None`` if nothing."""
    from airflow.providers.common.compat.sdk import TaskInstanceKey, XCom

    return XCom.get_value(ti_key=TaskInstanceKey(ti.dag_id, ti.task_id, ti.run_id, 0, ti.map_index), key=key)


def has_workerless_waits() -> bool:
    """Whether a task can begin in the triggerer, its templates rendered there, and end there (3.3 and later)."""
    from airflow.triggers.base import BaseTrigger

    return hasattr(BaseTrigger, "render_template_fields")


def has_listeners() -> bool:
    """Whether a plugin listens to the ends of tasks, such as OpenLineage's; asked on a worker of 3.3 and later."""
    from airflow.sdk.listener import get_listener_manager

    return bool(get_listener_manager().has_listeners)


def push_xcoms(ti: Any, values: dict[str, Any]) -> None:
    """
    Push XComs for a task instance as a worker does, from wherever XCom is written; blocks.

    The XComs of an ending event are no substitute: 3.3.2 stores them as JSON within JSON (models/xcom.py), so that
    another task would be handed the text of it.
    """
    from airflow.providers.common.compat.sdk import XCom

    where = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
    for key, value in values.items():
        XCom.set(key=key, value=value, **where)


def forget_xcom(ti: Any, key: str) -> None:
    """Delete an XCom of a task instance if there is one; blocks."""
    from airflow.providers.common.compat.sdk import XCom

    XCom.delete(key=key, dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id, map_index=ti.map_index)


def link_xcom_key(link: BaseOperatorLink) -> str | None:
    """Return the XCom key that the UI reads a link from; ``None`` on 2.11, which asks the link itself."""
    return getattr(link, "xcom_key", None)


def _clear_generation(context: Context) -> int:
    """
    Return a number that is constant over the retries of one attempt series, and another one after a clear.

    A clear sets ``max_tries`` to the number of the last try plus ``retries`` (models/taskinstance.py).
    """
    ti: Any = context["ti"]
    return int(ti.max_tries) - int(context["task"].retries or 0)
