"""The failures that Airflow retries, and the delays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.retry_policies import InventoryJobRetryPolicy

pytestmark = pytest.mark.skipif(airflow_version < "3.3", reason="earlier versions have no retry policies")


def job_error(kind):
    return kind("It ended badly.", job=None)


@pytest.mark.parametrize(
    ("error", "action", "delay_seconds"),
    [
        (e.InvalidArgumentError("bucket"), "fail", None),
        (e.AuthenticationError("no"), "fail", None),
        (e.PermissionDeniedError("no"), "fail", None),
        (e.InvalidRequestError("no"), "fail", None),
        (e.NotFoundError("no"), "fail", None),
        (e.RedirectError("no"), "fail", None),
        (e.JobExistsError("there", job=None), "fail", None),
        (job_error(e.JobFailedError), "fail", None),
        (job_error(e.JobCancelledError), "fail", None),
        (e.QueueSaturatedError("full"), "retry", 300),
        (e.QueueSaturatedError("full", retry_after_seconds=7), "retry", 7),
        (e.ThrottledError("slow down", retry_after_seconds=90), "retry", 90),
        (e.ServiceUnavailableError("down", retry_after_seconds=5), "retry", 5),
        (e.ServiceUnavailableError("down", retry_after_seconds=1e18), "retry", 86400),
        (e.CredentialsError("no such role", may_pass=False), "fail", None),
        (e.CredentialsError("no answer"), "default", None),
        (e.LostContactError("lost"), "retry", None),
        (e.FilesUnknownError("not counted"), "retry", None),
        (e.WaitTimeoutError("late"), "retry", None),
        (e.SubmitOutcomeUnknownError("unknown"), "retry", None),
        (e.ThrottledError("slow down"), "default", None),
        (e.ServiceUnavailableError("down"), "default", None),
        (e.UnreadableResponseError("odd"), "default", None),
        (e.TransportError("no answer", request_sent=True), "default", None),
        (e.UnexpectedEventError("odd"), "default", None),
        (AirflowNotFoundException("The conn_id `media` isn't defined"), "default", None),
        (ValueError("another package's error"), "default", None),
        (KeyboardInterrupt(), "default", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_the_class_of_the_error_decides_about_a_retry(error, action, delay_seconds):
    decision = InventoryJobRetryPolicy().evaluate(error, 1, 3)
    assert decision.action.value == action
    assert decision.retry_delay == (delay_seconds and timedelta(seconds=delay_seconds))


def test_a_failed_job_is_resubmitted_on_request():
    policy = InventoryJobRetryPolicy(retry_failed_jobs=True)
    assert policy.evaluate(job_error(e.JobFailedError), 1, 3).action.value == "default"


def test_the_delay_for_a_full_queue_can_be_set():
    policy = InventoryJobRetryPolicy(queue_delay=timedelta(hours=1))
    assert policy.evaluate(e.QueueSaturatedError("full"), 1, 3).retry_delay == timedelta(hours=1)
