"""Refusals: each part of a request that a signature covers is changed once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey, check_signature
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.switches import SignatureRules
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.emulator.protocol.http_messages import WireRequest
from tests.emulator.wire import HOST, JOBS, KEYS, call, exchange, request_body, sign_time, signed_headers

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "signature-vectors.json").read_text("utf-8"))
QUERY = (("name", "nightly"), ("states", "Running"))
TARGET = f"{JOBS}?name=nightly&states=Running"


def check_vector(vector, *, authorization: str | None = None, seconds: float = 100) -> AccessKey:
    """Check a request of the SDK's as it was on the wire, ``seconds`` after its window began."""
    address = urlsplit(vector["request_url"])
    request = WireRequest(
        vector["method"],
        address.path + (f"?{address.query}" if address.query else ""),
        {**vector["headers"], "authorization": authorization or vector["authorization"]},
    )
    token = vector["headers"].get("x-ci-security-token")
    key = AccessKey(vector["secret_id"], vector["secret_key"], token)
    start = int(vector["sign_time"].split(";")[0])
    moment = datetime.fromtimestamp(start + seconds, UTC)
    return check_signature(request, {key.secret_id: key}, SignatureRules(), signed_at=moment, now=moment)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_signatures_of_the_official_sdk_are_accepted(vector):
    assert check_vector(vector).secret_id == vector["secret_id"]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_a_signature_with_one_wrong_digit_is_refused(vector):
    last = vector["authorization"][-1]
    with pytest.raises(ServiceError, match="does not match"):
        check_vector(vector, authorization=vector["authorization"][:-1] + ("0" if last != "0" else "1"))


@pytest.mark.parametrize(
    ("seconds", "refused"),
    [(-900, False), (-901, True), (0, False), (3660, False), (3661, True)],
)
def test_the_window_is_valid_from_shortly_before_its_start_to_its_end(seconds, refused):
    if not refused:
        check_vector(VECTORS[0], seconds=seconds)
        return
    with pytest.raises(ServiceError) as caught:
        check_vector(VECTORS[0], seconds=seconds)
    assert (caught.value.status, caught.value.code) == (401, "SignatureExpired")


def refused(emulator, target: str, headers, *, code: str = "InvalidAuthorization", status: int = 401) -> str:
    """Send a request, expect CI's own error body, and return the message."""
    answer = exchange(emulator, "GET", target, headers)
    assert (answer.status, answer.code) == (status, code)
    assert [node.tag for node in answer.xml] == ["Code", "Message", "RequestId", "TraceId"]
    return answer.message


def test_the_request_as_it_was_signed_is_accepted(emulator):
    assert exchange(emulator, "GET", TARGET, signed_headers("GET", JOBS, QUERY)).status == 200


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (f"{JOBS}?name=nightly2&states=Running", "does not match"),
        (f"{JOBS}?name=&states=Running", "does not match"),
        (f"{JOBS}?name=nightly&states=Running&states=Failed", "does not match"),
        (f"{JOBS}?name=nightly", "names 'states', which the request does not have"),
        (f"{TARGET}&type=Job", "'type' is not in q-url-param-list"),
        (f"{JOBS}/b1?name=nightly&states=Running", "does not match"),
        ("/workflowexecution?name=nightly&states=Running", "does not match"),
    ],
)
def test_another_path_or_query_than_was_signed_is_refused(emulator, target, message):
    assert message in refused(emulator, target, signed_headers("GET", JOBS, QUERY))


def test_another_method_than_was_signed_is_refused(emulator):
    assert "does not match" in refused(emulator, JOBS, signed_headers("PUT", JOBS))


@pytest.mark.parametrize("change", [{"x-ci-note": "changed"}, {"host": f"{defaults.BUCKET}.example.com"}])
def test_another_header_than_was_signed_is_refused(emulator, change):
    headers = signed_headers("GET", JOBS, headers={"x-ci-note": "as signed"})
    assert "does not match" in refused(emulator, JOBS, headers | change)


def test_a_signed_header_that_is_missing_is_refused(emulator):
    headers = signed_headers("GET", JOBS, headers={"x-ci-note": "as signed"})
    del headers["x-ci-note"]
    assert "names 'x-ci-note'" in refused(emulator, JOBS, headers)


def test_a_header_that_was_not_signed_may_change(emulator):
    headers = signed_headers("GET", JOBS) | {"user-agent": "anything", "x-forwarded-for": "1.2.3.4"}
    assert exchange(emulator, "GET", JOBS, headers).status == 200


