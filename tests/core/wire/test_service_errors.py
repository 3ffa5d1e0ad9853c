from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.wire.error_codes import CODES
from airflow_provider_tencent_ci.core.wire.request_retry import (
    NO_RETRY,
    RETRY_IDEMPOTENT,
    RETRY_IF_NOT_EXECUTED,
    jittered,
)
from airflow_provider_tencent_ci.core.wire.retryable_errors import is_transient, was_not_executed
from airflow_provider_tencent_ci.core.wire.service_errors import classify, is_time_refusal, may_be_time_refusal
from tests.core.script import LOST, REFUSED, START, failure, respond

# Every row of the error codes of docs/service.md, 5.2: status, code, class, may a submission / a read be repeated.
DOCUMENTED = [
    (301, "PermanentRedirect", e.RedirectError, False, False),
    (307, "TemporaryRedirect", e.RedirectError, False, False),
    (400, "InvalidArgument", e.InvalidRequestError, False, False),
    (400, "MissingContent", e.InvalidRequestError, False, False),
    (400, "InvalidContent", e.InvalidRequestError, False, False),
    (400, "InvalidHost", e.InvalidRequestError, False, False),
    (400, "ResourceNotFound", e.InvalidRequestError, False, False),
    (400, "ResourceAccessDenied", e.InvalidRequestError, False, False),
    (400, "ResourceDownloadFailed", e.InvalidRequestError, False, False),
    (400, "ResourceNotSupported", e.InvalidRequestError, False, False),
    (400, "CIRoleNotExist", e.InvalidRequestError, False, False),
    (401, "MissingAuthorization", e.AuthenticationError, False, False),
    (401, "InvalidAuthorization", e.AuthenticationError, False, False),
    (401, "AccessDenied", e.PermissionDeniedError, False, False),
    (401, "SecretidNotExist", e.AuthenticationError, False, False),
    (401, "SignatureExpired", e.AuthenticationError, True, True),
    (403, "AccessDenied", e.PermissionDeniedError, False, False),
    (403, "MediaBucketAlreadyBinded", e.InvalidRequestError, False, False),
    # Seen in public use (docs/service.md, 5.2).
    (400, "MediaBucketUnBinded", e.InvalidRequestError, False, False),
    (400, "PicBucketUnBinded", e.InvalidRequestError, False, False),
    (403, "ActiveWorkflowForbiddenUpdate", e.InvalidRequestError, False, False),
    (404, "WorkflowExecutionNotFound", e.NotFoundError, False, False),
    (400, "WorkflowExecutionNotFound", e.NotFoundError, False, False),
    (403, "MediaBucketUnBinded", e.InvalidRequestError, False, False),
    (403, "QueueSaturated", e.QueueSaturatedError, True, True),
    (403, "QueuePaused", e.InvalidRequestError, False, False),
    (404, "InvalidUrl", e.NotFoundError, False, False),
    (404, "AuditingJobNotFound", e.NotFoundError, False, False),
    (411, "MissingContentLength", e.InvalidRequestError, False, False),
    (413, "InvalidContent", e.InvalidRequestError, False, False),
    (429, "SlowDown", e.ThrottledError, True, True),
    (451, "UnavailableForLegalReasons", e.InvalidRequestError, False, False),
    (500, "InternalError", e.ServiceUnavailableError, False, True),
    (501, "NotImplemented", e.InvalidRequestError, False, False),
    (503, "ServiceUnavailable", e.ServiceUnavailableError, False, True),
    (503, "SlowDown", e.ThrottledError, True, True),
    (503, "KmsFreqControl", e.ThrottledError, True, True),
    (400, "ExpiredToken", e.AuthenticationError, False, False),
    (400, "RequestTimeout", e.ServiceUnavailableError, False, True),
    (400, "MalformedXML", e.InvalidRequestError, False, False),
    (400, "InvalidURI", e.InvalidRequestError, False, False),
    (400, "InvalidRegionName", e.InvalidRequestError, False, False),
    (400, "InvalidBucketName", e.InvalidRequestError, False, False),
    (403, "InvalidAccessKeyId", e.AuthenticationError, False, False),
    (403, "SignatureDoesNotMatch", e.AuthenticationError, False, False),
    (403, "RequestTimeTooSkewed", e.AuthenticationError, True, True),
    (404, "NoSuchBucket", e.NotFoundError, False, False),
    (402, "PaymentRequired", e.InvalidRequestError, False, False),
    # An interim status is no final answer: the outcome of the request is not known.
    (102, "", e.UnreadableResponseError, False, True),
    (103, "", e.UnreadableResponseError, False, True),
    # Undocumented codes are classified by their status.
    (401, "Brandnew", e.AuthenticationError, False, False),
    (403, "Brandnew", e.PermissionDeniedError, False, False),
    (404, "Brandnew", e.NotFoundError, False, False),
    (418, "Brandnew", e.InvalidRequestError, False, False),
    (429, "Brandnew", e.ThrottledError, True, True),
    (408, "", e.ServiceUnavailableError, False, True),
    (425, "", e.ServiceUnavailableError, False, True),
    (499, "", e.ServiceUnavailableError, False, True),
    (502, "", e.ServiceUnavailableError, False, True),
    (504, "", e.ServiceUnavailableError, False, True),
]


