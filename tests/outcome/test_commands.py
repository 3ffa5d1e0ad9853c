"""The command in the error of too many failed files."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.outcome.commands import CommandPlace, resubmission_advice, resubmit_command

AGAIN = "To submit only the failed files again: "


def job(job_id, workflows="w1"):
    return InventoryJob(job_id, operation={"WorkflowIds": workflows})


@pytest.mark.parametrize(
    ("hook", "options"),
    [
        (TencentCIHook(), ""),
        (TencentCIHook("news"), " --conn-id news"),
        (TencentCIHook("my news", bucket="b-1", region="ap-x"), " --conn-id 'my news' --bucket b-1 --region ap-x"),
    ],
)
def test_the_command_names_connection_and_bucket_of_the_task(hook, options):
    assert resubmission_advice([job("b1")], CommandPlace.of_hook(hook)) == f"{AGAIN}`tencent-ci resubmit b1{options}`."


def test_each_part_of_a_round_has_its_command():
    said = resubmission_advice([job("b1"), job("b2")], CommandPlace())
    assert said == f"{AGAIN}`tencent-ci resubmit b1` and `tencent-ci resubmit b2`."


def test_no_command_is_named_that_would_be_refused():
    assert resubmission_advice([job("b1", "w1,w2")], CommandPlace()) == ""
    assert resubmit_command(job("b1", "w1,w2"), CommandPlace()) == ""
