"""Counting a batch's files: all of them."""

from __future__ import annotations

import tracemalloc
from collections import deque
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.api.file_lists import file_lists_of, list_files_page
from airflow_provider_tencent_ci.core.api.file_records import FileFailure
from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from tests.core.files.records import CHILD_JOB, WORKFLOW_JOB, File, Files, in_seconds, script_of
from tests.core.script import START, Script, respond


@pytest.mark.parametrize("job", [WORKFLOW_JOB, CHILD_JOB], ids=["workflow", "job"])
def test_every_file_is_counted_by_its_state(job):
    service = Files(*in_seconds("Success", "Success", "Failed", "Cancel", "Running", "Submitted", "Unheard"))
    counts = script_of(service).run(count_files(job))
    assert (counts.succeeded, counts.failed, counts.cancelled, counts.running) == (2, 1, 1, 3)
    assert (counts.total, counts.done) == (7, 4)
    assert (counts.first_at, counts.last_at) == (START, START + timedelta(seconds=6))


def test_a_batch_without_files_counts_zero():
    assert script_of(Files()).run(count_files(WORKFLOW_JOB)) == FileCounts()


def test_the_files_of_several_workflows_are_added():
    service = Files(File(1, "Success"), File(2, "Failed", workflow_id="w2"), File(3, "Success", workflow_id="w3"))
    job = replace(WORKFLOW_JOB, operation={"WorkflowIds": "w1,w2"})
    counts = script_of(service).run(count_files(job))
    assert (counts.succeeded, counts.failed) == (1, 1)


@pytest.mark.parametrize(
    ("job", "path", "expected"),
    [
        (WORKFLOW_JOB, "/workflowexecution", {"workflowId": "w1", "jobId": "b1"}),
        (CHILD_JOB, "/jobs", {"inventoryTriggerJobId": "b1", "tag": "Transcode", "queueId": "p1"}),
        (replace(CHILD_JOB, operation={"Tag": "PicProcess"}), "/pic_jobs", {"tag": "PicProcess"}),
    ],
)
def test_each_kind_of_batch_is_counted_from_its_own_list(job, path, expected):
    service = Files()
    script_of(service).run(count_files(job))
    [request] = service.requests
    assert request.path == path
    assert dict(request.query).items() >= {**expected, "orderByTime": "Asc", "size": "100"}.items()


def test_an_object_may_be_written_as_its_url():
    xml = (
        "<Response><WorkflowExecutionList><RunId>i1</RunId><State>Failed</State><CreateTime>-</CreateTime>"
        "<Object>https://b-1.cos.ap-beijing.myqcloud.com/media/%E5%A4%9C%20a.mp4</Object></WorkflowExecutionList></Response>"
    )
    [files] = file_lists_of(WORKFLOW_JOB)
    [run] = Script([respond(xml)]).run(list_files_page(files, "")).items
    assert run.key == "media/夜 a.mp4"


def explain(job, answer=None):
    service = Files(File(1, "Failed"))
    [files] = file_lists_of(job)
    [run] = script_of(service).run(list_files_page(files, "", states="Failed")).items
    script = Script([answer] if answer else [])
    return script.run(files.explain(run)), script.requests


def test_the_reason_of_a_failed_execution_is_read_from_its_failed_node():
    answer = respond(
        "<Response><WorkflowExecution><Tasks><Name>Snapshot_1</Name><State>Success</State></Tasks>"
        "<Tasks><Type>Transcode</Type><Name>Transcode_1</Name><State>Failed</State><Code>BadStream</Code>"
        "<Message>no video</Message></Tasks></WorkflowExecution></Response>"
    )
    failed, [request] = explain(WORKFLOW_JOB, answer)
    assert failed == FileFailure("media/1.mp4", "Transcode_1", "BadStream", "no video", "i1")
    assert request.path == "/workflowexecution/i1"


def test_an_execution_may_have_no_reason():
    failed, _ = explain(WORKFLOW_JOB, respond("<Response><WorkflowExecution/></Response>"))
    assert failed == FileFailure("media/1.mp4", "", "", "", "i1")


def test_the_reason_of_a_failed_child_job_is_read_from_the_list():
    failed, requests = explain(CHILD_JOB)
    assert (failed, requests) == (FileFailure("media/1.mp4", "Transcode", "Broken", "no stream", "j1"), [])


def peak_bytes(number):
    service = Files(*in_seconds(*["Success", "Failed"] * (number // 2)), size=100)
    service.requests = deque(maxlen=1)
    script = script_of(service)
    script.requests = deque(maxlen=1)
    tracemalloc.start()
    try:
        assert script.run(count_files(WORKFLOW_JOB)).total == number
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_counting_uses_the_same_memory_for_many_files_as_for_few():
    assert peak_bytes(30_000) < peak_bytes(15_000) + 500_000
