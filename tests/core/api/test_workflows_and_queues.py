"""Workflows and queues: listing them, and checking them before a submission."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.workflows_and_queues import (
    Queue,
    check_targets,
    list_queues,
    list_workflows,
)
from airflow_provider_tencent_ci.exceptions import TargetUnusableError
from tests.core.script import Script, respond

JOB = {
    "Tag": "Transcode",
    "JobParam": {"TemplateId": "t1"},
    "QueueId": "p1",
    "Output": {"Region": "ap-beijing", "Bucket": "b-1", "Object": "${RunId}"},
}


def workflow_xml(number, state="Active"):
    return (
        f"<MediaWorkflowList><WorkflowId>w{number:032}</WorkflowId><Name>nightly-{number}</Name><State>{state}</State>"
        "<CreateTime>2026-01-02T03:04:05+0800</CreateTime></MediaWorkflowList>"
    )


def queue_xml(queue_id, state="Active", size="10000"):
    return (
        f"<QueueList><QueueId>{queue_id}</QueueId><Name>media</Name><State>{state}</State><MaxSize>{size}</MaxSize>"
        "<MaxConcurrent>10</MaxConcurrent><Category>Transcoding</Category></QueueList>"
    )


def answer(*entries, total=None):
    return respond(f"<Response><TotalCount>{total or len(entries)}</TotalCount>{''.join(entries)}</Response>")


def test_numbered_pages_are_read_up_to_the_total():
    first, second = [workflow_xml(number) for number in range(100)], [workflow_xml(100)]
    script = Script([answer(*first, total=101), answer(*second, total=101)])
    workflows = script.run(list_workflows())
    assert [workflow.name for workflow in workflows] == [f"nightly-{number}" for number in range(101)]
    assert [dict(request.query)["pageNumber"] for request in script.requests] == ["1", "2"]
    assert workflows[0].create_time.isoformat() == "2026-01-02T03:04:05+08:00"


@pytest.mark.parametrize("total", ["5", "", "many"])
def test_a_wrong_total_ends_at_an_empty_page(total):
    pages = [answer(workflow_xml(1), total=total or "0"), answer(total="5")]
    assert len(Script(pages, forever=True).run(list_workflows())) >= 1


@pytest.mark.parametrize(
    "entry", ["<MediaWorkflowList/>", "<MediaWorkflowList><WorkflowId> </WorkflowId></MediaWorkflowList>"]
)
def test_an_entry_without_an_id_is_none(entry):
    empty = respond(f"<Response><TotalCount>0</TotalCount>{entry}{entry.replace('MediaWorkflow', 'Queue')}</Response>")
    assert Script([empty]).run(list_workflows()) == Script([empty]).run(list_queues()) == []
    specification = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="a")
    with pytest.raises(TargetUnusableError, match="The bucket has no workflow at all"):
        Script([empty], forever=True).run(check_targets(specification))


def test_one_id_may_be_a_text():
    script = Script([answer(workflow_xml(1)), answer(queue_xml("p1"))])
    script.run(list_workflows(ids="w123"))
    script.run(list_queues(ids="p123"))
    assert [dict(request.query).get("ids") for request in script.requests] == ["w123", None]
    assert dict(script.requests[1].query)["queueIds"] == "p123"


def test_queues_of_all_categories_are_listed():
    script = Script([answer(queue_xml("p1"), queue_xml("p2", "Paused", size="?"))])
    assert script.run(list_queues()) == [
        Queue("p1", "media", "Active", "Transcoding", 10000, 10),
        Queue("p2", "media", "Paused", "Transcoding", None, 10),
    ]
    assert dict(script.requests[0].query)["category"] == "CateAll"


def check(*answers, **arguments):
    specification = InventoryJobSpecification.from_arguments(prefix="media/", **arguments)
    return Script(answers).run(check_targets(specification))


def test_an_active_workflow_and_queue_pass():
    check(answer(workflow_xml(1), workflow_xml(2)), workflow_ids=[f"w{1:032}", f"w{2:032}"])
    check(answer(queue_xml("p1")), job=JOB)


def test_a_job_without_a_queue_causes_no_request_for_queues():
    check(job={**JOB, "QueueId": ""})


def test_a_missing_workflow_is_reported_with_similar_names():
    wanted = f"w{22:031}"  # a digit is missing
    with pytest.raises(TargetUnusableError) as caught:
        check(answer(), answer(*(workflow_xml(number) for number in range(20, 40))), workflow_ids=wanted)
    assert f"There is no workflow {wanted} in this bucket; nothing was submitted." in str(caught.value)
    assert f"w{22:032} (nightly-22, Active)" in str(caught.value)
    assert "and 15 more." in str(caught.value)


def test_a_bucket_without_workflows_is_reported():
    with pytest.raises(TargetUnusableError, match="The bucket has no queue at all"):
        check(answer(), answer(), job=JOB)


@pytest.mark.parametrize(
    ("found", "arguments"),
    [
        (workflow_xml(1, "Paused"), {"workflow_ids": f"w{1:032}"}),
        (queue_xml("p1", "Paused"), {"job": JOB}),
    ],
)
def test_a_paused_workflow_or_queue_is_reported(found, arguments):
    with pytest.raises(TargetUnusableError, match="is paused; nothing was submitted"):
        check(answer(found), **arguments)
