from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core import signing
from airflow_provider_tencent_ci.core.credentials import Credentials
from airflow_provider_tencent_ci.core.messages import Request

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "signature-vectors.json").read_text("utf-8"))
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYS = Credentials("AKIDEXAMPLE", "example-secret-key")


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_sdk_s_signatures_are_reproduced_byte_for_byte(vector):
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
def test_everything_but_the_unreserved_is_percent_encoded(text, encoded):
    assert signing.encode(text) == encoded


@given(st.text(st.characters(codec="utf-8")))
def test_encoding_can_be_undone_whatever_the_text(text):
    assert unquote(signing.encode(text)) == text


def test_the_query_is_written_as_it_is_signed():
    query = (("name", "a b+c"), ("cancel", None), ("nextToken", ""))
    assert signing.query_string(query) == "name=a%20b%2Bc&cancel&nextToken="


def test_a_window_starts_before_now_and_ends_well_after_it():
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


def test_host_type_digest_and_token_are_signed_and_nothing_else():
    request = Request("POST", "/", headers={"Content-Type": "application/xml", "content-md5": "x", "x-other": "y"})
    headers = signing.sign(request, "bucket.example", Credentials("id", "key", token="session"), NOW)
    assert "q-header-list=content-md5;content-type;host;x-ci-security-token&" in headers["authorization"]
    assert headers["host"] == "bucket.example"
    assert headers["x-ci-security-token"] == "session"
    assert headers["x-other"] == "y"


def test_no_token_header_without_a_token():
    assert signing.TOKEN_HEADER not in signing.sign(Request("GET", "/"), "host", KEYS, NOW)


def test_keys_show_no_secret():
    shown = repr(Credentials("AKIDEXAMPLE", "the-secret", token="the-token"))
    assert "AKIDEXAMPLE" in shown
    assert "the-" not in shown
