"""The hook against the emulator."""

from __future__ import annotations

import json
import time

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_ID, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks import tencent_ci
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.transport.servers import RawServer


@pytest.fixture
def emulator(monkeypatch):
    with Emulator() as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


@pytest.fixture
def hook(emulator):
    with TencentCIHook() as hook:
        yield hook


def submit(hook, name="nightly", **arguments):
    arguments = {"workflow_ids": WORKFLOW_ID, "prefix": "media/", **arguments}
    return hook.trigger_inventory_job(name=name, **arguments)


def reconnect(monkeypatch, emulator, extra=None, **fields):
    connection = emulator.connection()
    connection.update(fields)
    connection["extra"].update(extra or {})
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
    return TencentCIHook()


def test_a_constructor_reads_nothing():
    TencentCIHook("there_is_no_such_connection")


def test_a_job_is_submitted_once(emulator, hook):
    job = submit(hook)
    assert (job.name, job.type, job.input) == ("nightly", "Workflow", {"Prefix": "media/"})
    assert emulator.count("create") == len(emulator.requests) == 1


def test_the_hook_sends_the_examples_of_the_documents(emulator, hook):
    interval = {"start_time": "2022-02-01T12:00:00+0800", "end_time": "2022-05-01T12:00:00+0800"}
    workflow = submit(hook, "demo", prefix="input", **interval)
    operation = {
        "Tag": "Transcode",
        "QueueId": "p00000000000000000000000000000001",
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
    job = submit(hook, "demo", workflow_ids=None, job=operation, prefix="input", **interval)
    expected = {"Start": interval["start_time"], "End": interval["end_time"]}
    assert workflow.operation == {"TimeInterval": expected, "WorkflowIds": WORKFLOW_ID}
    assert (job.type, job.operation) == ("Job", {"TimeInterval": expected, **operation})
    assert {each.job_id for each in hook.list_inventory_jobs(name="demo")} == {workflow.job_id, job.job_id}


@pytest.mark.parametrize("style", [{"end_of_list": "absent"}, {"end_of_list": "empty"}, {"end_of_list": "extra_page"},
                                   {"short_pages": True}, {"shuffle_nodes": True}])  # fmt: skip
def test_all_pages_are_listed_in_every_style_of_paging(emulator, hook, style):
    emulator.configure(**style)
    made = {submit(hook, f"job-{number}").job_id for number in range(7)}
    assert [job.job_id in made for job in hook.list_inventory_jobs(page_size=3)] == [True] * 7


def test_a_list_ends_when_its_token_repeats(emulator, hook):
    emulator.configure(repeat_token=True)
    made = [submit(hook, f"job-{number}").job_id for number in range(3)]
    assert {job.job_id for job in hook.list_inventory_jobs(page_size=3)} == set(made)


def test_pages_are_read_when_they_are_used(emulator, hook):
    for number in range(4):
        submit(hook, f"job-{number}")
    next(hook.list_inventory_jobs(page_size=2))
    assert emulator.count("list") == 1


def test_a_job_beyond_the_first_page_of_a_list_that_ignores_its_id_is_found_and_cancelled(emulator, hook):
    emulator.configure(run_seconds=3600)
    job = submit(hook, "the-oldest")
    for number in range(101):
        emulator.advance(1)
        submit(hook, f"younger-{number}")
    emulator.configure(job_id_filter="ignored")
    before = len(emulator.requests)
    assert hook.get_inventory_job(job.job_id).name == "the-oldest"
    assert len(emulator.requests) - before == 2
    with pytest.raises(e.NotFoundError):
        hook.get_inventory_job("b0123456789abcdef0123456789abcdef")
    hook.cancel_quietly(job.job_id)
    assert hook.get_inventory_job(job.job_id).state.value == "Cancel"


def test_every_filter_reaches_the_service(emulator, hook):
    first = submit(hook, "first")
    emulator.advance(60)
    second = submit(hook, "second")
    hook.cancel_inventory_job(second.job_id)

    def found(**criteria):
        return [job.name for job in hook.list_inventory_jobs(**criteria)]

    assert found() == ["second", "first"]
    assert found(order_by_time="Asc") == ["first", "second"]
    assert found(job_id=first.job_id) == ["first"]
    assert found(name="second") == ["second"]
    assert found(states=["Cancel"]) == ["second"]
    assert found(states="Submitted,Running,Success") == ["first"]
    assert found(job_type="Job") == []
    assert found(workflow_id=WORKFLOW_ID) == ["second", "first"]
    assert found(start_creation_time=second.creation_time) == ["second"]
    assert found(end_creation_time=first.creation_time) == ["first"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"job_type": "job"},
        {"order_by_time": "up"},
        {"page_size": 0},
        {"states": [7]},
        {"states": []},
        {"states": [""]},
        {"states": ""},
    ],
)
def test_a_wrong_filter_is_refused_by_the_call_before_any_request(emulator, hook, wrong):
    with pytest.raises(e.InvalidArgumentError, match=next(iter(wrong))):
        hook.list_inventory_jobs(**wrong)
    assert emulator.requests == []