def test_an_added_parameter_is_accepted_if_only_listed_ones_are_checked(emulator):
    emulator.configure(all_parameters_signed=False)
    assert exchange(emulator, "GET", f"{TARGET}&type=Job", signed_headers("GET", JOBS, QUERY)).status == 200


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("q-signature=", "q-signature=0", "InvalidAuthorization"),
        ("q-sign-algorithm=sha1", "q-sign-algorithm=md5", "InvalidAuthorization"),
        ("&q-key-time=", "&q-key-time=1", "InvalidAuthorization"),
        ("&q-header-list=host", "&q-header-list=", "InvalidAuthorization"),
        ("&q-url-param-list=", "&q-nothing=", "InvalidAuthorization"),
        (f"q-ak={defaults.SECRET_ID}", "q-ak=AKIDNOBODY", "SecretidNotExist"),
        ("q-sign-algorithm", "Bearer q", "InvalidAuthorization"),
    ],
)
def test_an_authorization_that_was_changed_is_refused(emulator, old, new, code):
    headers = signed_headers("GET", JOBS)
    assert old in headers["authorization"]
    refused(emulator, JOBS, headers | {"authorization": headers["authorization"].replace(old, new)}, code=code)


@pytest.mark.parametrize("text", ["now;later", ";", "1", "1.5;2", "1;" + "9" * 20])
def test_a_malformed_window_is_refused(emulator, text):
    refused(emulator, JOBS, signed_headers("GET", JOBS, when=text))


@pytest.mark.parametrize(("start", "end"), [(-3600, -1), (-1200, -600), (1200, 3600)])
def test_a_window_in_the_past_or_far_in_the_future_is_refused(emulator, start, end):
    headers = signed_headers("GET", JOBS, when=sign_time(start, end))
    refused(emulator, JOBS, headers, code="SignatureExpired")


def test_an_unsigned_request_is_refused(emulator):
    refused(emulator, JOBS, {"host": HOST}, code="MissingAuthorization")


def test_a_wrong_secret_is_refused_and_nothing_is_created(emulator):
    keys = Credentials(KEYS.secret_id, "another-secret")
    answer = call(emulator, "POST", JOBS, body=request_body(), keys=keys)
    assert (answer.status, answer.code) == (401, "InvalidAuthorization")
    assert emulator.jobs == []


def test_a_signature_may_travel_in_the_query(emulator):
    text = signed_headers("GET", JOBS, QUERY)["authorization"]
    assert exchange(emulator, "GET", f"{TARGET}&{text.replace(';', '%3B')}", {"host": HOST}).status == 200
    refused(emulator, f"{JOBS}?name=other&states=Running&{text.replace(';', '%3B')}", {"host": HOST})


def test_the_fields_may_be_merged_into_one_parameter(emulator):
    text = signed_headers("GET", JOBS, QUERY)["authorization"]
    assert exchange(emulator, "GET", f"{TARGET}&sign={quote(text, safe='')}", {"host": HOST}).status == 200
    refused(emulator, f"{JOBS}?name=other&states=Running&sign={quote(text, safe='')}", {"host": HOST})
    refused(emulator, f"{JOBS}?sign=", {"host": HOST}, code="MissingAuthorization")


@pytest.mark.parametrize("name", ["x-ci-security-token", "x-cos-security-token"])
@pytest.mark.parametrize("in_query", [True, False])
def test_a_token_may_travel_in_the_query_unsigned(emulator, temporary, name, in_query):
    headers = signed_headers("GET", JOBS, QUERY, keys=temporary)
    if in_query:
        target, headers = f"{TARGET}&{quote(headers['authorization'], safe='=&')}", {"host": HOST}
    else:
        target = TARGET
    token = quote("tok+en/EXAMPLE==", safe="")
    assert exchange(emulator, "GET", f"{target}&{name}={token}", headers).status == 200
    refused(emulator, f"{target}&{name}=other", headers)
    refused(emulator, target, headers)


@pytest.mark.parametrize("target", ["?name=a%20b%2Bc", "?name=a+b%2Bc"])
def test_a_plus_in_the_query_is_a_space(emulator, target):
    headers = signed_headers("GET", JOBS, [("name", "a b+c")])
    assert exchange(emulator, "GET", JOBS + target, headers).status == 200
    refused(emulator, f"{JOBS}?name=a b+c".replace(" ", "%20"), headers)


def test_the_path_is_checked_decoded(emulator):
    headers = signed_headers("GET", f"{JOBS}/b 夜+")
    assert exchange(emulator, "GET", f"{JOBS}/b%20%E5%A4%9C+", headers).status == 200


@pytest.mark.parametrize("port", ["", ":8443"])
@pytest.mark.parametrize("signed_port", ["", ":8443"])
def test_the_host_may_be_signed_with_or_without_its_port(emulator, port, signed_port):
    headers = signed_headers("GET", JOBS, headers={"host": HOST + signed_port}) | {"host": HOST + port}
    status = exchange(emulator, "GET", JOBS, headers).status
    assert status == (401 if signed_port and not port else 200)


