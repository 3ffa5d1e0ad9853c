"""Redact secrets in the service's answers: its error texts go to logs, XCom and the triggerer's events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

REDACTED = "***"

# A shorter text is no secret, and would match everywhere.
_MIN_SECRET_LENGTH = 8


# The characters that XML writes by a name.
_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


def redact(body: bytes, secrets: Iterable[str]) -> bytes:
    """Return a body with each secret in it replaced, however XML, JSON or a URL write its characters."""
    return _redact(body.decode(errors="surrogateescape"), _patterns(secrets)).encode(errors="surrogateescape")


def redact_headers(headers: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """Return headers with each secret in their values replaced."""
    patterns = _patterns(secrets)
    return {name: _redact(value, patterns) for name, value in headers.items()}


def _redact(text: str, patterns: Iterable[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub(REDACTED, text)
    return text


def _patterns(secrets: Iterable[str]) -> list[re.Pattern[str]]:
    long_enough = (secret for secret in secrets if len(secret) >= _MIN_SECRET_LENGTH)
    return [re.compile("".join(map(_forms, secret)), re.IGNORECASE) for secret in long_enough]


def _forms(character: str) -> str:
    """Return a pattern for a character of a secret. Letters and digits are written as they are."""
    if character.isalnum():
        return character
    code = ord(character)
    forms = [rf"\\?{re.escape(character)}", f"%{code:02x}", rf"\\u{code:04x}", f"&(?:amp;)*#(?:x0*{code:x}|0*{code});"]
    if name := _ENTITIES.get(character):
        forms.append(f"&(?:amp;)*{name};")
    return f"(?:{'|'.join(forms)})"