def test_one_job_is_read(emulator, hook):
    job = submit(hook)
    assert hook.get_inventory_job(job.job_id).job_id == job.job_id


def test_a_cancelled_job_is_cancelled(emulator, hook):
    job = submit(hook)
    hook.cancel_inventory_job(job.job_id)
    assert hook.get_inventory_job(job.job_id).state == "Cancel"


def test_executions_of_a_job_are_listed(emulator, hook):
    job = submit(hook)
    emulator.advance(60)
    executions = list(hook.list_workflow_executions(WORKFLOW_ID, job_id=job.job_id, states=["Success"]))
    assert len(executions) == 8
    assert {one.workflow_id for one in executions} == {WORKFLOW_ID}
    assert all(one.object_key.startswith("media/") for one in executions)


def test_a_closed_hook_can_be_used_again(emulator, hook):
    submit(hook)
    hook.close()
    hook.close()
    submit(hook)
    assert emulator.count("create") == 2


@pytest.mark.parametrize("kind", ["internal_error", "reset", "truncated_xml"])
def test_a_submission_of_unknown_outcome_is_not_retried(emulator, hook, kind):
    emulator.inject(Fault(kind, operation="create", after_acting=True))
    with pytest.raises((e.ServiceUnavailableError, e.TransportError, e.UnreadableResponseError)):
        submit(hook)
    assert emulator.count("create") == len(emulator.jobs) == 1


def test_a_failed_cancel_is_logged_and_not_raised(emulator, hook, caplog):
    emulator.inject(Fault("error", operation="cancel", status=400, code="InvalidArgument"))
    with caplog.at_level("INFO"):
        hook.cancel_quietly("b0123456789abcdef0123456789abcdef")


def test_a_cancel_has_a_shorter_timeout_than_other_requests(emulator, monkeypatch):
    with reconnect(monkeypatch, emulator, {"request_timeout": 300}) as hook:
        job = submit(hook)
        emulator.inject(Fault("hang", operation="cancel", seconds=20))
        hook.cancel_quietly(job.job_id)
    assert emulator.count("cancel") == 2
    assert emulator.job(job.job_id).state == "Cancel"


def test_a_cancel_ends_in_time_for_any_behaviour_of_the_service(emulator, monkeypatch, caplog):
    assert tencent_ci._LONGEST_STOP_SECONDS < 5, "the time that Airflow gives to a killed task"
    monkeypatch.setattr(tencent_ci, "_LONGEST_STOP_SECONDS", 0.5)
    with RawServer(lambda connection, _head: server.drip(connection, b"HTTP/1.1 200 OK\r\n")) as server:
        with reconnect(monkeypatch, emulator, {"endpoint_url": server.url, "request_timeout": 300}) as hook:
            began_at = time.monotonic()
            hook.cancel_quietly("b0123456789abcdef0123456789abcdef")
        assert time.monotonic() - began_at < 60
        assert len(server.heads) == 1


def test_a_working_connection_passes_its_test(hook):
    worked, message = hook.test_connection()
    assert worked
    assert "examplebucket-1250000000 in ap-beijing" in message


def test_testing_the_connection_sends_one_request(emulator, hook):
    emulator.inject(Fault("internal_error"))
    assert hook.test_connection()[0] is False
    assert len(emulator.requests) == 1


