"""``@task.tencent_ci_inventory_job``: a batch job whose request is what a function returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import DecoratedOperator, context_merge

from airflow_provider_tencent_ci.compat.airflow_names import TaskDecorator, determine_kwargs, without_later_arguments
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.task_state.submission_xcom import REQUEST_FIELDS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["inventory_job_task"]

_NAME_OF_MAPPED = "{{ task.mapped_name() }}"

# The function returns these; all other arguments of the operator are the decorator's.
_REQUEST = (*REQUEST_FIELDS, "name")


class _InventoryJobDecoratedOperator(DecoratedOperator, TriggerInventoryJobOperator):
    """
    Call a function, and submit the batch job that it asks for.

    The function is called where something is about to be submitted: in each try, and again after a wait for
    ``max_active_jobs``; not when the wait for the job's end is over.

    :param python_callable: the function; it returns the request as a mapping.
    :param op_args: its positional arguments (templated).
    :param op_kwargs: its keyword arguments (templated).
    """

    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *TriggerInventoryJobOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **TriggerInventoryJobOperator.template_fields_renderers,
    }
    custom_operator_name = "@task.tencent_ci_inventory_job"
    # The request is known late; the UI shall show it all the same.
    overwrite_rtif_after_execution = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if misplaced := [name for name in _REQUEST if name in kwargs]:
            raise TypeError(
                f"@task.tencent_ci_inventory_job does not take {', '.join(misplaced)}: return it from the function."
            )
        given = without_later_arguments(kwargs)
        super().__init__(python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, **given)

    def mapped_name(self, *names: str) -> str:
        """Return what the function is called with: the request is known late. Never raises."""
        return self._rendered_name(self.op_kwargs.values())

    def execute(self, context: Context) -> str:
        # Not DecoratedOperator's: 3.0's wants a method that no operator has there, to handle results of other kinds.
        return TriggerInventoryJobOperator.execute(self, context)

    def _read_request(self, context: Context) -> None:
        for name, value in self._request(context).items():
            setattr(self, name, value)
        super()._read_request(context)

    def _request(self, context: Context) -> dict[str, Any]:
        """
        Return what the function asks for, its templates rendered.

        :raises InvalidArgumentError: it returned something else.
        """
        context_merge(context, self.op_kwargs)
        arguments = determine_kwargs(self.python_callable, self.op_args, context)
        request = _checked(self.python_callable(*self.op_args, **arguments))
        return {name: self.render_template(value, context) for name, value in request.items()}


class _NamingTaskDecorator(TaskDecorator):  # type: ignore[type-arg]
    """Airflow's task decorator; a mapped task without ``map_index_template``, also in ``default_args``, gets one."""

    def expand(self, **map_kwargs: Any) -> Any:
        return _named_tasks(super().expand(**map_kwargs))

    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> Any:
        return _named_tasks(super().expand_kwargs(kwargs, strict=strict))


def inventory_job_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
    """
    Submit the batch job that the decorated function asks for, as ``TriggerInventoryJobOperator`` does.

    The function returns a mapping with the request: ``workflow_ids`` or ``job``, one of ``prefix``, ``manifest``,
    ``url_file``, ``object_key``, and if wanted ``start_time``, ``end_time``, ``name``. Texts in it are templates. It is
    called again in a retry, and must return the same for the same run: with another request, a retry submits another
    job. The task's result is the JobId, whatever the function's annotations say.

    :param python_callable: the function.
    :param kwargs: all other arguments of the operator, such as ``wait_for_completion``, ``deferrable`` or ``retries``.
    """
    if python_callable is None:
        return partial(inventory_job_task, **kwargs)
    # Else `-> dict` would have Airflow look for a dictionary in the JobId.
    return _NamingTaskDecorator(
        function=python_callable,
        operator_class=_InventoryJobDecoratedOperator,
        multiple_outputs=False,
        kwargs=kwargs,
    )


def _named_tasks(mapped: Any) -> Any:
    if mapped.operator.map_index_template is None:
        mapped.operator.map_index_template = _NAME_OF_MAPPED
    return mapped


def _checked(request: object) -> Mapping[str, Any]:
    known = ", ".join(_REQUEST)
    if not isinstance(request, Mapping):
        raise InvalidArgumentError(
            f"The function of @task.tencent_ci_inventory_job returned {_described(request)}, not a mapping of {known}."
        )
    if unknown := [str(name) for name in request if name not in _REQUEST]:
        raise InvalidArgumentError(
            f"The function of @task.tencent_ci_inventory_job returned {', '.join(unknown)}; known are {known}."
        )
    return request


def _described(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
