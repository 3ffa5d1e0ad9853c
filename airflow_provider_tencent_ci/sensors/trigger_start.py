"""
Starts a sensor in the triggerer, so that no worker is needed for its start.

Airflow's scheduler makes the trigger from arguments in the DAG (models/taskinstance.py: ``defer_task``), and
the triggerer renders their templates. It cannot resolve references to other tasks' results; these are written as
templates that it can render.

Each function takes an ``InventoryJobSensor``. Its type is not imported, since the sensor imports this module.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.waiting.deferral import BACKSTOP

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.compat.airflow_names import StartTriggerArgs

__all__ = ["StartInTriggerer", "why_a_worker_must_begin"]

_TRIGGER = "airflow_provider_tencent_ci.triggers.sensor_start.StartingInventoryJobTrigger"


class StartInTriggerer:
    """
    The attribute ``start_trigger_args`` that Airflow reads; computed at each read, so that it is always current.

    The class has none: Airflow 3.3 cannot start mapped tasks in the triggerer, and would use the class's attribute for
    them.
    """

    def __get__(self, sensor: Any, _owner: type) -> StartTriggerArgs | None:
        if sensor is None or not sensor.start_from_trigger or why_a_worker_must_begin(sensor):
            return None
        from airflow_provider_tencent_ci.compat.airflow_names import StartTriggerArgs

        return StartTriggerArgs(
            trigger_cls=_TRIGGER,
            trigger_kwargs=_arguments(sensor),
            next_method="execute_started",
            timeout=timedelta(seconds=sensor.timeout) + BACKSTOP,
        )


def why_a_worker_must_begin(sensor: Any) -> str | None:
    """Return the work at a task's start that only a worker can do; ``None`` if there is none."""
    from airflow_provider_tencent_ci.waiting.end_from_trigger import is_overridden

    reasons = {
        "it has an on_execute_callback": sensor.on_execute_callback,
        "it has a pre_execute": sensor._pre_execute_hook,
        "a subclass has its own beginning": is_overridden(sensor, "pre_execute", "execute"),
        "it has a map_index_template": sensor.map_index_template,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _arguments(sensor: Any) -> dict[str, Any]:
    from airflow_provider_tencent_ci.waiting.end_from_trigger import RECORD, why_a_worker_must_end, xcoms_of

    ends_here = sensor.end_from_trigger and why_a_worker_must_end(sensor) is None
    templates = {name: _template(sensor, name) for name in ("job_id", "tencent_ci_conn_id", "bucket", "region")}
    return {
        **asdict(sensor._wait_options()),
        **templates,
        "success_xcoms": xcoms_of(sensor, RECORD, {"job": RECORD}) if ends_here else None,
        "seconds_before_limit": _seconds_before_limit(sensor),
    }


def _seconds_before_limit(sensor: Any) -> float:
    """
    Return how long before Airflow's own limit the wait times out.

    That limit is the only absolute time that Airflow stores for such a start: the earlier one of ``execution_timeout``
    and the timeout in :class:`StartTriggerArgs`.
    """
    ends_after = timedelta(seconds=sensor.timeout)
    limit = min(ends_after + BACKSTOP, sensor.execution_timeout or timedelta.max)
    return max(0.0, (limit - ends_after).total_seconds())


def _template(sensor: Any, field: str) -> Any:
    """
    Return a field as the triggerer can render it.

    :raises InvalidArgumentError: it contains a reference without such a template.
    """
    from airflow.sdk.definitions._internal.mixins import ResolveMixin
    from airflow.sdk.definitions.xcom_arg import PlainXComArg

    value = getattr(sensor, field)
    if not isinstance(value, ResolveMixin):
        return value
    if isinstance(value, PlainXComArg) and (index := _map_index(value, sensor)):
        # Without a map index the triggerer would wait forever; without "or", None would become the text "None".
        return f"{{{{ ti.xcom_pull({value.operator.task_id!r}, key={value.key!r}, map_indexes={index}) or '' }}}}"
    raise InvalidArgumentError(
        f"{sensor.task_id}: with start_from_trigger, {field} must be a text, a template, or the .output of one task "
        f"(or one of its keys) that is not mapped, or is in the same mapped task group; not {value!r}."
    )


def _map_index(reference: Any, sensor: Any) -> str | None:
    """Return the map index of the other task as in a template; ``None`` if it is not exactly one instance."""
    group = reference.operator.get_closest_mapped_task_group()
    if reference.operator.is_mapped:
        return None
    if group is None:
        return "-1"
    return "ti.map_index" if group is sensor.get_closest_mapped_task_group() else None
