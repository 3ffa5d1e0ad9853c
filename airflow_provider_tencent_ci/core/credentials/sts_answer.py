"""The answers of STS in Tencent's API 3.0: JSON, with status 200 for errors too (docs/service.md, 9.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_tencent_ci.core.wire.messages import Request, Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.tc3 import sign_tc3
from airflow_provider_tencent_ci.core.wire.texts import shortened

TIME_REFUSAL_CODE = "AuthFailure.SignatureExpire"

# An answer is about two kilobytes long. A longer one is not from STS, and is not parsed.
_MAX_BYTES = 64 * 1024

_CODE = re.compile(r"[\w.]{1,80}", re.ASCII)
_MAX_MESSAGE_LENGTH = 300
_MAX_REQUEST_ID_LENGTH = 80


@dataclass(frozen=True, slots=True)
class StsAnswer:
    """
    The content of an answer.

    :param fields: those of ``Response``.
    :param request_id: the service's id of the request.
    :param error: code and message of the error; ``None`` if it is none.
    """

    fields: Mapping[str, object]
    request_id: str
    error: tuple[str, str] | None


def read_sts_answer(body: bytes) -> StsAnswer | None:
    """Read a body; ``None`` if it is not STS's own, which always has a ``RequestId``."""
    content = _read_json(body)
    fields = content.get("Response") if isinstance(content, dict) else None
    if not isinstance(fields, dict) or not isinstance(fields.get("RequestId"), str) or not fields["RequestId"]:
        return None
    return StsAnswer(fields, fields["RequestId"][:_MAX_REQUEST_ID_LENGTH], _error_of(fields))


@dataclass(frozen=True, slots=True)
class StsDialect:
    """The dialect of STS: requests have the signature TC3, and a refusal is in the body."""

    def sign(self, request: Request, host: str, credentials: Credentials, now: datetime) -> dict[str, str]:
        """Sign a request."""
        return sign_tc3(request, host, credentials, now, "sts")

    def secrets_of(self, credentials: Credentials, signed: Mapping[str, str]) -> list[str]:
        """Return key, token and signature."""
        return [credentials.secret_key, credentials.token or "", signed["authorization"].rpartition("=")[2]]

    def error_text(self, status: int, body: bytes) -> bytes | None:
        """Return any body without JSON's escapes: the status does not show an error, and escapes could hide a token."""
        if len(body) > _MAX_BYTES:
            return body
        try:
            return json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace")
        except (ValueError, RecursionError):
            return body

    def may_be_time_refusal(self, response: Response) -> bool:
        """Decide by the code, which is documented."""
        answer = read_sts_answer(response.body)
        return answer is not None and answer.error is not None and answer.error[0] == TIME_REFUSAL_CODE


def _read_json(body: bytes) -> object:
    """Return the value of a body; ``None`` if it is not JSON."""
    try:
        return json.loads(body) if len(body) <= _MAX_BYTES else None
    except (ValueError, RecursionError):
        return None


def _error_of(fields: Mapping[str, object]) -> tuple[str, str] | None:
    if "Error" not in fields:
        return None
    error = fields["Error"] if isinstance(fields["Error"], dict) else {}
    code, message = error.get("Code"), error.get("Message")
    return (
        code if isinstance(code, str) and _CODE.fullmatch(code) else "no code",
        shortened(message, _MAX_MESSAGE_LENGTH) if isinstance(message, str) else "no message",
    )
