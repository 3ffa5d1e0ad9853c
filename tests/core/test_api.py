from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest

from airflow_provider_tencent_ci.core.api import (
    JobFilter,
    build_cancel,
    build_create,
    build_list,
    build_list_executions,
)
from airflow_provider_tencent_ci.core.specification import InventoryJobSpecification
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

JOB_ID = "b3deffea2f84911ec9cb15254008618d9"
SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="input")


def test_every_parameter_of_the_list_document_is_sent():
    criteria = JobFilter(
        job_id=JOB_ID,
        name="夜间",
        states=["Submitted", "Running"],
        job_type="Workflow",
        workflow_id="w1",
        start_creation_time="2022-02-01T12:00:00+0800",
        end_creation_time=datetime(2022, 5, 1, tzinfo=UTC),
        order_by_time="Asc",
        page_size=50,
    )
    request = build_list(criteria, "25")
    assert (request.method, request.path, request.body) == ("GET", "/inventorytriggerjob", b"")
    assert dict(request.query) == {
        "nextToken": "25",
        "size": "50",
        "type": "Workflow",
        "orderByTime": "Asc",
        "states": "Submitted,Running",
        "startCreationTime": "2022-02-01T12:00:00+0800",
        "endCreationTime": "2022-05-01T00:00:00+0000",
        "workflowId": "w1",
        "jobId": JOB_ID,
        "name": "夜间",
    }


def test_what_is_not_given_is_not_sent():
    assert build_list(JobFilter()).query == (("size", "100"),)


def test_a_submission_is_bound_to_its_body():
    request = build_create("demo", SPECIFICATION)
    assert (request.method, request.path, request.body) == ("POST", "/inventorytriggerjob", SPECIFICATION.body("demo"))
    assert request.headers["content-type"] == "application/xml"
    digest = hashlib.md5(request.body, usedforsecurity=False).digest()
    assert base64.b64decode(request.headers["content-md5"]) == digest


def test_a_cancel_names_the_job_in_its_path():
    request = build_cancel(JOB_ID)
    assert (request.method, request.path, request.query) == ("PUT", f"/inventorytriggerjob/{JOB_ID}", (("cancel", ""),))


def test_executions_are_asked_for_by_workflow_and_job():
    request = build_list_executions("w1", JOB_ID, ["Failed"], "7")
    assert request.path == "/workflowexecution"
    assert dict(request.query) == {
        "workflowId": "w1", "jobId": JOB_ID, "states": "Failed", "size": "100", "nextToken": "7"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("criteria", "argument"),
    [
        (JobFilter(page_size=0), "page_size=0"),
        (JobFilter(page_size=101), "page_size=101"),
        (JobFilter(job_type="workflow"), "job_type='workflow'"),
        (JobFilter(order_by_time="desc"), "order_by_time='desc'"),
        (JobFilter(start_creation_time="noon"), "start_creation_time='noon'"),
        (JobFilter(end_creation_time=datetime(2022, 5, 1)), "end_creation_time="),
    ],
)
def test_a_wrong_criterion_is_an_error_that_names_it(criteria, argument):
    with pytest.raises(InvalidArgumentError, match=argument):
        build_list(criteria)


@pytest.mark.parametrize("job_id", ["", "..", "a/b", "a?cancel", "a b", "夜", None, 3])
def test_what_would_change_the_url_is_no_job_id(job_id):
    with pytest.raises(InvalidArgumentError, match="job_id="):
        build_cancel(job_id)


def test_a_name_is_checked_before_it_is_sent():
    with pytest.raises(InvalidArgumentError, match="name="):
        build_create("not valid", SPECIFICATION)
