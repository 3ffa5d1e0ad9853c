"""The settings of a run: the required ones, and those of further questions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from airflow_provider_tencent_ci.core.api.operation_checks import check_operation
from airflow_provider_tencent_ci.core.api.put_object import check_object_key
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from tests.live.failures import Unprepared

CONNECTION_VARIABLE = "AIRFLOW_CONN_TENCENT_CI_DEFAULT"
TEMPORARY_CONNECTION_VARIABLE = "AIRFLOW_CONN_TENCENT_CI_TEMPORARY"

# Variable and meaning of each setting; the first two are required.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "workflow_id": ("TENCENT_CI_WORKFLOW_ID", "an active workflow of the bucket, the cheapest there is"),
    "object_key": ("TENCENT_CI_OBJECT_KEY", "the key of one small object that it can process; no other key begins so"),
    "second_workflow_id": ("TENCENT_CI_SECOND_WORKFLOW_ID", "another active workflow, to name two in one job"),
    "paused_workflow_id": ("TENCENT_CI_PAUSED_WORKFLOW_ID", "a workflow that is paused"),
    "failing_object_key": ("TENCENT_CI_FAILING_OBJECT_KEY", "the key of an object that the workflow cannot process"),
    "list_key": ("TENCENT_CI_LIST_KEY", "a key without an object, under which a list may be written, which stays"),
    "control_prefix": (
        "TENCENT_CI_CONTROL_PREFIX",
        "a prefix without objects, below which one with a control character in its key may be written, which stays",
    ),
    "job": ("TENCENT_CI_JOB", 'the Operation of a job of Type=Job as JSON, such as {"Tag": "MediaInfo", ...}'),
    "notification_url": (
        "TENCENT_CI_NOTIFICATION_URL",
        "a URL of yours that callbacks may go to; needs TENCENT_CI_JOB",
    ),
}
_REQUIRED = ("workflow_id", "object_key")
_SHORTEST_OF_A_JOB = 8
_ID = re.compile("[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """
    The settings from the environment. An empty text counts as "not given".

    :param job: the nodes of ``Operation``, or nothing.
    :param wait_seconds: the longest duration of one job before its question is skipped.
    :param end_seconds: how long to cancel and poll at the end until all jobs have ended.
    :param poll_seconds: the poll interval of a job.
    :param clock_margin_seconds: how far the service's clock may be behind this machine's.
    """

    workflow_id: str
    object_key: str
    second_workflow_id: str = ""
    paused_workflow_id: str = ""
    failing_object_key: str = ""
    list_key: str = ""
    control_prefix: str = ""
    job: Mapping[str, Any] | None = None
    notification_url: str = ""
    wait_seconds: float = 900.0
    end_seconds: float = 300.0
    poll_seconds: float = 3.0
    clock_margin_seconds: float = 120.0

    @classmethod
    def read(cls, environment: Mapping[str, str], **limits: float) -> Settings:
        """
        Read the variables.

        :raises Unprepared: one is missing or invalid; the error names all of them.
        """
        given = {name: environment.get(variable, "").strip() for name, (variable, _) in VARIABLES.items()}
        missing = [f"  {VARIABLES[name][0]}: {VARIABLES[name][1]}" for name in _REQUIRED if not given[name]]
        if missing:
            raise Unprepared("\n".join(["Missing in the environment:", *missing]))
        for name, value in given.items():
            _check(name, value)
        texts = {name: value for name, value in given.items() if name != "job"}
        return cls(**texts, job=_read_job(given["job"]), **limits)  # type: ignore[arg-type]

    def lacks(self, name: str) -> str:
        """Return the missing settings of a question that needs ``name``; empty if it is set."""
        if not name or getattr(self, name):
            return ""
        variable, meaning = VARIABLES[name]
        return f"needs {variable} ({meaning})"

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield the account's names that are no secrets, with their replacements in a report."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in VARIABLES and isinstance(value, str) and value:
                yield value, f"[{field.name}]"
        yield from _leaves(self.job or {}, "job")


def _check(name: str, value: str) -> None:
    """Refuse a value that the service would not read as one id or one key."""
    variable = VARIABLES[name][0]
    if name.endswith("workflow_id") and value and not _ID.fullmatch(value):
        raise Unprepared(f"{variable}={value!r} is not the id of a workflow.")
    if name.endswith(("_key", "_prefix")) and value:
        try:
            check_object_key(value)
        except InvalidArgumentError as error:
            raise Unprepared(f"{variable}: {error}") from None


def _read_job(text: str) -> Mapping[str, Any] | None:
    if not text:
        return None
    variable = VARIABLES["job"][0]
    try:
        job = json.loads(text)
    except ValueError:
        raise Unprepared(f"{variable} is no JSON.") from None
    try:
        check_operation(job if isinstance(job, dict) else {})
    except InvalidArgumentError as error:
        raise Unprepared(f"{variable}: {error}") from None
    return job


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Yield the longer texts of a job: its outputs, users' data and addresses are private."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name != "Tag":
                yield from _leaves(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    elif isinstance(value, str) and len(value) >= _SHORTEST_OF_A_JOB:
        yield value, f"[{path}]"
