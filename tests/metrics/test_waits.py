"""Waits: how many there are for each bucket, how they end, and how late the end of a job is seen."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.polling.wait import WaitResult, WaitStatus
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import Duplicate, DuplicateSearch
from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_ID, SECRET_KEY
from airflow_provider_tencent_ci.exceptions import SubmissionTakenOverError, SubmitOutcomeUnknownError, TransportError
from airflow_provider_tencent_ci.metrics import recording, table
from tests.loops import until
from tests.transport.conftest import BUCKET, configuration
from tests.triggerer.test_shared_poller import emulator, run, submit, wait  # noqa: F401 - a fixture

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDS = {"Success": "success", "Failed": "failed", "Cancel": "cancelled"}


def job(state="Success", ended_at=NOW):
    return InventoryJob.from_dict({"JobId": "b1", "State": state, "EndTime": ended_at.isoformat() if ended_at else ""})


def test_the_waits_of_a_bucket_are_reported_until_the_last_one_is_over(emulator, recorder):  # noqa: F811
    """Two pollers: with two keys the waits for one bucket do not share one."""
    first, second = (
        configuration(emulator.url, observer=recording._observer, credentials=keys, requests_per_second=1000)
        for keys in (Credentials(SECRET_ID, SECRET_KEY), Credentials(SECRET_ID, SECRET_KEY, token=""))
    )
    jobs = submit(3)

    async def main():
        waits = [wait(config, job_id) for config in (first, second) for job_id in jobs]
        await until(lambda: recorder.values(table.WAITS)[-1:] == [(BUCKET, recording.hostname(), len(waits))])
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    run(main)
    assert recorder.values(table.WAITS)[-1] == (BUCKET, recording.hostname(), 0)


def test_a_poll_costs_two_packets(emulator, recorder):  # noqa: F811
    config = configuration(emulator.url, observer=recording._observer, requests_per_second=1000)
    jobs = submit(250)

    async def main():
        waits = [wait(config, job_id, 0.5) for job_id in jobs]
        await until(lambda: emulator.count("list") > 20)
        for one in waits:
            one.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    run(main)
    polls = [operation for operation, _, _ in recorder.values(table.REQUESTS)].count("list_jobs")
    assert polls == emulator.count("list")
    assert len(recorder.values(table.WAITS)) <= polls


@pytest.mark.parametrize("state", JobState)
def test_the_end_of_a_job_is_counted_by_its_state(recorder, state):
    if not state.is_terminal:
        return
    recording.wait_ended(WaitResult(WaitStatus.TERMINAL, job(state.value), ""), NOW + timedelta(seconds=7))
    assert recorder.values(table.WAITS_ENDED) == [(ENDS[state.value], 1)]
    assert recorder.values(table.JOB_END_DELAY) == [(7000,)]


@pytest.mark.parametrize("status", [WaitStatus.DEADLINE, WaitStatus.LOST_CONTACT])
@pytest.mark.parametrize("last", [None, job("Running", None)])
def test_a_wait_that_ends_before_its_job_is_counted_by_its_reason(recorder, status, last):
    recording.wait_ended(WaitResult(status, last, ""), NOW)
    assert recorder.values(table.WAITS_ENDED) == [(status.value, 1)]
    assert recorder.values(table.JOB_END_DELAY) == []


@pytest.mark.parametrize(
    ("ended_at", "service_time", "delays"),
    [
        (NOW, NOW - timedelta(seconds=1), [(0,)]),  # both are told in whole seconds
        (None, NOW, []),
        (NOW, None, []),
    ],
)
def test_a_delay_is_never_negative_and_never_guessed(recorder, ended_at, service_time, delays):
    recording.wait_ended(WaitResult(WaitStatus.TERMINAL, job(ended_at=ended_at), ""), service_time)
    assert recorder.values(table.JOB_END_DELAY) == delays


@pytest.mark.parametrize(
    ("adopted", "posts", "outcome"),
    [
        (False, 1, "created"),
        (True, 0, "adopted"),
        (True, 1, "reconciled"),
        (True, 2, "reconciled"),
        (False, 2, "sent_again"),
    ],
)
def test_a_submission_is_counted_by_what_it_took(recorder, adopted, posts, outcome):
    recording.submission_ended(Submission(job(), adopted, posts, DuplicateSearch("nightly")))
    assert recorder.values(table.SUBMISSIONS) == [(outcome, 1)]


@pytest.mark.parametrize(
    ("error", "outcome"), [(SubmitOutcomeUnknownError(""), "unknown"), (SubmissionTakenOverError(""), "error")]
)
def test_a_failed_submission_is_counted_by_its_error(recorder, error, outcome):
    recording.submission_failed(error)
    assert recorder.values(table.SUBMISSIONS) == [(outcome, 1)]


def test_duplicates_are_counted_by_their_ends(recorder):
    refused = TransportError("", request_sent=False)
    running = job("Running", None)
    recording.duplicates_found([Duplicate(running), Duplicate(job()), Duplicate(running, refused)])
    assert recorder.values(table.DUPLICATES) == [("cancelled", 1), ("ended", 1), ("not_cancelled", 1)]


def test_files_are_counted_by_their_state(recorder):
    recording.files_counted(FileCounts(succeeded=37, failed=3))
    assert recorder.values(table.FILES) == [("succeeded", 37), ("failed", 3)]
