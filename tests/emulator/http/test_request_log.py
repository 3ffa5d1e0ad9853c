from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator.http.request_log import MAX_BODY_BYTES, RecordedRequest, RequestLog
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import HOST, JOBS, KEYS, call, create, exchange, request_body, signed_headers


def test_requests_are_recorded_with_their_status(emulator):
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


def record(number: int, body_bytes: int = 0) -> RecordedRequest:
    return RecordedRequest(
        operation="create",
        method="POST",
        path=f"/{number}",
        query="",
        host=HOST,
        at=datetime(2026, 1, 2, tzinfo=UTC),
        body=b"x" * body_bytes,
        fault=None,
    )


def paths(log: RequestLog) -> list[str]:
    return [found.path for found in log]


def test_the_oldest_record_is_dropped_beyond_the_limit():
    log = RequestLog(max_requests=3)
    for number in range(5):
        log.add(record(number))
    assert paths(log) == ["/2", "/3", "/4"]
    assert log.counts == {"create": 5}


def test_the_oldest_records_are_dropped_when_all_bodies_are_too_large():
    log = RequestLog(max_body_bytes=100)
    log.add(record(1, 60))
    log.add(record(2, 40))
    assert paths(log) == ["/1", "/2"]
    log.add(record(3, 30))
    assert paths(log) == ["/2", "/3"]
    log.add(record(4, 31))
    assert paths(log) == ["/3", "/4"]
    assert log.counts == {"create": 4}


@pytest.mark.parametrize("next_bytes", [0, 100])
def test_the_newest_record_is_kept_even_if_it_is_too_large(next_bytes):
    log = RequestLog(max_body_bytes=100)
    log.add(record(1, 50))
    log.add(record(2, 500))
    assert paths(log) == ["/2"]
    log.add(record(3, next_bytes))
    assert paths(log) == ["/3"]


def test_a_cleared_log_accepts_records_again():
    log = RequestLog(max_body_bytes=100)
    log.add(record(1, 100))
    log.clear()
    assert (paths(log), log.counts) == ([], {})
    log.add(record(2, 50))
    log.add(record(3, 50))
    assert paths(log) == ["/2", "/3"]


def test_many_uploads_are_counted_but_not_all_kept(emulator):
    host = f"{defaults.BUCKET}.cos.{defaults.REGION}.myqcloud.com"
    body = b"x" * (MAX_BODY_BYTES // 4 + 1)
    for _ in range(6):
        headers = signed_headers("PUT", "/large.bin", headers={"host": host})
        sent = exchange(emulator, "PUT", "/large.bin", headers | {"content-length": str(len(body))}, body)
        assert sent.status == 200
    assert (len(emulator.requests), emulator.count("put_object")) == (3, 6)
    assert [found.status for found in emulator.requests] == [200] * 3
