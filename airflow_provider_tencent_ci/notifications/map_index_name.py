"""A task's values for templates: its name among mapped tasks, and the facts about its batch job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider_tencent_ci.notifications.job_facts import JobFacts

__all__ = ["MapIndexName", "joined_name"]

_DEFAULT_CONNECTION = "tencent_ci_default"

# Airflow's column has room for 250.
_MOST = 200


class MapIndexName:
    """
    A task with values for templates.

    If it is mapped without ``map_index_template``, it gets a default template.

    :cvar map_index_fields: arguments that distinguish mapped tasks; if the first one is mapped, only it is used.
    """

    map_index_fields: ClassVar[tuple[str, ...]] = (
        "name",
        "prefix",
        "manifest",
        "url_file",
        "object_key",
        "workflow_ids",
        "job",
        "start_time",
        "end_time",
        "bucket",
        "region",
        "tencent_ci_conn_id",
    )

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Start to map the task, as Airflow's own ``partial`` does."""
        partial: OperatorPartial = super().partial(**kwargs)  # type: ignore[misc]
        if partial.kwargs.get("map_index_template") is None:
            mapped = [name for name in cls.map_index_fields if name not in kwargs]
            partial.kwargs["map_index_template"] = f"{{{{ task.mapped_name({', '.join(map(repr, mapped))}) }}}}"
        return partial

    def mapped_name(self, *names: str) -> str:
        """
        Return the name of this mapped task for ``map_index_template``. Never raises.

        :param names: the arguments that may distinguish it; by default all possible ones.
        """
        values = {name: getattr(self, name, None) for name in names or self.map_index_fields}
        if values.get("tencent_ci_conn_id") == _DEFAULT_CONNECTION:  # an argument that is mostly left out
            del values["tencent_ci_conn_id"]
        first = joined_name([values.get(self.map_index_fields[0])])
        return self._rendered_name([first] if first else values.values())

    def _rendered_name(self, values: Iterable[Any]) -> str:
        """
        Return a name that Airflow renders as text.

        In a DAG with ``render_template_as_native_obj``, Airflow would make a number of "20260101", and then fail the
        task. The quoted text becomes the text.
        """
        name = joined_name(values)
        dag = getattr(self, "dag", None) if self.has_dag() else None  # type: ignore[attr-defined]
        return repr(name) if getattr(dag, "render_template_as_native_obj", False) else name

    def job_facts(self, ti: Any = None, exception: Any = None) -> JobFacts:
        """
        Return the known facts about the job: from the error, from this process, and from XCom. Never raises.

        :param ti: the task instance, as callbacks have it in their context.
        :param exception: the error of the task, as callbacks have it in their context.
        """
        from airflow_provider_tencent_ci.notifications.job_facts import collect_job_facts

        return collect_job_facts(self, ti, exception)


def joined_name(values: Iterable[Any]) -> str:
    """Return values as one short text of printable characters, without the empty ones. Never raises."""
    # Imported late: the operator's module imports this one, and each parse of a DAG file would pay.
    from airflow_provider_tencent_ci.core.wire.texts import shortened

    name = _joined(values)
    # Airflow's database or API refuses some of the other characters, and would fail the task.
    return shortened("".join(letter if letter.isprintable() else " " for letter in name), _MOST)


def _joined(values: Iterable[Any]) -> str:
    return ", ".join(filter(None, map(_text_or_nothing, values)))


def _text_or_nothing(value: Any) -> str:
    try:
        return _text(value)
    except Exception:  # a name must not fail a task
        return ""


def _text(value: Any) -> str:
    from airflow_provider_tencent_ci.core.wire.texts import without_query

    if value is None:
        return ""
    if isinstance(value, Mapping):  # a request for Type=Job
        parameters = value.get("JobParam")
        template = parameters.get("TemplateId") if isinstance(parameters, Mapping) else None
        return ", ".join(map(str, filter(None, (value.get("Tag"), template))))
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes")
    if isinstance(value, list | tuple | set | frozenset):  # an iterator would be used up, and XComs would be read
        return _joined(value)
    has_text = any({"__str__", "__repr__"} & vars(kind).keys() for kind in type(value).__mro__[:-1])
    return without_query(str(value)) if has_text else ""  # the query of a URL may be a signature
