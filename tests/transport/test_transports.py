"""The common behaviour of both transports, against the emulator over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import ssl
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

import pytest
import requests
import trustme

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.file_lists import file_lists_of
from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.put_object import put_object
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.emulator import Fault, FaultKind
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_ID, SECRET_KEY, WORKFLOW_ID
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
from tests.core.submitting.attempts import submitting
from tests.transport.conftest import BUCKET, REGION, configuration
from tests.transport.servers import RawServer

SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids=WORKFLOW_ID, prefix="media/")


def look(**criteria):
    """One list request, not repeated."""
    return send_with_retry(build_list(JobFilter(**criteria)), read_jobs, NO_RETRY)


def create(name="nightly", specification=SPECIFICATION):
    return job_calls.create_job(name, specification)


@pytest.mark.parametrize(
    "name",
    ["a b", "a+b", "a%2Bb", "a&b=c#d?e", "夜间 转码_job-1", "𠮷🎬", "!'()*~", "/", "a\nb", "ß" * 100],
)
def test_the_request_arrives_as_it_was_signed(emulator, config, run, name):
    run(config, look(name=name))
    assert parse_qs(emulator.requests[-1].query)["name"] == [name]
    assert emulator.requests[-1].status == 200


@pytest.mark.parametrize("key", ["媒体/夜间 a+b.mp4", "a&b<c>\"d'.mp4", "𠮷🎬.mp4", "a\tb", "]]>", "${InputName}"])
def test_any_key_survives_the_round_trip(config, run, key):
    specification = InventoryJobSpecification.from_arguments(workflow_ids=WORKFLOW_ID, prefix=key)
    job = run(config, create("nightly", specification))
    assert job.input == {"Prefix": key}


def test_a_job_is_created_read_cancelled_and_listed(emulator, config, run):
    job = run(config, create())
    assert job.name == "nightly"
    assert job.creation_time is not None
    assert run(config, job_calls.get_job(job.job_id)).job_id == job.job_id
    run(config, job_calls.request_cancel(job.job_id))
    assert run(config, job_calls.get_job(job.job_id)).state == "Cancel"
    assert [each.job_id for each in run(config, look(states=["Cancel"])).items] == [job.job_id]


def test_the_host_header_names_the_bucket_for_any_connected_address(emulator, config, run):
    run(config, look())
    assert emulator.requests[-1].host.startswith(f"{BUCKET}.ci.{REGION}.myqcloud.com")


@pytest.mark.parametrize("key", ["./a", "a/./b", "a/../b", "../a", "..", ".", "a/..", "a/.", "a/.../b", "./lists/.a"])
def test_a_key_with_segments_of_dots_is_written_as_it_is(emulator, config, run, key):
    run(config, put_object(key, b"one"))
    assert list(emulator.bucket().objects)[-1] == key


@pytest.mark.parametrize("run_id", ["iNjJiZDU1=", "i+/a==", "a/../b", "..", "a?b#c%2F"])
def test_the_id_of_an_execution_may_be_any_text(run, run_id):
    detail = "<Response><WorkflowExecution><RunId>x</RunId></WorkflowExecution></Response>"
    execution = FileRun(run_id, "media/a.mp4", JobState.FAILED)
    [files] = file_lists_of(InventoryJob("b1", operation={"WorkflowIds": " w1 ,"}))
    with answering("200 OK", detail) as server:
        assert run(configuration(server.url), files.explain(execution)).run_id == run_id
        path = server.heads[0].split()[1].decode()
    start, _, sent = path.rpartition("/")
    assert (start, unquote(sent)) == ("/workflowexecution", run_id)


@pytest.mark.parametrize("key", ["lists/a.txt", "媒体/夜间 a+b%20.txt", ".airflow/x/b1/failed-1.txt", "a//b?c#d"])
def test_an_object_is_written_to_the_bucket(emulator, config, run, key):
    run(config, put_object(key, b"one\n"))
    run(config, put_object(key, "zwei\nü".encode()))
    assert emulator.bucket().objects[key].content == "zwei\nü".encode()
    assert emulator.requests[-1].host == f"{BUCKET}.cos.{REGION}.myqcloud.com"
    assert emulator.count("put_object") == 2


def test_an_upload_is_retried_until_it_is_answered(emulator, config, run):
    emulator.inject(Fault("reset", operation="put_object", after_acting=True))
    emulator.inject(Fault("error", operation="put_object", status=503, code="SlowDown"))
    run(config, put_object("a.txt", b"x" * 2_000_000))
    assert emulator.count("put_object") == 3
    assert emulator.bucket().objects["a.txt"].size == 2_000_000


def answering(status: str, body: str) -> RawServer:
    content = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
    return RawServer(lambda connection, _: connection.sendall(head + content))


HIDDEN_ERROR = (
    "<Response><Error><Code>PicBucketUnBinded</Code><Message>Bind it.</Message></Error>"
    "<RequestId>body-7</RequestId></Response>"
)


@pytest.mark.parametrize(
    "flow",
    [look, create, lambda: job_calls.request_cancel("b1", NO_RETRY), lambda: put_object("a.txt", b"x")],
    ids=["list", "create", "cancel", "upload"],
)
def test_an_answer_that_only_looks_like_a_success_is_an_error(run, flow):
    hidden = pytest.raises(e.InvalidRequestError, match=r"Bind it\..*PicBucketUnBinded.*body-7.*image processing")
    with answering("200 OK", HIDDEN_ERROR) as server, hidden:
        run(configuration(server.url), flow())


def test_a_compressed_answer_is_named(run):
    body = gzip.compress(b"<Response/>")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server = RawServer(lambda connection, _: connection.sendall(head + body))
    with server, pytest.raises(e.UnreadableResponseError, match="compressed"):
        run(configuration(server.url), look())


def test_an_upload_needs_its_own_permission(emulator, config, run):
    emulator.add_key(SECRET_ID, SECRET_KEY, actions=["ci:CreateInventoryTriggerJob"])
    with pytest.raises(e.PermissionDeniedError, match="cos:PutObject") as caught:
        run(config, put_object("a.txt", b"x"))
    assert caught.value.request_id
    assert "a.txt" not in emulator.bucket().objects


def test_an_upload_with_temporary_keys_sends_their_token(emulator, run):
    emulator.add_key("AKIDTEMPORARY", "temporary-secret", token="tok+en/EXAMPLE==")
    for token, is_right in (("tok+en/EXAMPLE==", True), ("wrong", False)):
        config = configuration(emulator.url, credentials=Credentials("AKIDTEMPORARY", "temporary-secret", token))
        if is_right:
            run(config, put_object("a.txt", b"x"))
        else:
            with pytest.raises(e.AuthenticationError):
                run(config, put_object("a.txt", b"x"))


def test_a_token_is_sent_and_signed(emulator, run):
    emulator.add_key("AKIDTEMPORARY", "temporary-secret", token="tok+en/EXAMPLE==")
    config = configuration(
        emulator.url, credentials=Credentials("AKIDTEMPORARY", "temporary-secret", "tok+en/EXAMPLE==")
    )
    assert run(config, look()).items == ()
    config = configuration(emulator.url, credentials=Credentials("AKIDTEMPORARY", "temporary-secret", "wrong"))
    with pytest.raises(e.AuthenticationError):
        run(config, look())


@pytest.mark.parametrize(
    "credentials",
    [Credentials("AKIDUNKNOWN", SECRET_KEY), Credentials(SECRET_ID, "wrong-secret")],
    ids=["unknown key", "wrong secret"],
)
def test_a_wrong_credential_raises_one_error_with_code_and_request_id_and_no_secret(emulator, run, credentials):
    with pytest.raises(e.AuthenticationError, match="Check SecretId and SecretKey") as caught:
        run(configuration(emulator.url, credentials=credentials), look())
    assert caught.value.code
    assert caught.value.request_id
    assert credentials.secret_key not in str(caught.value)


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "Brandnew"])
def test_a_refused_key_has_the_advice_of_its_configuration_and_the_place(emulator, run, code):
    emulator.inject("error", operation="list", status=401, code=code, times=None)
    advice, place = "Look under the doormat.", "Connection 'news', bucket b-1: "
    with pytest.raises((e.AuthenticationError, e.PermissionDeniedError)) as caught:
        run(configuration(emulator.url, key_advice=advice, place=place), look())
    assert caught.value.advice.count(advice) == 1
    assert "SecretId" not in str(caught.value)
    assert str(caught.value).startswith(place)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("slow_down"), e.ThrottledError),
        (Fault("slow_down", status=503), e.ThrottledError),
        (Fault("queue_saturated"), e.QueueSaturatedError),
        (Fault("expired_token"), e.AuthenticationError),
        (Fault("internal_error"), e.ServiceUnavailableError),
        (Fault("bad_gateway"), e.ServiceUnavailableError),
        (Fault("redirect"), e.RedirectError),
        (Fault("redirect", status=301), e.RedirectError),
        (Fault("truncated_xml"), e.UnreadableResponseError),
        (Fault("empty_body"), e.UnreadableResponseError),
        (Fault("garbage_body"), e.UnreadableResponseError),
        (Fault("entity_bomb"), e.UnreadableResponseError),
        (Fault("external_entity"), e.UnreadableResponseError),
        (Fault("huge_body"), e.UnreadableResponseError),
        (Fault("reset", times=None), e.TransportError),
        (Fault("cut_off"), e.TransportError),
    ],
    ids=lambda value: value.kind.value if isinstance(value, Fault) else "",
)
def test_each_fault_raises_one_typed_error(emulator, config, run, fault, error):
    emulator.inject(fault)
    with pytest.raises(error):
        run(config, look())
    # aiohttp itself retries a GET when the connection breaks before the answer; it never retries a POST.
    most = 2 if fault.kind is FaultKind.RESET else 1
    assert len(emulator.requests) <= most, "no library retries a request or follows a redirect"


@pytest.mark.parametrize("after_acting", [False, True])
def test_a_submission_is_never_retried_by_the_transport(emulator, config, run, after_acting):
    emulator.inject(Fault("reset", times=None, after_acting=after_acting))
    with pytest.raises(e.TransportError) as caught:
        run(config, create())
    assert caught.value.request_sent
    assert [request.method for request in emulator.requests] == ["POST"]


def test_a_huge_body_is_not_read_to_its_end(emulator, config, run):
    emulator.inject(Fault("huge_body"))
    with pytest.raises(e.UnreadableResponseError, match="larger than 4 MB"):
        run(config, look())


@pytest.mark.parametrize("fault", [Fault("hang", seconds=20), Fault("drip", seconds=60)], ids=["hang", "drip"])
def test_a_slow_answer_times_out(emulator, run, fault):
    emulator.inject(fault)
    started = time.monotonic()
    with pytest.raises(e.TransportError, match="No answer from http://127.0.0.1:") as caught:
        run(configuration(emulator.url, request_timeout=0.5), look())
    assert caught.value.request_sent
    assert time.monotonic() - started < 10


def test_a_refused_connection_names_the_host_and_counts_as_unsent(run):
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(e.TransportError, match=f"No answer from {url} .*did not reach it") as caught:
            run(configuration(url), look())
    assert not caught.value.request_sent


def test_an_unknown_host_is_named_and_counts_as_unsent(run):
    with pytest.raises(e.TransportError, match="bucket.invalid.*did not reach it") as caught:
        run(configuration("http://bucket.invalid"), look())
    assert not caught.value.request_sent


def test_a_missing_proxy_counts_as_no_answer(run):
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(e.TransportError, match="through the proxy"):
            run(configuration("http://bucket.invalid", proxy=proxy), look())


def test_a_server_without_tls_counts_as_no_answer(emulator, run):
    with pytest.raises(e.TransportError):
        run(configuration(emulator.url.replace("http:", "https:")), look())


@pytest.fixture
def tls_server(tmp_path):
    """A TLS server with an untrusted certificate; it never gets a request."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with closing(connection):
                    try:
                        context.wrap_socket(connection, server_side=True).recv(65536)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}", tmp_path / "ca.pem"


