"""
The rules for every answer of the service, including forged ones.

An input has the wire format of an answer, so that it can be read and written by hand: a line with the status, lines
with headers, an empty line, the body. A missing or unreadable part has its default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_tencent_ci.core.api.file_requests import read_executions
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, WorkflowExecution
from airflow_provider_tencent_ci.core.api.job_requests import (
    JobFilter,
    build_cancel,
    build_list,
    read_created,
    read_jobs,
    read_nothing,
)
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.paginator import Page, Paginator
from airflow_provider_tencent_ci.core.submitting.submission_note import NoNotes
from airflow_provider_tencent_ci.core.submitting.submit_attempt import Attempt
from airflow_provider_tencent_ci.core.submitting.submit_once import submit_once
from airflow_provider_tencent_ci.core.wire.messages import Flow, Request, Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.request_retry import RETRY_IDEMPOTENT
from airflow_provider_tencent_ci.core.wire.retryable_errors import is_transient, was_not_executed
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint
from airflow_provider_tencent_ci.core.wire.service_errors import classify
from airflow_provider_tencent_ci.core.wire.signing import sign
from airflow_provider_tencent_ci.exceptions import ApiError, InvalidArgumentError, TencentCIError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYS = Credentials("AKIDEXAMPLE", "the-secret-key", token="the-session-token")
ENDPOINT = Endpoint.of_bucket("examplebucket-1250000000", "ap-beijing")
NAME = "nightly-0123456789abcdef"
SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="input")

_STATUS = re.compile(r"[1-9][0-9]{2}")

MOST_CHARACTERS_OF_AN_ERROR = 3_000
MOST_STEPS_OF_A_SUBMISSION = 400
MOST_SUBMISSIONS = 2


def answer_of(data: bytes) -> Response:
    """Return the answer that an input stands for."""
    head, _, body = data.partition(b"\n\n")
    status, *lines = head.decode("latin-1").split("\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Response(int(status) if _STATUS.fullmatch(status) else 200, headers, body, NOW)


def check(data: bytes) -> None:
    """Read an answer with every reader: each returns a value or a typed error. Anything else is a finding."""
    answer = answer_of(data)
    if (error := classify(answer)) is not None:
        check_error(error)
    value_of(read_nothing, answer)
    check_job(value_of(read_created, answer))
    check_page(value_of(read_jobs, answer))
    check_page(value_of(read_executions, answer))
    check_submission(answer)


def value_of(read: Callable[[Any], Any], answer: Any) -> Any:
    """Return the value that was read, or ``None`` for a typed error."""
    try:
        return read(answer)
    except TencentCIError as error:
        check_error(error)
        return None


def check_error(error: TencentCIError) -> None:
    """An error is short, contains no secret, and can be classified."""
    text = str(error)
    assert len(text) <= MOST_CHARACTERS_OF_AN_ERROR, f"an error of {len(text)} characters"
    assert KEYS.secret_key not in text
    assert KEYS.token not in text
    assert is_transient(error) or not was_not_executed(error)
    if isinstance(error, ApiError):
        pause_seconds = RETRY_IDEMPOTENT.backoff_seconds(error, attempt=1, spent_seconds=0)
        assert pause_seconds is None or 0 <= pause_seconds <= RETRY_IDEMPOTENT.budget_seconds
        assert error.retry_after_seconds is None or error.retry_after_seconds >= 0


def check_page(page: Page[Any] | None) -> None:
    """A page has each item once, and its token reaches the next request unchanged."""
    if page is None:
        return
    pages = Paginator()
    fresh = pages.new_items(page)
    ids = [item.job_id if isinstance(item, InventoryJob) else item.run_id for item in page.items]
    assert len(fresh) == len(set(ids))
    assert all(ids)
    for item in fresh:
        check_job(item) if isinstance(item, InventoryJob) else check_execution(item)
    if pages.next_token is not None:
        check_request(build_list(JobFilter(name=NAME), pages.next_token))


def check_job(job: InventoryJob | None) -> None:
    """A job survives JSON, has ended only in a documented state, and cannot change the URL that cancels it."""
    if job is None:
        return
    value_of(InventoryJob.raise_for_state, replace(job, job_id="b1"))
    record = job.to_dict()
    assert InventoryJob.from_dict(json.loads(json.dumps(record))).to_dict() == record
    for moment, name in ((job.creation_time, "CreationTime"), (job.start_time, "StartTime"), (job.end_time, "EndTime")):
        assert (moment is None) == (record[name] is None)
    assert job.state.is_terminal == (str(job.state) in ("Success", "Failed", "Cancel"))
    try:
        request = build_cancel(job.job_id)
    except InvalidArgumentError:
        return
    check_request(request)
    assert urlsplit(ENDPOINT.url_of(request)).path.count("/") == 2


def check_execution(execution: WorkflowExecution) -> None:
    """An execution has an id, and a time only with an offset."""
    assert execution.run_id
    assert execution.create_time is None or execution.create_time.utcoffset() is not None


def check_request(request: Request) -> None:
    """A request that contains a part of an answer arrives unchanged, and its signature contains no secret."""
    url = urlsplit(ENDPOINT.url_of(request))
    assert f"{url.scheme}://{url.netloc}" == ENDPOINT.base_url
    assert url.fragment == ""
    assert parse_qsl(url.query, keep_blank_values=True, max_num_fields=20) == list(request.query)
    headers = sign(request, ENDPOINT.host, KEYS, NOW)
    assert KEYS.secret_key not in "".join(headers.values())


def check_submission(answer: Response) -> None:
    """A submission to a service with only this answer ends, after few create requests."""
    attempt = Attempt(*NAME.split("-"), SPECIFICATION, is_first=True)
    requests, error = run(submit_once(attempt, NoNotes()), answer)
    assert sum(request.method == "POST" for request in requests) <= MOST_SUBMISSIONS
    if error is not None:
        check_error(error)


def run(flow: Flow[Any], answer: Response) -> tuple[list[Request], TencentCIError | None]:
    """Run a flow against a service that has one answer only."""
    requests: list[Request] = []
    try:
        step = next(flow)
        for _ in range(MOST_STEPS_OF_A_SUBMISSION):
            if isinstance(step, Request):
                requests.append(step)
            step = flow.send(answer if isinstance(step, Request) else NOW)
    except StopIteration:
        return requests, None
    except TencentCIError as error:
        return requests, error
    raise AssertionError(f"the exchange goes on after {MOST_STEPS_OF_A_SUBMISSION} steps")
