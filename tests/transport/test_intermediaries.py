"""Answers of proxies, gateways and login pages: none counts as the service's, none ends a request well."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs, read_nothing
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.put_object import build_put_object
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.core.wire.retryable_errors import was_not_executed
from tests.transport.conftest import configuration
from tests.transport.proxies import Proxy
from tests.transport.servers import RawServer

SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids="w1", prefix="media/")
OPERATIONS = {
    "list": lambda: send_with_retry(build_list(JobFilter()), read_jobs, NO_RETRY),
    "create": lambda: job_calls.create_job("nightly", SPECIFICATION, NO_RETRY),
    "cancel": lambda: job_calls.request_cancel("b1", NO_RETRY),
    "put": lambda: send_with_retry(build_put_object("list.txt", b"x"), read_nothing, NO_RETRY),
}
# The last ones are short, and well-formed XML.
PAGES = {
    "nginx": (b"<html>\r\n<head><title>Sorry</title></head><body><hr></body></html>", "text/html"),
    "html5": (b"<!DOCTYPE html>\n<html lang=en><p>Log in", "text/html; charset=utf-8"),
    "no content type": (b"\xef\xbb\xbf\n<!-- x -->\n<!doctype HTML><title>Log in</title>", ""),
    "xhtml": (b"<?xml version='1.0'?><!-- a --><!-- b --><HTML xmlns='u'><body/></HTML>", "application/xhtml+xml"),
    "fragment": (b"<script>location='https://login.example/'</script>", "TEXT/HTML"),
    "words": (b"Access denied by policy", "text/html"),
}


def answer(status, body=b"", **headers):
    lines = [f"HTTP/1.1 {status} Some Words", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value]
    return "\r\n".join([*lines, "", ""]).encode() + body


def error_of(run, flow, raw, **fields):
    with (
        RawServer(lambda connection, _head: connection.sendall(raw)) as server,
        pytest.raises(e.TencentCIError) as caught,
    ):
        run(configuration(server.url, **fields), flow)
    return caught.value


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("status", [200, 202, 400, 401, 403, 404])
@pytest.mark.parametrize("page", PAGES)
def test_a_web_page_is_an_unreadable_answer_of_an_intermediary(run, operation, status, page):
    body, content_type = PAGES[page]
    error = error_of(run, OPERATIONS[operation](), answer(status, body, Content_Type=content_type))
    assert type(error) is e.UnreadableResponseError
    assert "A proxy or gateway answered in place of the service" in str(error)
    assert f"HTTP {status}" in str(error)
    assert "SecretId" not in str(error)
    assert not was_not_executed(error), "the service may have acted, and a proxy may have replaced its answer"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, e.RedirectError),
        (408, e.ServiceUnavailableError),
        (429, e.ThrottledError),
        (503, e.ServiceUnavailableError),
    ],
)
def test_a_web_page_with_a_status_of_any_gateway_keeps_its_class(run, status, kind):
    error = error_of(run, OPERATIONS["cancel"](), answer(status, b"<html/>", Content_Type="text/html"))
    assert type(error) is kind
    assert "The service answered" not in str(error)


@pytest.mark.parametrize("header", ["x-ci-request-id", "X-COS-Request-Id"])
def test_an_answer_with_a_request_id_is_the_service_s(run, header):
    error = error_of(run, OPERATIONS["list"](), answer(403, b"<html/>", Content_Type="text/html", **{header: "r-1"}))
    assert type(error) is e.PermissionDeniedError


@pytest.mark.parametrize("operation", ["cancel", "put"])
@pytest.mark.parametrize("body", [b"OK", b"{}", b'{"login": true}', b"<Response>", b"\x00", b"\xff"])
def test_a_request_without_an_answer_s_body_does_not_end_well_with_any_other_text(run, operation, body):
    assert isinstance(error_of(run, OPERATIONS[operation](), answer(200, body)), e.UnreadableResponseError)


@pytest.mark.parametrize("operation", ["cancel", "put"])
@pytest.mark.parametrize("status", [200, 201, 204])
@pytest.mark.parametrize("body", [b"", b"\r\n", b"<Response/>", b"<?xml version='1.0'?><CancelResult>1</CancelResult>"])
def test_a_request_without_an_answer_s_body_ends_well(run, operation, status, body):
    raw = answer(status, b"" if status == 204 else body, Content_Type="" if body else "text/html")
    with RawServer(lambda connection, _head: connection.sendall(raw)) as server:
        run(configuration(server.url), OPERATIONS[operation]())


@pytest.mark.parametrize("operation", ["cancel", "put"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDenied", e.PermissionDeniedError),
        ("InternalError", e.ServiceUnavailableError),
        ("New", e.UnreadableResponseError),  # the outcome of a request with such an answer is not known
    ],
)
def test_an_error_with_a_good_status_is_an_error(run, operation, code, kind):
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    error = error_of(run, OPERATIONS[operation](), answer(200, body, x_ci_request_id="r-1"))
    assert type(error) is kind
    assert (error.code, error.message, error.request_id) == (code, "no", "r-1")


@pytest.mark.parametrize("operation", ["cancel", "put"])
@pytest.mark.parametrize(
    "body",
    [
        b"<Response><Code>AccessDenied</Code><RequestId>body-7</RequestId></Response>",
        b'{"Code": "AccessDenied", "RequestId": "body-7"}',
    ],
)
def test_an_error_without_a_node_error_and_with_a_good_status_has_its_request_id(run, operation, body):
    error = error_of(run, OPERATIONS[operation](), answer(200, body))
    assert (type(error), error.request_id) == (e.PermissionDeniedError, "body-7")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_407_of_a_plain_proxy_is_the_proxy_s_refusal(run, operation):
    with Proxy(answer(407, b"<html/>", Proxy_Authenticate='Basic realm="x"')) as proxy:
        with pytest.raises(e.TransportError, match="The proxy refused: 407 Proxy Authentication Required") as caught:
            run(configuration("http://bucket.invalid", proxy=proxy.url), OPERATIONS[operation]())
        assert len(proxy.heads) == 1
    assert "user, password" in str(caught.value)
    assert was_not_executed(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_redirect_to_https_says_to_write_https(run, operation, status):
    def redirect(connection, head):
        target = head.split(b" ", 2)[1].decode()
        connection.sendall(
            answer(status, Location=f"https://examplebucket-1250000000.ci.ap-beijing.myqcloud.com{target}")
        )

    with RawServer(redirect) as server, pytest.raises(e.RedirectError, match="write https:// in endpoint_url"):
        run(configuration(server.url), OPERATIONS[operation]())


@pytest.mark.parametrize("location", ["https://login.example/", "http://login.example/inventorytriggerjob", "//[", ""])
def test_any_other_redirect_is_shown_and_does_not_speak_of_https(run, location):
    error = error_of(run, OPERATIONS["list"](), answer(302, Location=location))
    assert "write https" not in str(error)
    assert "not followed" in str(error)
