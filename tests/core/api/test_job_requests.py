from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api.file_requests import build_list_executions
from airflow_provider_tencent_ci.core.api.job_requests import (
    JobFilter,
    build_cancel,
    build_create,
    build_list,
    check_filter,
)
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint
from airflow_provider_tencent_ci.core.wire.signing import sign
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from tests.strategies import any_text, reserved_text

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


def test_an_omitted_parameter_is_not_sent():
    assert build_list(JobFilter()).query == (("size", "100"),)


def test_a_submission_signs_its_body():
    request = build_create("demo", SPECIFICATION)
    assert (request.method, request.path, request.body) == ("POST", "/inventorytriggerjob", SPECIFICATION.body("demo"))
    assert request.headers["content-type"] == "application/xml"
    digest = hashlib.md5(request.body, usedforsecurity=False).digest()
    assert base64.b64decode(request.headers["content-md5"]) == digest


def test_a_cancel_names_the_job_in_its_path():
    request = build_cancel(JOB_ID)
    assert (request.method, request.path, request.query) == ("PUT", f"/inventorytriggerjob/{JOB_ID}", (("cancel", ""),))


def test_executions_are_requested_by_workflow_and_job():
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
        (JobFilter(page_size=True), "page_size=True"),
        (JobFilter(page_size="100"), "page_size='100'"),
        (JobFilter(job_type="workflow"), "job_type='workflow'"),
        (JobFilter(order_by_time="desc"), "order_by_time='desc'"),
        (JobFilter(name="a\ud800"), "name="),
        (JobFilter(workflow_id=3.5), "workflowId must be a text, not 3.5"),
        (JobFilter(states=["Running", None]), "states=.*None"),
        (JobFilter(start_creation_time="noon"), "start_creation_time='noon'"),
        (JobFilter(end_creation_time=datetime(2022, 5, 1)), "end_creation_time="),
    ],
)
def test_a_wrong_filter_raises_an_error_that_names_it(criteria, argument):
    with pytest.raises(InvalidArgumentError, match=argument):
        check_filter(criteria)


def test_the_service_s_own_values_are_sent_unchanged():
    """A wait polls with any id that it gets; only users' arguments are checked."""
    query = dict(build_list(JobFilter(job_type="Archive", order_by_time="Random")).query)
    assert (query["type"], query["orderByTime"]) == ("Archive", "Random")


@pytest.mark.parametrize("job_id", ["", "..", "a?cancel", "a b", "夜", "a%2Fb", "https://x", None, 3])
def test_a_job_id_that_would_change_the_url_is_refused(job_id):
    with pytest.raises(InvalidArgumentError, match="job_id="):
        build_cancel(job_id)


def test_a_name_is_checked_before_it_is_sent():
    with pytest.raises(InvalidArgumentError, match="name="):
        build_create("not valid", SPECIFICATION)


ENDPOINT = Endpoint.of_bucket("examplebucket-1250000000", "ap-beijing")
values = reserved_text | any_text
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def assert_on_the_wire(request: Request, path: str, query: dict[str, str | None]) -> None:
    """The URL has this path and the parameters given, each once, and no value is in a header."""
    url = urlsplit(ENDPOINT.url_of(request))
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{ENDPOINT.base_url}{path}"
    assert url.fragment == ""
    sent = parse_qsl(url.query, keep_blank_values=True)
    assert dict(sent) == {name: value for name, value in query.items() if value}
    assert len(sent) == len(dict(sent))
    assert ENDPOINT.url_of(request).isascii()
    assert ENDPOINT.url_of(request).isprintable()
    headers = sign(request, ENDPOINT.host, Credentials("id", "key"), NOW)
    assert headers.keys() == {"host", "authorization"}
    assert headers["authorization"].isprintable()


@given(values, values, values, values, values)
def test_no_filter_changes_the_rest_of_the_url(job_id, name, workflow_id, state, token):
    criteria = JobFilter(job_id=job_id, name=name, workflow_id=workflow_id, states=[state, "Running"])
    try:
        request = build_list(criteria, token)
    except InvalidArgumentError:
        return
    query = {"jobId": job_id, "name": name, "workflowId": workflow_id, "states": f"{state},Running"}
    assert_on_the_wire(request, "/inventorytriggerjob", {**query, "nextToken": token, "size": "100"})


@given(values, st.none() | values, st.none() | values, values)
def test_no_filter_changes_the_url_of_executions(workflow_id, job_id, states, token):
    try:
        request = build_list_executions(workflow_id, job_id, states, token)
    except InvalidArgumentError:
        return
    query = {"workflowId": workflow_id, "jobId": job_id, "states": states, "nextToken": token, "size": "100"}
    assert_on_the_wire(request, "/workflowexecution", query)


@given(values)
def test_any_text_as_job_id_stays_in_its_place_or_raises_an_error(job_id):
    try:
        request = build_cancel(job_id)
    except InvalidArgumentError:
        return
    url = urlsplit(ENDPOINT.url_of(request))
    assert unquote(url.path) == f"/inventorytriggerjob/{job_id}"
    assert (url.path.count("/"), url.query) == (2, "cancel=")
