"""The interval of a night, as usual schedules give it."""

from __future__ import annotations

from datetime import datetime

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER

CRON = HEADER.replace("schedule=None", 'schedule="0 2 * * *"')
assert CRON != HEADER
DATA_INTERVAL = "{{ data_interval_start }}", "{{ data_interval_end }}"
LAST_DAY = "{{ data_interval_end - macros.timedelta(days=1) }}", "{{ data_interval_end }}"


def run(header, start_time, end_time):
    task = f"TriggerInventoryJobOperator(task_id='go', workflow_ids={WORKFLOW_ID!r}, prefix='media/', "
    times = f"start_time={start_time!r}, end_time={end_time!r})"
    return run_dag_file(f"{header}\nwith dag:\n    {task}{times}\n")


@pytest.mark.skipif(airflow_version < "3", reason="on 2.11 a cron text has the data interval of a day")
def test_an_empty_data_interval_of_a_cron_text_submits_nothing(emulator):
    assert run(CRON, *DATA_INTERVAL).state == "failed"
    assert not emulator.jobs


def test_the_day_before_the_end_of_the_data_interval_is_sent(emulator):
    assert run(CRON, *LAST_DAY).state == "success"
    [job] = emulator.jobs
    with TencentCIHook() as hook:
        interval = hook.get_inventory_job(job.job_id).operation["TimeInterval"]
    start, end = (datetime.strptime(interval[name], "%Y-%m-%dT%H:%M:%S%z") for name in ("Start", "End"))
    assert (end - start).days == 1
