"""
The argument ``job`` from a file: JSON or YAML, with templates in it.

Airflow reads template files by the ending of their name, for all fields alike. That would not do here: a manifest's key
ends in ``.json``, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["WithJobFile", "read_job"]

_ENDINGS = (".json", ".yaml", ".yml")


class WithJobFile:
    """A task whose argument ``job`` may be the name of a file."""

    def resolve_template_files(self: Any) -> None:
        """Replace the file's name by its text, which is then rendered; Airflow calls this as it does for its own."""
        if names_file(self.job) and not _is_url(self.job):
            environment = self.get_template_env()
            try:
                self.job, *_ = environment.loader.get_source(environment, self.job)
            except Exception as error:  # as Airflow does: the DAG is kept, and the task fails
                self.log.error("The file of job, %s, could not be read: %r", self.job, error)
        super().resolve_template_files()  # type: ignore[misc]


def read_job(job: Any, context: Context, template_environment: Callable[[], Any]) -> Mapping[str, Any] | None:
    """
    Return the argument ``job``, its templates rendered, as a mapping.

    :param job: a mapping, a text of JSON or YAML, or the name or URL of a file.
    :param template_environment: makes the DAG's Jinja environment, which finds the file.
    :raises InvalidArgumentError: the file is missing, or is neither JSON nor YAML of a mapping.
    """
    # Imported late, here and below: the operator's module imports this one, and each parse of a DAG file would pay.
    import yaml

    if not isinstance(job, str) or not job.strip():
        return job or None
    # Of a mapped task, or named by a template: not read before.
    text = _render_file(job, context, template_environment()) if names_file(job) else job
    try:
        nodes = _read_nodes(text)
    except yaml.YAMLError as error:
        raise InvalidArgumentError(f"job is neither JSON nor YAML: {error}") from error
    if not isinstance(nodes, Mapping):
        raise InvalidArgumentError(f"job must be a mapping of nodes such as Tag and JobParam, not {text[:200]!r}.")
    return nodes


def _read_nodes(text: str) -> Any:
    """
    Read JSON or YAML; numbers, dates and words such as ``No`` stay texts, as they are written.

    YAML would change ``0xF0F8F0``, ``010``, ``1:30`` and ``1.50``, and all values are sent as texts. An empty value is
    no text: the node is left out.
    """
    import json

    import yaml

    class TextLoader(yaml.SafeLoader):
        """Knows of YAML's plain values only what is no value: null, and the merge key."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - declared by the base class
            start: [found for found in resolvers if found[0].endswith((":null", ":merge"))]
            for start, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    try:
        return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        return yaml.load(text, TextLoader)  # noqa: S506 - a SafeLoader


def names_file(job: object) -> bool:
    """Whether it is the name of a JSON or YAML file, and not the nodes themselves."""
    return isinstance(job, str) and "\n" not in job and "{" not in job and job.endswith(_ENDINGS)


def _render_file(path: str, context: Context, environment: Any) -> str:
    import jinja2

    if _is_url(path):
        return _render_url(path, context, environment)
    try:
        return str(environment.get_template(path).render(context))
    except jinja2.TemplateNotFound as error:
        raise InvalidArgumentError(
            f"job={path!r}: there is no such file in the DAG's folder, nor in its template_searchpath."
        ) from error


def _is_url(path: str) -> bool:
    """Whether it names a file in Airflow's object storage. Such a file is not read while the DAG is parsed."""
    return "://" in path


def _render_url(path: str, context: Context, environment: Any) -> str:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        with ObjectStoragePath(path).open("r", encoding="utf-8") as file:  # type: ignore[no-untyped-call]
            text = file.read()
    except Exception as error:
        raise InvalidArgumentError(f"job={path!r} cannot be read: {type(error).__name__}: {error}") from error
    return str(environment.from_string(text).render(context))
