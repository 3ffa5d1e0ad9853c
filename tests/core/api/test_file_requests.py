"""The readers of a batch's files."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api import file_requests
from airflow_provider_tencent_ci.core.api.failure_reason import read_failed_task
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError
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


PAGES = [
    ("/workflowexecution", file_requests.read_executions, file_requests.read_execution_states, "WorkflowExecutionList"),
    ("/jobs", file_requests.read_child_jobs, file_requests.read_child_job_states, "JobsDetail"),
]
NODES = ["RunId", "JobId", "State", "CreateTime", "CreationTime", "Object", "Other"]
TEXTS = [
    "i1",
    "i2",
    " Success ",
    "Failed",
    "Unheard",
    "-",
    "",
    "2026-01-02T11:04:05+08:00",
    "2026-01-02T11:04:05.5+0800",
]


@pytest.mark.parametrize(("path", "read", "read_states", "name"), PAGES)
@given(st.lists(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(TEXTS)), max_size=8), max_size=5))
def test_a_count_reads_the_same_files_and_states_as_a_list(path, read, read_states, name, entries):
    inner = "".join(
        f"<{name}>{''.join(f'<{node}>{text}</{node}>' for node, text in entry)}</{name}>" for entry in entries
    )
    answer = respond(f"<Response>{inner}<NextToken> t </NextToken></Response>")
    page, states = read(answer), read_states(answer)
    times = [getattr(one, "created_at", None) or getattr(one, "create_time", None) for one in page.items]
    assert [(one.run_id, one.state, one.created_at) for one in states.items] == [
        (one.run_id, one.state, time) for one, time in zip(page.items, times, strict=True)
    ]
    assert states.next_token == page.next_token


@pytest.mark.parametrize(("path", "read", "read_states", "name"), PAGES)
@pytest.mark.parametrize("body", ["", "<Other/>", "<Response><", "<!DOCTYPE a><Response/>"])
def test_a_count_refuses_what_a_list_refuses(path, read, read_states, name, body):
    for reader in (read, read_states):
        with pytest.raises(UnreadableResponseError):
            reader(respond(body))
