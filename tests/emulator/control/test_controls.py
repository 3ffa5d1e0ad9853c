from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.http.server import _is_loopback
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.protocol.http_messages import WireRequest
from tests.emulator.wire import HOST, JOBS, KEYS, call, control, create, exchange, request_body


def test_a_new_emulator_is_ready_to_be_used():
    with Emulator(objects=3, run_seconds=20) as emulator:
        assert emulator.url == f"http://127.0.0.1:{emulator.port}"
        job_id = create(emulator)
        emulator.advance(30)
        assert [job.state for job in emulator.jobs] == ["Success"]
        assert [file.key for file in emulator.files(job_id)] == [f"media/000{n}.mp4" for n in (1, 2, 3)]


def test_the_connection_leads_to_the_emulator(emulator):
    connection = json.loads(emulator.connection_json())
    assert connection == {
        "conn_type": "tencent_ci",
        "login": defaults.SECRET_ID,
        "password": defaults.SECRET_KEY,
        "extra": {"region": "ap-beijing", "bucket": "examplebucket-1250000000", "endpoint_url": emulator.url},
    }
    uri = urlsplit(emulator.connection_uri())
    assert (uri.scheme, uri.username, uri.password) == ("tencent-ci", defaults.SECRET_ID, defaults.SECRET_KEY)
    assert dict(parse_qsl(uri.query)) == connection["extra"]


def test_a_reset_leaves_nothing_behind(emulator):
    create(emulator)
    emulator.add_bucket("second-1250000000")
    emulator.add_objects("more.mp4")
    emulator.add_key("AKIDOTHER", "s")
    emulator.configure(run_seconds=1)
    emulator.inject("reset", times=None)
    emulator.advance(1000)
    emulator.reset()
    state = emulator.state()
    assert (state["jobs"], state["requests"], state["faults"], state["ahead_seconds"]) == ([], {}, [], 0)
    assert [(bucket["name"], bucket["objects"]) for bucket in state["buckets"]] == [(defaults.BUCKET, 8)]
    assert state["behaviour"]["run_seconds"] == 5
    assert call(emulator, "GET", JOBS, keys=Credentials("AKIDOTHER", "s")).status == 401


def test_a_bucket_may_have_switches_of_its_own(emulator):
    emulator.add_bucket("second-1250000000", "ap-shanghai")
    emulator.configure(bucket="second-1250000000", outcome="fail")
    host = {"host": "second-1250000000.ci.ap-shanghai.myqcloud.com"}
    create(emulator)
    call(emulator, "POST", JOBS, body=request_body(), headers=host)
    emulator.advance(60)
    assert [(job.bucket, job.state) for job in emulator.jobs] == [
        (defaults.BUCKET, "Success"),
        ("second-1250000000", "Failed"),
    ]


@pytest.mark.parametrize(("end", "state"), [("finish", "Success"), ("fail", "Failed"), ("cancel", "Cancel")])
def test_a_batch_is_ended_by_hand(emulator, end, state):
    job_id = create(emulator)
    getattr(emulator, f"{end}_job")(job_id)
    assert emulator.job(job_id).state == state
    emulator.fail_job(job_id)
    assert emulator.job(job_id).state == state, "what has ended has ended"


def test_a_batch_is_forgotten(emulator):
    job_id = create(emulator)
    emulator.advance(60)
    emulator.forget_job(job_id)
    assert emulator.jobs == []
    assert call(emulator, "GET", f"{JOBS}/{job_id}").text("NonExistJobIds") == job_id


def test_a_paused_queue_is_resumed(emulator):
    emulator.pause_queue()
    job_id = create(emulator)
    emulator.advance(100)
    assert emulator.job(job_id).state == "Pause"
    emulator.resume_queue()
    emulator.advance(100)
    assert emulator.job(job_id).state == "Success"


@pytest.mark.parametrize("look", ["job", "files", "fail_job", "bucket"])
def test_what_does_not_exist_is_named(emulator, look):
    with pytest.raises(ValueError, match="no (batch|bucket) 'none'"):
        getattr(emulator, look)("none")


