"""Flows that run ahead, against the emulator."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_ID, SECRET_KEY
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport
from airflow_provider_tencent_ci.transport.prefetch import Ahead
from tests.transport.conftest import configuration


def look():
    return job_calls.list_jobs_page(JobFilter())


@dataclass
class RenewedKeys:
    """Keys that are due once."""

    renewed_by: list[threading.Thread] = field(default_factory=list)

    def current(self, _clock):
        if not self.renewed_by:
            self.renewed_by.append(threading.current_thread())
        return Credentials(SECRET_ID, SECRET_KEY)

    def discard(self, _used, _now):
        return False


class NoKeys(RenewedKeys):
    def current(self, _clock):
        raise e.CredentialsError("There are no keys.", may_pass=False)


@pytest.fixture
def transport(config, clock):
    with BlockingTransport(config, now=clock.now, sleep=clock.sleep) as transport:
        yield transport


def test_flows_run_in_another_thread_one_after_the_other(emulator, transport):
    ran_in = []

    def flow(result):
        ran_in.append(threading.current_thread())
        yield from look()
        return result

    with Ahead(transport) as ahead:
        for number in range(3):
            ahead.start(flow(number))
            assert ahead.result() == number
    assert len(emulator.requests) == 3
    assert threading.current_thread() not in ran_in


def test_there_is_no_result_of_nothing(transport):
    with Ahead(transport) as ahead, pytest.raises(RuntimeError, match="No flow was started"):
        ahead.result()


def test_keys_are_renewed_by_the_caller_who_may_speak_to_airflow(emulator):
    keys = RenewedKeys()
    with BlockingTransport(configuration(emulator.url, credentials=keys)) as transport, Ahead(transport) as ahead:
        ahead.start(look())
        assert ahead.result().items == ()
    assert keys.renewed_by == [threading.current_thread()]


def test_that_there_are_no_keys_is_said_when_the_result_is_asked_for(emulator):
    with BlockingTransport(configuration(emulator.url, credentials=NoKeys())) as transport, Ahead(transport) as ahead:
        ahead.start(look())
        with pytest.raises(e.CredentialsError, match="no keys"):
            ahead.result()
    assert emulator.requests == []


def test_what_was_learned_of_the_service_s_time_is_known_to_both(emulator, transport, clock):
    clock.ahead_seconds = 86_400
    transport.run(look())
    with Ahead(transport) as ahead:
        ahead.start(look())
        ahead.result()
    assert [request.status for request in emulator.requests] == [401, 200, 200]
