"""What a task tells templates: its name among mapped tasks, and what is known of its batch job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_provider_tencent_ci.notifications.job_facts import JobFacts

__all__ = ["NAME_OF_MAPPED", "MapIndexName"]

# For a task that need not be mapped; one that is not has no name of this kind.
NAME_OF_MAPPED = "{% if ti.map_index >= 0 %}{{ task.mapped_name() }}{% endif %}"


class MapIndexName:
    """
    A task that templates can ask. If it is mapped and is given no ``map_index_template``, it has one of its own.

    :cvar map_index_fields: arguments that tell mapped tasks apart; if the first one is mapped, it does so alone.
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
    )

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin to map the task, as Airflow's own ``partial`` does."""
        partial: OperatorPartial = super().partial(**kwargs)  # type: ignore[misc]
        if partial.kwargs.get("map_index_template") is None:
            mapped = [name for name in cls.map_index_fields if name not in kwargs]
            partial.kwargs["map_index_template"] = f"{{{{ task.mapped_name({', '.join(map(repr, mapped))}) }}}}"
        return partial

    def mapped_name(self, *names: str) -> str:
        """
        Return what to call this one of several mapped tasks; for ``map_index_template``. Never raises.

        :param names: the arguments that may tell it apart; by default all that can.
        """
        from airflow_provider_tencent_ci.notifications.mapped_names import joined_name

        names = names or self.map_index_fields
        values = {name: getattr(self, name, None) for name in names}
        first = values.get(self.map_index_fields[0])
        return joined_name([first] if first else values.values())

    def job_facts(self, ti: Any = None, exception: Any = None) -> JobFacts:
        """
        Return what is known of the job: from the error, from this process, and from XCom. Never raises.

        :param ti: the task instance, as callbacks have it in their context.
        :param exception: the error of the task, as callbacks have it in their context.
        """
        from airflow_provider_tencent_ci.notifications.job_facts import collect_job_facts

        return collect_job_facts(self, ti, exception)
