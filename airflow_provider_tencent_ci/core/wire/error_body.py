"""The body of an error answer: the service's code and message."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_tencent_ci.core.wire.texts import shortened
from airflow_provider_tencent_ci.core.wire.xml import read_xml, text_of
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError

# The answer may come from a gateway or a proxy, so the lengths are bounded.
_MAX_MESSAGE_LENGTH = 1_000
_MAX_CODE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """
    The content of an error body.

    :param code: the service's code, such as ``AccessDenied``; empty if there is none.
    :param message: the service's message; empty if there is none.
    """

    code: str = ""
    message: str = ""


def read_error_body(body: bytes) -> ErrorBody:
    """Read an error body, of which any part may be missing; a gateway answers with HTML or with nothing."""
    try:
        error = read_xml(body, "Error")
    except UnreadableResponseError:
        return ErrorBody()
    return ErrorBody(
        shortened(text_of(error, "Code"), _MAX_CODE_LENGTH), shortened(text_of(error, "Message"), _MAX_MESSAGE_LENGTH)
    )
