"""The night after an upgrade of this package, or of Airflow from 2.11 to 3."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.upgrades.nights import FIRST_NIGHT
from tests.upgrades.upgraded import each_version


@each_version
@pytest.mark.parametrize("task", ["waiting"], indirect=True)
def test_the_next_night_begins_where_the_last_one_ended(task):
    last_ended_at = datetime.fromisoformat(FIRST_NIGHT)
    assert task.begin_next_night() == (last_ended_at, last_ended_at + timedelta(days=1))
    task.execute()
    [job] = task.new_jobs
    with TencentCIHook() as hook:
        started_at = hook.get_inventory_job(job.job_id).operation["TimeInterval"]["Start"]
    assert datetime.fromisoformat(started_at) == last_ended_at
    task.emulator.finish_job(job.job_id)
    task.resume(task.event())
    assert (task.state, task.xcoms["return_value"], task.new_jobs[1:]) == ("success", job.job_id, [])