@pytest.mark.parametrize(("status", "code", "error", "submit_again", "read_again"), DOCUMENTED)
def test_each_error_has_a_class_and_a_rule(status, code, error, submit_again, read_again):
    found = classify(failure(status, code, "what happened"))
    assert type(found) is error
    assert (found.status, found.code, found.request_id) == (status, code, "script-1")
    assert (was_not_executed(found), is_transient(found)) == (submit_again, read_again)
    assert f"HTTP {status}" in str(found)
    assert "request id script-1" in str(found)


# An error that is nowhere but in the body, in each form that a service of Tencent's writes.
FORMS = {
    "Error": "<Error><Code>{0}</Code><Message>{1}</Message><RequestId>{2}</RequestId></Error>",
    "namespace": '<Error xmlns="urn:x"><RequestId>{2}</RequestId><Code>{0}</Code><Message>{1}</Message></Error>',
    "prefix": '<c:Error xmlns:c="urn:x"><c:Code>{0}</c:Code><c:Message>{1}</c:Message>'
    "<RequestId>{2}</RequestId></c:Error>",
    "declaration": '\ufeff<?xml version="1.0"?>\n<Error>\n <Code> {0}\n</Code><Message>{1}</Message>'
    "<RequestId>{2}</RequestId></Error>",
    "Response": "<Response><Error><Code>{0}</Code><Message>{1}</Message></Error><RequestId>{2}</RequestId></Response>",
    "Response with all in Error": "<Response><Error><Code>{0}</Code><Message>{1}</Message><RequestId>{2}</RequestId>"
    "</Error></Response>",
    "JSON": '{{"Response": {{"Error": {{"Code": "{0}", "Message": "{1}"}}, "RequestId": "{2}"}}}}',
    "JSON Error": ' {{"Error": {{"Code": "{0}", "Message": "{1}", "RequestId": "{2}"}}}}',
    "lower case": '{{"error": {{"code": "{0}", "message": "{1}", "requestId": "{2}"}}}}',
}
FLAT_FORMS = {
    "JSON fields": '{{"Code": "{0}", "Message": "{1}", "RequestId": "{2}"}}',
    "Response fields": "<Response><Code>{0}</Code><Message>{1}</Message><RequestId>{2}</RequestId></Response>",
}


@pytest.mark.parametrize("form", [*FORMS.values(), *FLAT_FORMS.values()], ids=[*FORMS, *FLAT_FORMS])
@pytest.mark.parametrize(("status", "code", "error"), [row[:3] for row in DOCUMENTED if row[0] >= 400 and row[1]])
def test_code_message_and_request_id_are_found_in_each_form(form, status, code, error):
    found = classify(respond(form.format(code, "what happened", "body-7"), status, x_ci_request_id=""))
    assert type(found) is error
    assert (found.code, found.message, found.request_id) == (code, "what happened", "body-7")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("code", "error"), list({row[1]: row[2] for row in DOCUMENTED if row[1] in CODES}.items()))
def test_an_error_with_the_status_of_a_success_is_an_error(form, code, error):
    found = classify(respond(form.format(code, "what happened", "body-7")))
    assert (found.code, found.message, found.request_id, found.status) == (code, "what happened", "body-7", 200)
    assert type(found) is error


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_an_unknown_error_with_the_status_of_a_success_leaves_the_outcome_open(form):
    found = classify(respond(form.format("Brandnew", "what happened", "body-7")))
    assert type(found) is e.UnreadableResponseError
    assert not was_not_executed(found)
    assert "what happened" in str(found)


@pytest.mark.parametrize(
    "body",
    [
        '{"Error": null}',
        '{"Error": [], "Response": 7}',
        '{"Error": [{"Code": true, "Message": {}}]}',
        "{" * 5_000,
        '{"Error": ' * 5_000,
        "<Response><Error/></Response>",
        "<Response><Error>text</Error></Response>",
    ],
)
def test_a_body_of_another_shape_has_no_code(body):
    found = classify(respond(body, 403))
    assert (type(found), found.code) == (e.PermissionDeniedError, "")
    assert "no message" in str(found)


