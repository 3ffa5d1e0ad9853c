"""Two tests of your own DAGs."""

# [START tests]
import pytest

from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook


@pytest.mark.usefixtures("tencent_ci_connection")
def test_a_failing_file_is_seen(tencent_ci_emulator):
    tencent_ci_emulator.configure(run_seconds=60, failing_keys="media/0003.mp4")
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(
            name="nightly", workflow_ids="w00000000000000000000000000000001", prefix="media/"
        )
        tencent_ci_emulator.advance(seconds=120)  # no need to wait for it
        assert hook.get_inventory_job(job.job_id).state == "Success"
        [failed] = hook.list_workflow_executions(
            "w00000000000000000000000000000001", job_id=job.job_id, states="Failed"
        )
    assert failed.object_key == "media/0003.mp4"


@pytest.mark.usefixtures("tencent_ci_connection")
def test_the_hook_retries_when_the_service_is_busy(tencent_ci_emulator):
    fault = tencent_ci_emulator.inject("slow_down", operation="list", times=2)
    with TencentCIHook() as hook:
        assert list(hook.list_inventory_jobs()) == []
    assert fault.injected == 2


# [END tests]
