"""Redact secrets in the service's answers: its error texts go to logs, XCom and the triggerer's events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

REDACTED = "***"

# A shorter text is no secret, and would match everywhere.
_MIN_SECRET_LENGTH = 8


def redact(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return a body with each secret in it replaced."""
    for secret in _long_enough(secrets):
        body = body.replace(secret.encode(), REDACTED.encode())
    return body


def redact_headers(headers: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """Return headers with each secret in their values replaced."""
    found = dict(headers)
    for secret in _long_enough(secrets):
        found = {name: value.replace(secret, REDACTED) for name, value in found.items()}
    return found


def _long_enough(secrets: Iterable[str]) -> Iterable[str]:
    return (secret for secret in secrets if len(secret) >= _MIN_SECRET_LENGTH)