def test_a_401_may_be_about_the_signature_or_a_permission():
    said = str(classify(failure(401, "AccessDenied", "no")))
    assert "Check SecretId and SecretKey" in said
    assert "Grant the key's user the CAM action" in said
    assert "SecretId" not in str(classify(failure(403, "AccessDenied", "no")))


def test_the_texts_that_the_service_signed_are_shown():
    nodes = {"StringToSign": "sha1\n1;2\nabc\n", "FormatString": "get\n/\n\nhost=a\n"}
    body = "".join(f"<{name}>{text}</{name}>" for name, text in nodes.items())
    found = classify(respond(f"<Error><Code>SignatureDoesNotMatch</Code><Message>No.</Message>{body}</Error>", 403))
    assert r"The service signed StringToSign='sha1\n1;2\nabc', FormatString='get\n/\n\nhost=a'." in str(found)


@pytest.mark.parametrize("status", [200, 204])
def test_a_good_answer_is_no_error(status):
    assert classify(respond("", status)) is None


@pytest.mark.parametrize(
    "body",
    ["", "<html><body>502 Bad Gateway</body></html>", "<Error/>", "<Error><Code>Int", b"\xff\xfe\x00"],
    ids=["empty", "html", "no nodes", "truncated", "binary"],
)
def test_an_error_without_a_readable_body_contains_the_known_facts(body):
    found = classify(respond(body, 502))
    assert type(found) is e.ServiceUnavailableError
    assert "HTTP 502" in str(found)


def test_the_request_id_is_read_from_the_header_of_cos_too():
    found = classify(respond("", 500, x_ci_request_id="", x_cos_request_id="cos-7"))
    assert found.request_id == "cos-7"


@pytest.mark.parametrize("status", [302, 401, 500])
def test_an_error_stays_short_for_any_answer(status):
    long = "x" * 9_000
    found = classify(failure(status, long, long, location=long, x_ci_request_id=long))
    assert f"HTTP {status}" in str(found)
    assert len(str(found)) < 2_000
    assert len(str(classify(respond("", status, location=long)))) < 1_000


def test_a_redirect_names_its_target_and_is_not_followed():
    found = classify(respond("", 307, location="http://elsewhere.example/"))
    assert "http://elsewhere.example/" in str(found)
    assert "not followed" in str(found)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (format_datetime(START + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(START - timedelta(seconds=90), usegmt=True), 0.0),
        ((START + timedelta(seconds=90)).strftime("%a, %d %b %Y %H:%M:%S -0000"), 90.0),
        ("soon", None),
        (f"Fri, 02 Jan 2026 {'7' * 30}:00 GMT", None),
        (f"Fri, 02 Jan 2026 03:04:05 +{'9' * 30}", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value, seconds):
    assert classify(failure(429, "SlowDown", retry_after=value)).retry_after_seconds == seconds


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=1), timedelta(minutes=-5), timedelta(days=400)])
def test_retry_after_as_a_date_is_measured_with_the_clock_that_wrote_it(ahead):
    service_time = START + ahead
    answer = failure(
        429,
        "SlowDown",
        date=format_datetime(service_time, usegmt=True),
        retry_after=format_datetime(service_time + timedelta(seconds=10), usegmt=True),
    )
    assert classify(answer).retry_after_seconds == 10


@pytest.mark.parametrize("written", [START - timedelta(days=20000), START - timedelta(days=3)])
def test_an_absurd_date_makes_no_long_pause(written):
    retry_after = format_datetime(START + timedelta(seconds=2), usegmt=True)
    answer = failure(429, "SlowDown", date=format_datetime(written, usegmt=True), retry_after=retry_after)
    assert classify(answer).retry_after_seconds == 2


def test_without_a_date_retry_after_is_measured_with_the_time_that_was_signed():
    answer = failure(429, retry_after=format_datetime(START + timedelta(hours=1, seconds=10), usegmt=True))
    signed = replace(answer, signed_at=START + timedelta(hours=1))
    assert classify(signed).retry_after_seconds == 10


@pytest.mark.parametrize(("error", "refused"), [(LOST, False), (REFUSED, True)])
def test_an_unsent_request_may_always_be_retried(error, refused):
    assert was_not_executed(error) is refused
    assert is_transient(error)


def test_an_unreadable_answer_is_retried_for_a_read_and_not_for_a_submission():
    error = e.UnreadableResponseError("cut off")
    assert is_transient(error)
    assert not was_not_executed(error)


