"""A test of a DAG with a data interval."""

# [START test]
from datetime import UTC, datetime, timedelta

import pytest
from airflow.models import DagBag


@pytest.mark.usefixtures("tencent_ci_connection")
def test_a_night_processes_only_its_own_uploads(tencent_ci_emulator):
    ends_at = datetime(2026, 1, 2, 18, tzinfo=UTC)  # 02:00 in Shanghai
    tencent_ci_emulator.configure(run_seconds=1)
    tencent_ci_emulator.add_objects("media/new.mp4", last_modified_at=ends_at - timedelta(hours=3))
    tencent_ci_emulator.add_objects("media/old.mp4", last_modified_at=ends_at - timedelta(hours=30))
    # The run has the last whole interval before its logical date.
    run = DagBag("dags").dags["nightly_transcode"].test(logical_date=ends_at + timedelta(hours=1))
    assert run.state == "success"
    [job] = tencent_ci_emulator.jobs
    assert job.files == 1


# [END test]
