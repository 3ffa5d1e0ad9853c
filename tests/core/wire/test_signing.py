from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qcloud_cos import CosConfig
from qcloud_cos.cos_auth import CosS3Auth

from airflow_provider_tencent_ci.core.wire import signing
from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_config import Endpoint
from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey, check_signature
from airflow_provider_tencent_ci.emulator.model.switches import SignatureRules
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from airflow_provider_tencent_ci.emulator.protocol.http_messages import WireRequest
from tests.strategies import reserved_text, text

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "signature-vectors.json").read_text("utf-8"))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYS = Credentials("AKIDEXAMPLE", "example-secret-key")


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_signatures_of_the_sdk_are_reproduced_byte_for_byte(vector):
    keys = Credentials(vector["secret_id"], vector["secret_key"])
    signed = signing.authorization(
        vector["method"], vector["path"], vector["params"].items(), vector["headers"], keys, vector["sign_time"]
    )
    assert signed == vector["authorization"]


def test_all_fourteen_vectors_are_there():
    assert len(VECTORS) == 14


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        (" ", "%20"),
        ("+", "%2B"),
        ("/", "%2F"),
        ("a-_.~Z9", "a-_.~Z9"),
        ("!'()*", "%21%27%28%29%2A"),
        ("夜间", "%E5%A4%9C%E9%97%B4"),
        ("𠮷🎬", "%F0%A0%AE%B7%F0%9F%8E%AC"),
        ("%41", "%2541"),
        ("", ""),
    ],
)
def test_every_character_but_the_unreserved_is_percent_encoded(text, encoded):
    assert signing.encode(text) == encoded


@given(reserved_text | text)
def test_encoding_matches_the_standard_library_for_any_text(text):
    assert signing.encode(text) == quote(text, safe="-_.~")
    assert unquote(signing.encode(text)) == text


def test_the_query_is_sent_as_it_is_signed():
    query = (("name", "a b+c"), ("cancel", None), ("nextToken", ""))
    assert signing.query_string(query) == "name=a%20b%2Bc&cancel&nextToken="


def test_a_signature_window_starts_before_now_and_ends_well_after_it():
    start, end = map(int, signing.key_time(NOW).split(";"))
    now = NOW.timestamp()
    assert start <= now - 60
    assert end >= now + 600


def test_requests_of_one_window_share_one_sign_key():
    signing._sign_key.cache_clear()
    for second in range(0, 240, 5):
        signing.sign(Request("GET", "/"), "host", KEYS, NOW.replace(minute=5, second=0) + timedelta(seconds=second))
    assert signing._sign_key.cache_info().misses == 1


def test_the_next_window_has_a_new_sign_key():
    assert signing.key_time(NOW) != signing.key_time(NOW + timedelta(seconds=signing.WINDOW_SECONDS))


def test_only_host_type_digest_and_token_are_signed():
    request = Request("POST", "/", headers={"Content-Type": "application/xml", "content-md5": "x", "x-other": "y"})
    headers = signing.sign(request, "bucket.example", Credentials("id", "key", token="session"), NOW)
    assert "q-header-list=content-md5;content-type;host;x-ci-security-token&" in headers["authorization"]
    assert headers["host"] == "bucket.example"
    assert headers["x-ci-security-token"] == "session"
    assert headers["x-other"] == "y"


def test_no_token_header_is_sent_without_a_token():
    assert signing.TOKEN_HEADER not in signing.sign(Request("GET", "/"), "host", KEYS, NOW)


def test_keys_show_no_secret():
    shown = repr(Credentials("AKIDEXAMPLE", "the-secret", token="the-token"))
    assert "AKIDEXAMPLE" in shown
    assert "the-" not in shown


ENDPOINT = Endpoint.of_bucket("examplebucket-1250000000", "ap-beijing")

words = reserved_text | text
# A token may also be sent as a parameter, and then its header does not count.
unusual = ("cancel", signing.TOKEN_HEADER)
keys = words.filter(lambda key: key and not key.lower().startswith("q-") and key.lower() not in unusual)
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
credentials = st.builds(Credentials, st.from_regex(r"[A-Za-z0-9]+", fullmatch=True), words, st.none() | visible)
requests = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "PUT"]),
    words.filter(lambda path: not path.startswith("/")).map("/".__add__),
    st.lists(st.tuples(keys, st.none() | words), max_size=4).map(tuple),
    st.fixed_dictionaries({}, optional={"Content-Type": visible, "content-md5": visible, "x-other": visible}),
)