@pytest.mark.parametrize(
    ("fields", "extra", "advice"),
    [
        ({"password": "wrong"}, {}, "Check SecretId and SecretKey"),
        ({"login": "AKIDUNKNOWN"}, {}, "Check SecretId and SecretKey"),
        ({}, {"bucket": "other-1250000000"}, "Check bucket (name-appid) and region"),
        ({}, {"region": "ap-shanghai"}, "Check bucket (name-appid) and region"),
        ({}, {"bucket": ""}, "bucket is missing"),
        ({}, {"region": "Beijing"}, "region='Beijing' is not a region"),
        ({"login": ""}, {}, "login is missing"),
        ({}, {"endpoint_url": "http://bucket.invalid"}, "Check the network, region and endpoint_url"),
        ({}, {"endpoint_url": "http://127.0.0.1:1"}, "Check the network, region and endpoint_url"),
    ],
)
def test_a_wrong_connection_fails_its_test_with_advice(emulator, monkeypatch, fields, extra, advice):
    worked, message = reconnect(monkeypatch, emulator, extra, **fields).test_connection()
    assert not worked
    assert advice in message
    assert "wrong" not in message
    # Airflow's form tests a connection under a random id.
    assert "onnection 'tencent_ci_default'" not in message


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (Fault("error", status=403, code="MediaBucketUnBinded"), "Bind the bucket to Cloud Infinite"),
        (Fault("error", status=400, code="CIRoleNotExist"), "CI_QCSRole"),
        (Fault("error", status=403, code="AccessDenied"), "Grant the key's user the CAM action"),
        (Fault("error", status=451, code="UnavailableForLegalReasons"), "arrears"),
        (Fault("expired_token"), "temporary key has expired"),
        (Fault("error", status=401, code="SignatureExpired"), "check the clock of this machine (NTP)"),
    ],
)
def test_a_refusal_contains_advice(emulator, hook, fault, advice):
    emulator.inject(fault)
    worked, message = hook.test_connection()
    assert not worked
    assert advice in message
    assert "request id" in message


@pytest.mark.parametrize("seconds", [-86400, 86400])
def test_a_wrong_clock_does_not_fail_the_test_of_a_connection(emulator, hook, seconds):
    emulator.inject(Fault("skewed_clock", seconds=seconds, times=None))
    assert hook.test_connection()[0]


def test_a_missing_permission_names_the_action(emulator, monkeypatch):
    emulator.add_key("AKIDLIMITED", "limited-key", actions=["ci:CreateInventoryTriggerJob"])
    worked, message = reconnect(monkeypatch, emulator, login="AKIDLIMITED", password="limited-key").test_connection()
    assert not worked
    assert "DescribeInventoryTriggerJobs" in message
    assert "CAM action" in message
    assert SECRET_ID not in message


@pytest.mark.parametrize("states", [5, True, [5], [None], [], "", [""], ["Failed", ""], b"Failed", 1.5])
@pytest.mark.parametrize(
    "ask",
    [
        lambda hook, states: hook.list_inventory_jobs(states=states),
        lambda hook, states: hook.list_workflow_executions("w1", states=states),
    ],
    ids=["jobs", "executions"],
)
def test_a_filter_that_names_no_state_is_refused_before_any_request(emulator, ask, states):
    with TencentCIHook() as hook, pytest.raises(e.InvalidArgumentError, match="states="):
        ask(hook, states)
    assert not emulator.requests


@pytest.mark.parametrize(
    "ask",
    [
        lambda hook, value: hook.list_workflow_executions(value),
        lambda hook, value: hook.list_workflows(ids=value),
        lambda hook, value: hook.list_workflows(name=value),
        lambda hook, value: hook.list_queues(ids=value),
        lambda hook, value: hook.list_queues(state=value),
    ],
)
@pytest.mark.parametrize("value", [1.5, True, object(), [None]])
def test_an_argument_that_is_no_text_is_refused_before_any_request(emulator, ask, value):
    with TencentCIHook() as hook, pytest.raises(e.InvalidArgumentError):
        ask(hook, value)
    assert not emulator.requests


@pytest.mark.parametrize("workflow_id", ["", None])
def test_executions_of_no_workflow_are_refused(emulator, workflow_id):
    with TencentCIHook() as hook, pytest.raises(e.InvalidArgumentError, match="workflow_id"):
        hook.list_workflow_executions(workflow_id)
