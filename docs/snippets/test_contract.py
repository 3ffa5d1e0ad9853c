"""A test of your own with another answer of the service."""

# [START test]
from datetime import UTC, datetime

from airflow_provider_tencent_ci.emulator import Contract, Emulator
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook


def test_a_file_of_the_last_second_is_left_out(monkeypatch):
    ends_at = datetime(2026, 1, 2, 18, tzinfo=UTC)
    with Emulator(objects=0, submitted_seconds=0, contract=Contract.of(interval_bounds="neither")) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        emulator.add_objects("media/last.mp4", last_modified_at=ends_at)
        with TencentCIHook() as hook:
            hook.trigger_inventory_job(
                name="night", workflow_ids="w00000000000000000000000000000001", prefix="media/", end_time=ends_at
            )
        assert emulator.jobs[0].files == 0


# [END test]
