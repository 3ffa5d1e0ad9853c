"""Secrets in the service's answers are redacted."""

from __future__ import annotations

from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.core.wire.redaction import REDACTED, redact, redact_headers
from airflow_provider_tencent_ci.core.wire.request_credentials import NO_CREDENTIALS, Credentials
from airflow_provider_tencent_ci.core.wire.signing import secrets_of, sign
from tests.core.script import START

CREDENTIALS = Credentials("AKIDEXAMPLE", "a-long-secret-key", "a-long-token")


def test_the_secrets_of_a_request_are_key_token_sign_key_and_signature():
    signed = sign(Request("GET", "/"), "host", CREDENTIALS, START)
    key, token, sign_key, signature = secrets_of(CREDENTIALS, signed)
    assert (key, token) == ("a-long-secret-key", "a-long-token")
    assert len(sign_key) == len(signature) == 40
    assert signed["authorization"].endswith(f"q-signature={signature}")
    assert sign_key not in signed["authorization"]


def test_secrets_are_redacted_at_any_position():
    body = b"<Message>a-long-secret-key, a-long-token and again a-long-token</Message>"
    assert redact(body, ["a-long-secret-key", "a-long-token"]) == (
        f"<Message>{REDACTED}, {REDACTED} and again {REDACTED}</Message>".encode()
    )
    assert redact_headers({"location": "/?t=a-long-token", "date": "now"}, ["a-long-token"]) == {
        "location": f"/?t={REDACTED}",
        "date": "now",
    }


def test_a_text_too_short_for_a_secret_is_not_redacted():
    assert redact(b"a b c", ["", "b"]) == b"a b c"


def test_an_unsigned_request_has_no_secrets():
    assert secrets_of(NO_CREDENTIALS, sign(Request("GET", "/"), "host", NO_CREDENTIALS, START)) == []