def on_the_wire(request: Request, keys: Credentials) -> WireRequest:
    """Return the target and headers of the request as it arrives, signed at ``NOW``."""
    target = ENDPOINT.url_of(request).removeprefix(ENDPOINT.base_url)
    return WireRequest(request.method, target, signing.sign(request, ENDPOINT.host, keys, NOW))


def check(request: WireRequest, keys: Credentials) -> None:
    key = AccessKey(keys.secret_id, keys.secret_key, keys.token)
    check_signature(request, {key.secret_id: key}, SignatureRules(all_parameters_signed=True), signed_at=NOW, now=NOW)


@given(requests, credentials)
def test_any_signed_request_is_accepted(request, keys):
    wire = on_the_wire(request, keys)
    assert (wire.path, wire.parameters) == (request.path, tuple((k, v or "") for k, v in request.query))
    check(wire, keys)


def with_header(name: str):
    def change(wire: WireRequest) -> WireRequest:
        return replace(wire, headers={**wire.headers, name: f"x{wire.headers[name]}"})

    return change


def with_another_signature(wire: WireRequest) -> WireRequest:
    head, signature = wire.headers["authorization"][:-1], wire.headers["authorization"][-1]
    return replace(wire, headers={**wire.headers, "authorization": head + ("1" if signature == "0" else "0")})


def with_another_window(wire: WireRequest) -> WireRequest:
    start, end = signing.key_time(NOW).split(";")
    moved = wire.headers["authorization"].replace(f"{start};{end}", f"{start};{int(end) + 1}")
    return replace(wire, headers={**wire.headers, "authorization": moved})


CHANGES = {
    "method": lambda wire: replace(wire, method="DELETE"),
    "path": lambda wire: replace(wire, target=wire.target.replace("/", "/x", 1)),
    "another parameter": lambda wire: replace(wire, target=f"{wire.target}{'&' if wire.raw_query else '?'}other=1"),
    "no parameters": lambda wire: replace(wire, target=wire.target.partition("?")[0]),
    "last value": lambda wire: replace(wire, target=f"{wire.target}x"),
    "host": with_header("host"),
    "type": with_header("content-type"),
    "digest": with_header("content-md5"),
    "token": with_header(signing.TOKEN_HEADER),
    "signature": with_another_signature,
    "window": with_another_window,
}

full_requests = st.builds(
    Request,
    st.just("POST"),
    requests.map(lambda request: request.path),
    st.builds(lambda query, value: (*query, ("name", value)), st.lists(st.tuples(keys, words), max_size=2), words),
    st.fixed_dictionaries({"content-type": visible, "content-md5": visible}),
)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@given(request_=full_requests, keys=credentials.map(lambda keys: replace(keys, token=keys.token or "session")))
def test_a_request_with_one_changed_signed_part_is_refused(change, request_, keys):
    wire = on_the_wire(request_, keys)
    check(wire, keys)
    with pytest.raises(ServiceError):
        check(change(wire), keys)


# The SDK keeps parameters by their names, and its configuration strips the keys.
sdk_queries = st.dictionaries(keys.map(str.lower), words, max_size=4)


@given(requests, sdk_queries, st.from_regex(r"[A-Za-z0-9]{1,40}", fullmatch=True))
def test_the_official_sdk_makes_the_same_signature_for_any_request(request, query, secret_key):
    config = CosConfig(Region="ap-beijing", SecretId="AKIDEXAMPLE", SecretKey=secret_key)
    headers = {"host": ENDPOINT.host, **request.headers}
    sent = SimpleNamespace(method=request.method, headers=dict(headers), url=ENDPOINT.base_url)
    theirs = CosS3Auth(config, request.path, query)(sent).headers["Authorization"]
    sign_time = theirs.partition("q-sign-time=")[2].partition("&")[0]
    covered = {name: value for name, value in headers.items() if name != "x-other"}
    keys = Credentials("AKIDEXAMPLE", secret_key)
    assert signing.authorization(request.method, request.path, query.items(), covered, keys, sign_time) == theirs