@pytest.fixture
def temporary(emulator) -> Credentials:
    emulator.add_key("AKIDTEMP", "temporary-secret", token="tok+en/EXAMPLE==")
    return Credentials("AKIDTEMP", "temporary-secret")


@pytest.mark.parametrize("name", ["x-ci-security-token", "x-cos-security-token"])
@pytest.mark.parametrize("is_signed", [True, False])
def test_temporary_keys_need_their_token_under_either_name(emulator, temporary, name, is_signed):
    token = {name: "tok+en/EXAMPLE=="}
    sent = {"headers": token} if is_signed else {"unsigned": token}
    assert call(emulator, "GET", JOBS, keys=temporary, **sent).status == 200


def test_the_token_s_other_name_is_refused_if_the_switch_is_set(emulator, temporary):
    emulator.configure(cos_token_accepted=False)
    statuses = [
        call(emulator, "GET", JOBS, keys=temporary, headers={name: "tok+en/EXAMPLE=="}).status
        for name in ("x-ci-security-token", "x-cos-security-token")
    ]
    assert statuses == [200, 401]


@pytest.mark.parametrize("headers", [{}, {"x-ci-security-token": "other"}, {"x-ci-security-token": ""}])
def test_temporary_keys_with_a_missing_or_wrong_token_are_refused(emulator, temporary, headers):
    answer = call(emulator, "GET", JOBS, keys=temporary, headers=headers)
    assert (answer.status, answer.code) == (401, "InvalidAuthorization")


def test_temporary_keys_expire(emulator):
    emulator.add_key("AKIDTEMP", "s", token="t", expires_at=emulator.now() + timedelta(minutes=30))
    keys, headers = Credentials("AKIDTEMP", "s"), {"x-ci-security-token": "t"}
    assert call(emulator, "GET", JOBS, keys=keys, headers=headers).status == 200
    emulator.advance(1801)
    answer = call(emulator, "GET", JOBS, keys=keys, headers=headers)
    assert (answer.status, answer.code) == (400, "ExpiredToken")


def test_signatures_stay_valid_when_the_clock_is_put_forward(emulator):
    emulator.advance(30 * 86400)
    assert call(emulator, "GET", JOBS).status == 200


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_server_with_a_wrong_clock_refuses_every_request_and_shows_its_time(emulator, seconds):
    emulator.configure(clock_offset_seconds=seconds)
    answer = call(emulator, "GET", JOBS)
    assert (answer.status, answer.code) == (401, "SignatureExpired")
    when = sign_time(seconds - 60, seconds + 600)
    assert exchange(emulator, "GET", JOBS, signed_headers("GET", JOBS, when=when)).status == 200


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("/other", {}, "SignatureDoesNotMatch"),
        (JOBS, {"keys": Credentials("AKIDNOBODY", "s")}, "InvalidAccessKeyId"),
        (JOBS, {"when": "9999999998;9999999999"}, "RequestTimeTooSkewed"),
        (JOBS, {"when": "1;2"}, "AccessDenied"),
    ],
)
def test_a_switch_gives_errors_cos_s_names(emulator, path, options, code):
    headers = signed_headers("GET", path, **options)  # made now: a signature is valid for some minutes
    emulator.configure(cos_style_errors=True)
    answer = exchange(emulator, "GET", JOBS, headers)
    assert (answer.status, answer.code) == (403, code)


@pytest.mark.parametrize("path", [JOBS, "/a.txt"])
def test_cos_s_message_of_an_expired_signature_is_the_one_that_sdks_compare(emulator, path):
    host = HOST if path == JOBS else HOST.replace(".ci.", ".cos.")
    emulator.configure(cos_style_errors=True)
    answer = exchange(emulator, "GET", path, signed_headers("GET", path, headers={"host": host}, when="1;2"))
    assert (answer.code, answer.message) == ("AccessDenied", "Request has expired")


def test_a_mismatch_is_explained_in_cos_s_style(emulator):
    emulator.configure(cos_style_errors=True)
    answer = exchange(emulator, "GET", TARGET, signed_headers("GET", "/other", QUERY))
    assert answer.text("FormatString") == f"get\n{JOBS}\nname=nightly&states=Running\nhost={HOST}\n"
    assert answer.text("StringToSign").startswith("sha1\n")
    assert answer.text("Resource") == JOBS


def test_headers_and_paths_that_are_not_text_are_refused(emulator):
    headers = signed_headers("GET", JOBS, headers={"x-ci-note": "as signed"})
    headers["x-ci-note"] = "\xff\xfe"
    refused(emulator, JOBS, headers)
    refused(emulator, f"{JOBS}/%ff%fe", signed_headers("GET", JOBS))
