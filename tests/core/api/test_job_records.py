from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api.file_requests import read_executions
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.job_requests import read_created, read_jobs
from airflow_provider_tencent_ci.core.wire.service_times import parse_time
from airflow_provider_tencent_ci.exceptions import JobCancelledError, JobFailedError, UnreadableResponseError
from tests.core.script import job_xml, page, respond
from tests.strategies import json_values, moments, text, with_other_values

DATA = Path(__file__).parents[2] / "data"

NODES = {
    "Code": "<Code>Success</Code>",
    "Message": "<Message/>",
    "Name": "<Name>demo</Name>",
    "JobId": "<JobId>b1</JobId>",
    "State": "<State>Running</State>",
    "EndTime": "<EndTime>-</EndTime>",
}


def test_the_example_of_the_list_document_is_parsed_completely():
    answer = read_jobs(respond((DATA / "list_document_example.xml").read_text("utf-8")))
    workflow, job = answer.items
    assert answer.next_token == "25"
    assert workflow == InventoryJob(
        job_id="b3deffea2f84911ec9cb15254008618d9",
        name="demo",
        type="Workflow",
        state=JobState.RUNNING,
        code="Success",
        message="",
        creation_time=datetime(2022, 6, 27, 7, 23, 10, tzinfo=UTC),
        start_time=None,
        end_time=None,
        input={"Prefix": "input"},
        operation={
            "TimeInterval": {"Start": "2022-02-01T12:00:00+0800", "End": "2022-05-01T12:00:00+0800"},
            "WorkflowIds": "w7476ff3564ee45b7b490d64bccaba6cc",
        },
    )
    assert job.type == "Job"
    assert job.start_time == datetime(2022, 6, 27, 7, 23, 11, tzinfo=UTC)
    assert job.end_time == datetime(2022, 6, 27, 7, 25, 10, tzinfo=UTC)
    assert not job.state.is_terminal, "a running job with an end time has not ended"
    assert job.operation == {
        "TimeInterval": {"Start": "2022-02-01T12:00:00+0800", "End": "2022-05-01T12:00:00+0800"},
        "QueueId": "p893bcda225bf4945a378da6662e81a89",
        "UserData": "this is my inventorytriggerjob",
        "CallBack": "https://www.callback.com",
        "JobParam": {"TemplateId": "t1460606b9752148c4ab182f55163ba7cd"},
        "Output": {
            "Region": "ap-chongqing",
            "Bucket": "test-1234567890",
            "Object": "output/${InventoryTriggerJobId}/out.mp4",
        },
        "JobLevel": "0",
    }


def test_the_example_of_the_create_document_is_parsed():
    job = read_created(respond((DATA / "create_document_example.xml").read_text("utf-8")))
    assert (job.job_id, job.name, job.state) == ("b3deffea2f84911ec9cb15254008618d9", "demo", JobState.RUNNING)


@pytest.mark.parametrize("order", [list(order) for order in permutations(NODES)][::40])
def test_nodes_may_come_in_any_order(order):
    [job] = read_jobs(page(f"<JobsDetail>{''.join(NODES[name] for name in order)}</JobsDetail>")).items
    assert job == InventoryJob(job_id="b1", name="demo", state=JobState.RUNNING, code="Success")


@pytest.mark.parametrize("missing", [name for name in NODES if name != "JobId"])
def test_each_node_but_the_id_may_be_missing(missing):
    nodes = "".join(text for name, text in NODES.items() if name != missing)
    [job] = read_jobs(page(f"<JobsDetail>{nodes}</JobsDetail>")).items
    assert job.job_id == "b1"


@pytest.mark.parametrize("time", ["-", "", None])
def test_an_unknown_time_is_none(time):
    nodes = {} if time is None else {"StartTime": time, "EndTime": time, "CreationTime": time}
    detail = job_xml("b1", **nodes) if nodes else "<JobsDetail><JobId>b1</JobId></JobsDetail>"
    [job] = read_jobs(page(detail)).items
    assert (job.creation_time, job.start_time, job.end_time) == (None, None, None)


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_a_page_holds_any_number_of_jobs(count):
    answer = read_jobs(page(*(job_xml(f"b{n}") for n in range(count)), next_token=""))
    assert [job.job_id for job in answer.items] == [f"b{n}" for n in range(count)]
    assert answer.next_token == ""


def test_a_record_without_an_id_is_not_a_job():
    assert read_jobs(page("<JobsDetail><State>Running</State></JobsDetail>")).items == ()


