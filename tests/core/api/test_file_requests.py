"""The readers of a batch's files."""

from __future__ import annotations

from itertools import permutations

import pytest

from airflow_provider_tencent_ci.core.api.file_requests import read_failed_task
from tests.core.script import respond


def task(name, end, state="Failed"):
    return (
        f"<Tasks><Type>{name}</Type><Name>{name}_1</Name><State>{state}</State><Code>{name}Failed</Code>"
        f"<Message>m</Message><EndTime>{end}</EndTime></Tasks>"
    )


TASKS = [
    task("Transcode", "2022-08-09T14:54:39+08:00"),
    task("Snapshot", "2022-08-09T06:54:42+00:00"),
    task("Waiting", "-"),
    task("Start", "2022-08-09T14:54:00+08:00", "Success"),
]


@pytest.mark.parametrize("tasks", list(permutations(TASKS)))
def test_the_reason_is_the_node_that_failed_first(tasks):
    """A node that depends on it fails later, and may be listed first."""
    detail = respond(f"<Response><WorkflowExecution>{''.join(tasks)}</WorkflowExecution></Response>")
    assert read_failed_task(detail) == ("Transcode_1", "TranscodeFailed", "m")


def test_without_times_the_first_one_counts():
    detail = respond(f"<Response><WorkflowExecution>{task('A', '-')}{task('B', '')}</WorkflowExecution></Response>")
    assert read_failed_task(detail)[0] == "A_1"
