"""One of many jobs has a malformed record: no wait ends because of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.polling.earlier_durations import DurationHistory
from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitStatus, wait_for_job
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint, ServiceConfig
from airflow_provider_tencent_ci.core.wire.service_times import format_time, parse_time
from airflow_provider_tencent_ci.triggerer import shared_poller
from airflow_provider_tencent_ci.waiting.wait_log import WaitLog
from tests.core.script import START, Script, failure, page
from tests.strategies import elements, xml_text

HOUR = timedelta(hours=1)
ORDINARY = ["b1", "b2", "b3", "b4"]

_words = st.sampled_from(["", "-", "job", "Archive", "workflow", "Workflow", "Job"]) | xml_text.map(
    lambda text: text[:9]
)
_times = st.sampled_from(
    ["", "-", "noon", "0001-01-02T00:00:00+0000", "9999-12-30T00:00:00+0000", "2022-06-27 15:23:10", "1"]
)
_operations = st.sampled_from(["<Tag>Transcode</Tag>", "<WorkflowIds>w1</WorkflowIds>", "<Tag><a/></Tag>"]) | elements
odd_records = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("Name", "Type", "Code", "Message"), _words.map(lambda word: word.replace("<", "").replace("&", ""))
        ),
        "State": st.sampled_from(["", "running", "Archived", "Running", "Pause"]),
        **dict.fromkeys(("CreationTime", "StartTime", "EndTime"), _times),
        **dict.fromkeys(("Input", "Operation"), _operations),
    },
)


class Service:
    """Jobs that run for two hours; the last one with the record given. It refuses a time before 1970."""

    def __init__(self, odd):
        ordinary = {"Type": "Workflow", "CreationTime": format_time(START - HOUR), "State": "Running"}
        self.records = {**dict.fromkeys(ORDINARY, ordinary), "b9": odd}
        self.script = Script([self], forever=True)

    def __call__(self, request):
        query = dict(request.query)
        if query.get("startCreationTime", "9") < "1970" or query.get("type", "Job") not in ("Job", "Workflow"):
            return failure(400, "InvalidArgument")
        records = {job_id: self._now(record) for job_id, record in self.records.items()}
        if job_id := query.get("jobId"):
            return page(_xml(job_id, records[job_id]))
        states = query["states"].split(",")
        since = parse_time(query.get("startCreationTime"))
        shown = {job_id: record for job_id, record in records.items() if record.get("State") in states}
        return page(*(_xml(job_id, record) for job_id, record in shown.items() if _is_from(record, since)))

    def _now(self, record):
        return {**record, "State": "Success"} if self.script.now >= START + 2 * HOUR else record


def _xml(job_id, record):
    return f"<JobsDetail><JobId>{job_id}</JobId>{''.join(f'<{k}>{v}</{k}>' for k, v in record.items())}</JobsDetail>"


def _is_from(record, since):
    created_at = parse_time(record.get("CreationTime"))
    return since is None or (created_at is not None and created_at >= since)


class Transport:
    """The poller's transport to the scripted service, with the script's time."""

    def __init__(self, service):
        self._script = service.script

    def __call__(self, _config):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_error):
        pass

    def now(self):
        return self._script.now

    service_time = now

    async def sleep(self, seconds):
        for _ in range(3):  # waits that have just got a result end
            await asyncio.sleep(0)
        self._script.now += timedelta(seconds=seconds)

    async def run(self, flow):
        return self._script.run(flow)


class Log:
    def __init__(self):
        self.warnings = []

    def info(self, *_arguments):
        pass

    def warning(self, text, *arguments):
        self.warnings.append(text % arguments)


def new_wait(job_id, log=None):
    return Wait(job_id, deadline_at=None, contact_timeout=600, observer=WaitLog(log or Log()))


def results_of(service, monkeypatch):
    monkeypatch.setattr("airflow_provider_tencent_ci.transport.async_driver.AsyncTransport", Transport(service))
    endpoint = Endpoint.of_bucket("b-1250000000", "ap-beijing")
    config = ServiceConfig("b-1250000000", "ap-beijing", endpoint, Credentials("id", "key"))

    async def main():
        waits = (shared_poller.wait_together(config, new_wait(job_id), 30) for job_id in service.records)
        return await asyncio.wait_for(asyncio.gather(*waits), 30)

    return asyncio.run(main())


@given(odd_records)
@example(
    {"Type": "job", "State": "Running", "Operation": "<Tag>Transcode</Tag>", "CreationTime": format_time(START - HOUR)}
)
@example({"State": "Running", "CreationTime": "0001-01-02T00:00:00+0000"})
def test_all_jobs_are_waited_for_until_they_end_in_the_triggerer(odd):
    with pytest.MonkeyPatch.context() as monkeypatch:
        results = results_of(Service(odd), monkeypatch)
    assert [(result.status, result.job.state) for result in results] == [(WaitStatus.TERMINAL, "Success")] * 5


@given(odd_records)
@example(
    {"Type": "job", "State": "Running", "Operation": "<Tag>Transcode</Tag>", "CreationTime": format_time(START - HOUR)}
)
def test_the_malformed_job_is_waited_for_until_it_ends_on_a_worker(odd):
    service = Service(odd)
    result = service.script.run(wait_for_job(new_wait("b9"), 30))
    assert (result.status, result.job.state) == (WaitStatus.TERMINAL, "Success")


def test_an_unknown_type_is_logged_once():
    service, log = Service({"Type": "Archive", "State": "Running"}), Log()
    service.script.run(wait_for_job(new_wait("b9", log), 30))
    assert log.warnings == ["Batch job b9 is of type 'Archive', which is not documented; the wait goes on."]


def test_a_failed_read_of_earlier_durations_ends_no_wait(monkeypatch):
    monkeypatch.setattr(DurationHistory, "fetch_durations", lambda *_arguments: 1 / 0)
    ordinary = {"Type": "Workflow", "State": "Running", "Operation": "<WorkflowIds>w1</WorkflowIds>"}
    results = results_of(Service({**ordinary, "CreationTime": format_time(START - HOUR)}), monkeypatch)
    assert {result.status for result in results} == {WaitStatus.TERMINAL}


def test_an_unexpected_error_does_not_end_a_wait(monkeypatch):
    service = Service({"State": "Running"})
    answer = Script._answer
    breaks = iter([True] * 3)
    monkeypatch.setattr(Script, "_answer", lambda *a: 1 / 0 if next(breaks, False) else answer(*a))
    results = results_of(service, monkeypatch)
    assert {result.status for result in results} == {WaitStatus.TERMINAL}
