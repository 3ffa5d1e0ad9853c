"""The progress lines say only what is known."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.exceptions import TransportError
from airflow_provider_tencent_ci.outcome.progress_log import ProgressLog

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
JOB = InventoryJob.from_dict({"JobId": "b1", "Name": "night", "State": "Running"})


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_count_that_fails_says_the_state_of_the_last_poll_and_its_reason_once(lines):
    log = ProgressLog(logging.getLogger("wait"))
    for _ in range(2):
        log.not_counted(JOB, TransportError("No answer.", request_sent=True), NOW)
    assert lines() == [
        "The files of batch job b1 could not be counted; the wait goes on. No answer.",
        "The files of batch job b1 could not be counted; at the last poll it was Running.",
    ]


def test_a_job_without_files_has_no_share_of_them(lines):
    log = ProgressLog(logging.getLogger("wait"))
    for seconds in (0, 300):
        log.counted(JOB, FileCounts(), NOW + timedelta(seconds=seconds))
    assert lines() == [
        "No file found yet (batch job b1).",
        "Batch job b1 is still Running; nothing has changed for 0:05:00: no file found yet.",
    ]


def test_counts_that_stay_the_same_say_for_how_long(lines):
    log = ProgressLog(logging.getLogger("wait"))
    for seconds in (0, 300):
        log.counted(JOB, FileCounts(succeeded=4, failed=1, running=5), NOW + timedelta(seconds=seconds))
    assert lines()[1] == (
        "Batch job b1 is still Running; nothing has changed for 0:05:00: 5 of 10 files done (50.0%), 1 failed."
    )


@pytest.mark.parametrize(
    ("setting", "ends"),
    [("utc", "03:14 UTC"), ("Asia/Shanghai", "11:14 Asia/Shanghai"), ("Asia/Nowhere", "03:14 UTC")],
)
def test_the_expected_end_is_in_airflow_s_time_zone(lines, monkeypatch, setting, ends):
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", setting)
    log = ProgressLog(logging.getLogger("wait"))
    log.counted(JOB, FileCounts(running=10), NOW)
    log.counted(JOB, FileCounts(succeeded=5, running=5), NOW + timedelta(minutes=5))
    assert f"to end about {ends} (batch job b1)" in lines()[1]