@pytest.mark.parametrize(
    "body", ["<Response/>", "<Response><JobsDetail/></Response>", f"<Response>{job_xml() * 2}</Response>"]
)
def test_a_create_answer_without_exactly_one_id_is_unreadable(body):
    with pytest.raises(UnreadableResponseError, match="no JobId"):
        read_created(respond(body))


@pytest.mark.parametrize(
    ("word", "terminal", "known"),
    [
        ("Submitted", False, True),
        ("Running", False, True),
        ("Pause", False, True),
        ("Success", True, True),
        ("Failed", True, True),
        ("Cancel", True, True),
        ("Cancelled", False, False),
        ("success", False, False),
        ("", False, False),
    ],
)
def test_only_three_states_are_final_and_an_unknown_one_is_not(word, terminal, known):
    state = JobState(word)
    assert (state.is_terminal, state.is_known, state.value) == (terminal, known, word)
    assert JobState(word) == state


def test_a_record_survives_json():
    [job, other] = read_jobs(respond((DATA / "list_document_example.xml").read_text("utf-8"))).items
    for each in (job, other, InventoryJob("b1", state=JobState("Archived"))):
        assert InventoryJob.from_dict(json.loads(json.dumps(each.to_dict()))) == each


def test_a_record_uses_the_service_s_node_names():
    assert list(InventoryJob("b1").to_dict()) == [
        *("JobId", "Name", "Type", "State", "Code", "Message", "CreationTime", "StartTime", "EndTime"),
        *("Input", "Operation"),
    ]


def test_a_record_with_wrong_types_counts_as_unknown():
    record = {"JobId": "b1", "Name": 3, "State": None, "CreationTime": ["x"], "Input": "text"}
    assert InventoryJob.from_dict(record) == InventoryJob("b1", state=JobState(""))


times = st.none() | moments.map(str).map(parse_time).filter(
    lambda moment: moment is None or not (moment.microsecond or moment.utcoffset() % timedelta(minutes=1))
)
nodes = st.dictionaries(
    text, st.recursive(text, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=3), max_size=2
)
jobs = st.builds(
    InventoryJob,
    text,
    name=text,
    type=text.filter(bool),
    state=st.sampled_from(JobState) | text.map(JobState),
    code=text,
    message=text,
    creation_time=times,
    start_time=times,
    end_time=times,
    input=nodes,
    operation=nodes,
)


@given(jobs)
def test_every_record_survives_json(job):
    assert InventoryJob.from_dict(json.loads(json.dumps(job.to_dict()))) == job


@given(st.dictionaries(text, json_values) | with_other_values(InventoryJob("b1").to_dict()))
def test_any_parsed_record_can_be_written_again(record):
    job = InventoryJob.from_dict(json.loads(json.dumps(record)))
    assert InventoryJob.from_dict(json.loads(json.dumps(job.to_dict()))) == job


def test_executions_are_parsed_with_either_name_of_their_time():
    entry = (
        "<WorkflowExecutionList><RunId>i{n}</RunId><{t}>2022-06-27T15:23:12+08:00</{t}>{rest}</WorkflowExecutionList>"
    )
    body = entry.format(
        n=1, t="CreateTime", rest="<Object>a.mp4</Object><State>Failed</State><WorkflowId>w1</WorkflowId>"
    )
    body += entry.format(n=2, t="CreationTime", rest="") + "<WorkflowExecutionList/>"
    first, second = read_executions(respond(f"<Response>{body}<NextToken>2</NextToken></Response>")).items
    assert (first.run_id, first.workflow_id, first.object_key, first.state) == ("i1", "w1", "a.mp4", JobState.FAILED)
    assert first.create_time == second.create_time == datetime(2022, 6, 27, 7, 23, 12, tzinfo=UTC)


def test_raise_for_state_returns_a_job_that_succeeded():
    job = InventoryJob("b1", state=JobState.SUCCESS)
    assert job.raise_for_state() is job


@pytest.mark.parametrize(
    ("word", "error", "text"),
    [
        (JobState.FAILED, JobFailedError, r"b1 \(nightly\) failed: InvalidArgument: no such workflow"),
        (JobState.CANCEL, JobCancelledError, r"b1 \(nightly\) was cancelled"),
    ],
)
def test_raise_for_state_raises_with_the_service_s_own_words(word, error, text):
    job = InventoryJob("b1", "nightly", state=word, code="InvalidArgument", message="no such workflow")
    with pytest.raises(error, match=text) as caught:
        job.raise_for_state()
    assert caught.value.job is job