def test_an_untrusted_certificate_is_refused_before_anything_is_sent(tls_server, run):
    with pytest.raises(e.TransportError, match="did not reach it") as caught:
        run(configuration(tls_server[0]), look())
    assert not caught.value.request_sent


def test_a_certificate_trusted_by_the_bundle_is_accepted(tls_server, run):
    url, bundle = tls_server
    with pytest.raises(e.TransportError, match="may have reached it"):
        run(configuration(url, verify=str(bundle)), look())


@pytest.fixture
def talkative_server():
    """A server whose errors contain the whole request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            told = escape("; ".join(self.headers.values()))
            body = f"<Error><Code>SignatureDoesNotMatch</Code><Message>{told}; {SECRET_KEY}</Message></Error>".encode()
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-ci-request-id", self.headers["x-ci-security-token"])
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_no_secret_is_in_the_service_s_message(talkative_server, run):
    credentials = Credentials(SECRET_ID, SECRET_KEY, "a-session-token")
    with pytest.raises(e.AuthenticationError) as caught:
        run(configuration(talkative_server, credentials=credentials), look())
    said = str(caught.value)
    assert "q-signature=***" in said
    assert f"q-ak={SECRET_ID}" in said
    assert SECRET_KEY not in said
    assert "a-session-token" not in said
    assert not re.search(r"[0-9a-f]{40}", said)


def test_a_successful_answer_is_not_changed(emulator, run):
    emulator.add_key("AKIDSHORT", "emulator")
    config = configuration(emulator.url, credentials=Credentials("AKIDSHORT", "emulator"))
    job = run(config, create("emulator-nightly"))
    assert run(config, job_calls.get_job(job.job_id)).name == "emulator-nightly"


def test_the_transport_makes_the_pauses(emulator, config, run, clock):
    emulator.inject(Fault("slow_down", times=2))
    assert run(config, job_calls.list_jobs_page(JobFilter())).items == ()
    backoffs = [pause for pause in clock.pauses if pause >= 0.5]  # the rate limit pauses for less
    assert len(backoffs) == 2


# Signatures begin up to six minutes early, so 20 minutes fast would be too much only for a part of the time.
@pytest.mark.parametrize("ahead_seconds", [1500, -1200, 86400, -86400])
@pytest.mark.parametrize(("in_words_of_cos", "status"), [(False, 401), (True, 403)])
def test_a_wrong_clock_costs_one_request_and_a_warning(
    emulator, config, run, clock, caplog, ahead_seconds, in_words_of_cos, status
):
    clock.ahead_seconds = ahead_seconds
    emulator.configure(cos_style_errors=in_words_of_cos)

    def make_and_look():
        job = yield from job_calls.create_job("nightly", SPECIFICATION)
        return (yield from job_calls.get_job(job.job_id))

    assert run(config, make_and_look()).job_id == emulator.jobs[0].job_id
    assert [request.status for request in emulator.requests] == [status, 200, 200]
    [warning] = caplog.records
    seconds, direction = re.search(r"clock is (\d+) seconds (ahead of|behind)", warning.getMessage()).groups()
    assert abs(int(seconds) - abs(ahead_seconds)) <= 2  # `Date` is to the second
    assert direction == ("ahead of" if ahead_seconds > 0 else "behind")


@pytest.fixture
def lying_server(emulator):
    """A proxy before the emulator that writes its own ``Date``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            headers = dict(self.headers.items())
            with requests.get(emulator.url + self.path, headers=headers, timeout=10) as answer:
                self.send_response_only(answer.status_code)
                self.send_header("Date", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("in_words_of_cos", [False, True])
def test_a_wrong_date_costs_one_request_per_process_and_a_warning(emulator, lying_server, run, caplog, in_words_of_cos):
    emulator.configure(cos_style_errors=in_words_of_cos)
    for _ in range(4):
        run(configuration(lying_server), look())
    assert [request.status == 200 for request in emulator.requests] == [True, False, True, True, True]
    [warning] = caplog.records
    assert "a proxy may have written it" in warning.getMessage()


def test_a_netrc_file_does_not_replace_the_authorization(emulator, config, run, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert run(config, look()).items == ()


def test_a_submission_with_a_lost_answer_is_found_and_not_repeated(emulator, config, run):
    emulator.inject(Fault("reset", operation="create", after_acting=True))
    submission = run(config, submitting(SPECIFICATION))
    assert submission.adopted
    assert [job.job_id for job in emulator.jobs] == [submission.job.job_id]


# --- the rate limit of an event loop


@pytest.mark.parametrize("limits", [(5.0, 5.1), (5.1, 5.0)])
def test_the_transports_of_a_process_share_the_lowest_limit_and_a_cancel_goes_first(emulator, limits):
    async def main():
        pauses, sent_at = [], []
        began_at = time.monotonic()

        async def sleep(seconds):
            pauses.append(seconds)
            sent_at.append(time.monotonic() - began_at + seconds)

        one, other = (
            AsyncTransport(configuration(emulator.url, requests_per_second=limit), sleep=sleep) for limit in limits
        )
        async with one, other:
            job = await one.run(create())
            for _ in range(10):
                await one.run(look())
                await other.run(look())
            # 21 requests: five at once, then five a second. On a slow machine the pauses are shorter.
            assert max(sent_at) > 2.5
            assert max(pauses) <= 3.2
            pauses.clear()
            await one.run(job_calls.request_cancel(job.job_id))
            assert pauses == []

    asyncio.run(main())


def test_cancelled_requests_delay_no_others(emulator, config):
    async def main():
        async with AsyncTransport(config) as transport:
            waiting = [asyncio.create_task(transport.run(look())) for _ in range(200)]
            await asyncio.sleep(0.2)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            began_at = time.monotonic()
            await transport.run(look())
            assert time.monotonic() - began_at < 3, "200 requests take 20 seconds"

    asyncio.run(main())