def test_the_clock_is_not_put_back(emulator):
    with pytest.raises(ValueError, match="cannot be put back"):
        emulator.advance(-1)


def test_time_may_come_from_elsewhere():
    noon = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)
    emulator = Emulator(now=lambda: noon)
    emulator.advance(60)
    assert emulator.now() == noon + timedelta(minutes=1)


def test_errors_inside_the_emulator_are_raised_when_it_stops():
    emulator = Emulator().start()
    emulator.bucket().queues.clear()  # an emulator that is broken
    assert exchange_create(emulator) == 500
    with pytest.raises(StopIteration):
        emulator.stop()
    emulator.stop()


def test_an_error_of_the_test_is_not_hidden_by_one_of_the_emulator():
    def broken_test() -> None:
        with Emulator() as emulator:
            emulator.bucket().queues.clear()
            exchange_create(emulator)
            raise KeyError("the test's own")

    with pytest.raises(KeyError) as caught:
        broken_test()
    assert any("The emulator failed, too" in note for note in caught.value.__notes__)


def exchange_create(emulator: Emulator) -> int:
    return call(emulator, "POST", JOBS, body=request_body()).status


def test_an_emulator_starts_again_after_it_was_stopped():
    emulator = Emulator()
    for _ in range(2):
        with emulator:
            create(emulator)
        with pytest.raises(RuntimeError, match="not running"):
            emulator.url  # noqa: B018 - looks for the port
    assert len(emulator.jobs) == 2


def test_an_emulator_is_not_started_twice(emulator):
    with pytest.raises(RuntimeError, match="running already"):
        emulator.start()


def test_an_address_in_use_is_an_os_error(emulator):
    with pytest.raises(OSError, match="in use"):
        Emulator(port=emulator.port).start()


def test_many_threads_may_use_it_at_once(emulator):
    threads = [threading.Thread(target=lambda: [create(emulator) for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job.job_id for job in emulator.jobs}) == emulator.count("create") == 40


def test_requests_are_recorded_with_what_became_of_them(emulator):
    create(emulator)
    call(emulator, "GET", JOBS, [("name", "a b")])
    call(emulator, "GET", "/nowhere")
    call(emulator, "GET", JOBS, keys=Credentials("AKIDNOBODY", KEYS.secret_key))
    assert [(r.operation, r.method, r.path, r.query, r.status) for r in emulator.requests] == [
        ("create", "POST", JOBS, "", 200),
        ("list", "GET", JOBS, "name=a%20b", 200),
        ("unknown", "GET", "/nowhere", "", 404),
        ("list", "GET", JOBS, "", 401),
    ]
    assert emulator.requests[0].host == HOST
    assert emulator.requests[0].body == request_body()
    assert (emulator.count(), emulator.count("list"), emulator.count("create")) == (4, 2, 1)


def test_the_control_api_does_what_the_python_api_does(emulator):
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
def test_the_control_api_refuses_what_it_does_not_understand(emulator, method, name, fields, status):
    code, answer = control(emulator, method, name, **fields)
    assert code == status
    assert answer["error"]


@pytest.mark.parametrize("body", [b"[]", b"{"])
def test_the_control_api_takes_json_objects_only(emulator, body):
    headers = {"host": "localhost", "content-length": str(len(body))}
    assert exchange(emulator, "POST", "/_emulator/reset", headers, body).status == 400


def test_requests_of_the_control_api_are_not_counted(emulator):
    control(emulator, "GET", "state")
    assert emulator.requests == []


@pytest.mark.parametrize(
    ("address", "is_near"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("10.0.0.1", False), (None, False)],
)
def test_the_control_api_is_for_this_machine(address, is_near):
    assert _is_loopback(address) is is_near


def test_the_query_of_a_request_is_read_as_the_service_reads_it():
    request = WireRequest("GET", "/a%20b+c?k=a+b%2B&cancel&empty=&%E5%A4%9C=%E5%A4%9C", {})
    assert request.path == "/a b+c"
    assert request.parameters == (("k", "a b+"), ("cancel", ""), ("empty", ""), ("夜", "夜"))
