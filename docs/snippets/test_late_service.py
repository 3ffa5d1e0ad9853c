"""A test of your own code against a service that answers late."""

# [START test]
import pytest

from airflow_provider_tencent_ci.exceptions import TransportError
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook


@pytest.mark.usefixtures("tencent_ci_connection")
def test_the_service_acts_after_the_client_has_gone(tencent_ci_emulator):
    tencent_ci_emulator.inject("late", seconds=250)
    with TencentCIHook() as hook, pytest.raises(TransportError):
        hook.trigger_inventory_job(name="nightly", workflow_ids="w00000000000000000000000000000001", prefix="media/")
    assert tencent_ci_emulator.jobs == []
    tencent_ci_emulator.advance(seconds=250)
    [job] = tencent_ci_emulator.jobs
    assert job.name == "nightly"


# [END test]
