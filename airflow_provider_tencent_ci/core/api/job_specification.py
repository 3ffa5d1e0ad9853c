"""The specification of a batch job: the create request without its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.core.api.operation_checks import check_operation, warnings_of
from airflow_provider_tencent_ci.core.api.time_interval import time_interval
from airflow_provider_tencent_ci.core.wire.messages import Flow
from airflow_provider_tencent_ci.core.wire.texts import text_argument
from airflow_provider_tencent_ci.core.wire.xml import Node, write_xml
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

# The argument for each node of Input. The service documents all four as optional and shows exactly one in every
# sample, so exactly one is required here (docs/service.md, 2.2).
_INPUT_NODES = {"prefix": "Prefix", "manifest": "Manifest", "url_file": "UrlFile", "object_key": "Object"}


@dataclass(frozen=True, slots=True)
class InventoryJobSpecification:
    """
    The checked create request, without its name.

    :param type: ``Workflow`` or ``Job``.
    :param input: the one node of ``Input``.
    :param operation: the nodes of ``Operation``.
    :param round: the number of earlier submissions of the same files.
    """

    type: str
    input: Mapping[str, Node]
    operation: Mapping[str, Node]
    round: int = 0

    @classmethod
    def from_arguments(
        cls,
        *,
        workflow_ids: str | Sequence[str] | None = None,
        job: Mapping[str, Any] | None = None,
        prefix: str | None = None,
        manifest: str | None = None,
        url_file: str | None = None,
        object_key: str | None = None,
        start_time: datetime | str | None = None,
        end_time: datetime | str | None = None,
    ) -> InventoryJobSpecification:
        """
        Check what the user gave. ``None`` and an empty text (a template that rendered to nothing) are "not given".

        :param workflow_ids: for ``Type=Workflow``: the workflow's id, or several.
        :param job: for ``Type=Job``: the nodes of ``Operation`` by the service's names (``Tag``, ``JobParam``,
            ``Output``, ``QueueId``, ...).
        :param prefix: objects whose key starts so; ``/`` for the whole bucket.
        :param manifest: the ``manifest.json`` of a COS inventory.
        :param url_file: a text object with one object URL on each line.
        :param object_key: one object.
        :param start_time: only objects last modified at or after this time: a datetime or ISO 8601 text, with an
            offset. The service's default is the epoch.
        :param end_time: only objects last modified at or before this time. The service's default is now.
        :raises InvalidArgumentError: an argument is missing, wrong or too many; the message names it.
        """
        kind, operation = _operation(workflow_ids, job)
        interval = time_interval(start_time, end_time)
        if interval and "TimeInterval" in operation:
            raise InvalidArgumentError("job has a TimeInterval of its own: leave out start_time and end_time.")
        if interval:
            operation = {"TimeInterval": interval, **operation}
        given = {"prefix": prefix, "manifest": manifest, "url_file": url_file, "object_key": object_key}
        return cls(type=kind, input=_input(given), operation=operation)

    @property
    def warnings(self) -> list[str]:
        """Warnings for the log: nodes that are unusual but may be right."""
        found = warnings_of(self.operation, one_object="Object" in self.input) if self.type == "Job" else []
        prefix = str(self.input.get("Prefix", ""))
        if prefix.startswith("/") and prefix != "/":
            found.append(
                f"prefix={prefix!r} begins with a slash, and the keys of objects do not. Whether the service finds "
                f"objects with it is not documented; {prefix.lstrip('/')!r} is probably meant."
            )
        if "://" in prefix or "*" in prefix:
            found.append(
                f"prefix={prefix!r} is compared with the beginnings of keys as it is. No URL and no pattern is "
                "meant by it: write only what the keys begin with, such as 'media/'."
            )
        return found

    @property
    def identity(self) -> bytes:
        """The bytes that tell this submission from others of the task: the request without its name."""
        return self.body(None)

    @property
    def label(self) -> str:
        """Which submission of failed files it is, for the name; empty for the first submission of a task."""
        return ""

    def upload_inputs(self) -> Flow[None]:
        """Upload the inputs of the request right before it is sent. This class has none."""
        yield from ()

    def body(self, name: str | None) -> bytes:
        """
        Return the XML to send.

        :param name: the job's name; ``None`` leaves it out, for the token.
        :raises InvalidArgumentError: a value cannot stand in XML.
        """
        return write_xml("Request", {"Name": name, "Type": self.type, "Input": self.input, "Operation": self.operation})


def _operation(workflow_ids: str | Sequence[str] | None, job: Mapping[str, Any] | None) -> tuple[str, dict[str, Node]]:
    if workflow_ids and job:
        raise InvalidArgumentError("Give workflow_ids (Type=Workflow) or job (Type=Job), not both.")
    if workflow_ids:
        return "Workflow", {"WorkflowIds": _workflow_ids(workflow_ids)}
    if not job:
        raise InvalidArgumentError("Give workflow_ids (Type=Workflow) or job (Type=Job): neither is there.")
    if not isinstance(job, Mapping):
        raise InvalidArgumentError(
            f"job must be a mapping of the nodes of Operation, such as Tag and JobParam, not {job!r}."
        )
    check_operation(job)
    return "Job", dict(job)


def _workflow_ids(workflow_ids: str | Sequence[str]) -> str:
    is_several = isinstance(workflow_ids, Sequence) and not isinstance(workflow_ids, str | bytes)
    ids = [text_argument("workflow_ids", one) for one in (workflow_ids if is_several else [workflow_ids])]
    if not all(one.strip() for one in ids):
        raise InvalidArgumentError(f"workflow_ids={workflow_ids!r} must be an id or a list of ids, none empty.")
    # Commas between several ids are seen in a comment of the Java SDK, not documented (docs/service.md, 2.3).
    return ",".join(one.strip() for one in ids)


def _input(given: Mapping[str, str | None]) -> dict[str, Node]:
    chosen = {argument: value for argument, value in given.items() if value is not None and value != ""}
    if len(chosen) != 1:
        empty = [argument for argument, value in given.items() if value == ""]
        missing = f"{' and '.join(empty)} is empty" if empty else "none is there"
        found = f"{' and '.join(chosen)} are there" if chosen else missing
        raise InvalidArgumentError(f"Give exactly one of prefix, manifest, url_file, object_key: {found}.")
    [(argument, value)] = chosen.items()
    return {_INPUT_NODES[argument]: text_argument(argument, value)}
