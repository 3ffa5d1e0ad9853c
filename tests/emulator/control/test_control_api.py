from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from tests.emulator.wire import JOBS, call, control, create, exchange


def test_the_control_api_offers_the_functions_of_the_python_api(emulator):
    assert control(emulator, "GET", "health") == (200, {"status": "ok"})
    assert control(emulator, "POST", "buckets", name="second-1250000000", region="ap-shanghai")[0] == 200
    assert control(emulator, "POST", "objects", keys=["a", "b"], bucket="second-1250000000")[0] == 200
    assert control(emulator, "POST", "workflows", workflow_id="w2", nodes=["Snapshot", "Transcode"])[0] == 200
    assert control(emulator, "POST", "keys", secret_id="AKIDTWO", secret_key="two")[0] == 200
    assert control(emulator, "POST", "behaviour", run_seconds=7, failing_keys=["a"])[1]["run_seconds"] == 7
    assert control(emulator, "POST", "faults", kind="slow_down", operation="list")[0] == 200
    assert call(emulator, "GET", JOBS, keys=Credentials("AKIDTWO", "two")).status == 429
    create(emulator, operation="<WorkflowIds>w2</WorkflowIds>")
    assert control(emulator, "POST", "clock", advance_seconds=60)[0] == 200
    _, state = control(emulator, "GET", "state")
    assert state["requests"] == {"create": 1, "list": 1}
    assert state["faults"][0]["injected"] == 1
    assert state["jobs"][0]["state"] == "Success"
    assert state["jobs"][0]["files_by_state"] == {"Success": 8}
    assert {bucket["name"]: bucket["objects"] for bucket in state["buckets"]}["second-1250000000"] == 2
    _, requests = control(emulator, "GET", "requests")
    assert [request["status"] for request in requests] == [429, 200]
    assert control(emulator, "DELETE", "faults")[0] == 200
    assert emulator.faults == []
    assert control(emulator, "POST", "reset")[0] == 200
    assert emulator.jobs == []


def test_the_control_api_ends_batches_and_pauses_queues(emulator):
    assert control(emulator, "POST", "queue", paused=True)[0] == 200
    job_id = create(emulator)
    assert emulator.job(job_id).state == "Pause"
    assert control(emulator, "POST", "queue", paused=False)[0] == 200
    assert control(emulator, "POST", "jobs", job_id=job_id, end="fail", code="X", message="y")[0] == 200
    job = emulator.job(job_id)
    assert (job.state, job.code, job.message) == ("Failed", "X", "y")


@pytest.mark.parametrize(
    ("method", "name", "fields", "status"),
    [
        ("GET", "nothing", {}, 404),
        ("POST", "health", {}, 404),
        ("POST", "behaviour", {"run_second": 1}, 400),
        ("POST", "faults", {"kind": "earthquake"}, 400),
        ("POST", "faults", {}, 400),
        ("POST", "clock", {"advance_seconds": -1}, 400),
        ("POST", "jobs", {"job_id": "b404", "end": "fail"}, 400),
        ("POST", "keys", {"secret_id": "a", "secret_key": "b", "expires_at": "2026-01-01T00:00:00"}, 400),
        ("POST", "objects", {"keys": ["a"], "bucket": "none"}, 400),
    ],
)
def test_the_control_api_refuses_wrong_requests(emulator, method, name, fields, status):
    code, answer = control(emulator, method, name, **fields)
    assert code == status
    assert answer["error"]


@pytest.mark.parametrize("body", [b"[]", b"{"])
def test_the_control_api_accepts_json_objects_only(emulator, body):
    headers = {"host": "localhost", "content-length": str(len(body))}
    assert exchange(emulator, "POST", "/_emulator/reset", headers, body).status == 400


def test_requests_of_the_control_api_are_not_counted(emulator):
    control(emulator, "GET", "state")
    assert emulator.requests == []


def test_the_control_api_counts_requests(emulator):
    create(emulator)
    call(emulator, "GET", JOBS)
    call(emulator, "GET", JOBS)
    assert control(emulator, "GET", "counts") == (200, {"create": 1, "list": 2})