@pytest.mark.parametrize(
    ("minutes", "advice"),
    [
        (20, "clock is 1200 seconds behind the service's"),
        (-20, "clock is 1200 seconds ahead of"),
        (0, "Check SecretId"),
    ],
)
def test_a_wrong_clock_is_named_as_the_cause(minutes, advice):
    date = format_datetime(START + timedelta(minutes=minutes), usegmt=True)
    for status, code in ((403, "SignatureDoesNotMatch"), (401, "InvalidAuthorization"), (401, "AccessDenied")):
        said = str(classify(failure(status, code, date=date)))
        assert advice in said
        assert "Check SecretId" in said, "beside the usual advice"
    for status, code in NOT_ABOUT_THE_CLOCK:
        assert "clock" not in str(classify(failure(status, code, date=date)))


NOT_ABOUT_THE_CLOCK = [
    (400, "ExpiredToken"),
    (401, "MissingAuthorization"),
    (401, "SecretidNotExist"),
    (403, "InvalidAccessKeyId"),
    (404, "NoSuchBucket"),
]


@pytest.mark.parametrize("seconds", [-60, 90, 599])
@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidAuthorization"])
def test_a_difference_that_signatures_tolerate_is_not_the_cause(seconds, code):
    date = format_datetime(START + timedelta(seconds=seconds), usegmt=True)
    assert "clock" not in str(classify(failure(403, code, date=date)))


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "SignatureExpired", "AccessDenied"])
def test_an_absurd_date_causes_no_advice(code, date):
    absurd, none = (classify(failure(403, code, **headers)) for headers in ({"date": date}, {}))
    assert str(absurd) == str(none)
    assert not may_be_time_refusal(failure(403, "AccessDenied", date=date))


def test_a_good_answer_does_not_count_as_an_error():
    answer = respond("<Response><JobsDetail/></Response>")
    assert not may_be_time_refusal(answer)
    assert "error" not in vars(answer), "a second read of a page of jobs delays all waits of a triggerer"


def test_a_corrected_clock_is_not_named_as_the_cause():
    later = START + timedelta(hours=1)
    answer = failure(403, "SignatureDoesNotMatch", date=format_datetime(later, usegmt=True))
    assert "clock" not in str(classify(replace(answer, signed_at=later)))


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_code_of_cos_for_an_expired_signature_is_classified(hours):
    date = format_datetime(START + timedelta(hours=hours), usegmt=True)
    answer = failure(403, "AccessDenied", "Request has expired", date=date)
    error = classify(answer)
    assert type(error) is e.AuthenticationError
    assert is_time_refusal(answer)
    assert was_not_executed(error)
    assert "check the clock of this machine" in str(error)
    assert f"3600 seconds {'behind' if hours > 0 else 'ahead of'} the service's" in str(error)
    assert "Grant" not in str(error)


def test_every_code_has_an_exception_class_of_the_service():
    assert all(issubclass(meaning.error, e.ApiError) for meaning in CODES.values())


THROTTLED = classify(failure(429, "SlowDown"))


def test_pauses_double_up_to_a_maximum_and_end_with_the_attempts():
    pauses = [RETRY_IDEMPOTENT.backoff_seconds(THROTTLED, attempt, 0) for attempt in range(1, 7)]
    for pause, longest in zip(pauses[:5], [1, 2, 4, 8, 16], strict=True):
        assert longest / 2 <= pause <= longest
    assert pauses[5] is None


def test_retry_after_takes_precedence_over_the_backoff():
    assert RETRY_IDEMPOTENT.backoff_seconds(classify(failure(429, retry_after="30")), 1, 0) == 30


def test_a_retry_after_beyond_the_budget_ends_the_retries():
    assert RETRY_IDEMPOTENT.backoff_seconds(classify(failure(429, retry_after="30")), 1, 31) is None
    assert RETRY_IDEMPOTENT.backoff_seconds(classify(failure(429, retry_after="61")), 1, 0) is None


def test_a_submission_is_not_retried_after_an_unknown_outcome():
    assert RETRY_IF_NOT_EXECUTED.backoff_seconds(LOST, 1, 0) is None
    assert RETRY_IF_NOT_EXECUTED.backoff_seconds(REFUSED, 1, 0) is not None


def test_no_retry_never_retries():
    assert NO_RETRY.backoff_seconds(THROTTLED, 1, 0) is None


def test_jitter_spreads_pauses():
    assert len({jittered(10) for _ in range(20)}) > 10
    assert all(5 <= jittered(10) <= 10 for _ in range(100))
