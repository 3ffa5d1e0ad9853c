"""The dialect of a service: how its requests are signed, and how its answers refuse them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from airflow_provider_tencent_ci.core.wire.error_body import may_be_error
from airflow_provider_tencent_ci.core.wire.messages import Request, Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_errors import may_be_time_refusal
from airflow_provider_tencent_ci.core.wire.signing import secrets_of, sign


class Dialect(Protocol):
    """The parts of an exchange that depend on the service."""

    def sign(self, request: Request, host: str, credentials: Credentials, now: datetime) -> dict[str, str]:
        """Return all headers to send with a request, with lower-case names."""

    def secrets_of(self, credentials: Credentials, signed: Mapping[str, str]) -> list[str]:
        """Return the secrets of a request with the headers ``signed``."""

    def error_text(self, status: int, body: bytes) -> bytes | None:
        """Return a body in a form in which secrets can be found; ``None`` for a success, whose body is not changed."""

    def may_be_time_refusal(self, response: Response) -> bool:
        """Whether the service refused a request unexecuted, perhaps because of its signature's time."""


@dataclass(frozen=True, slots=True)
class _CiDialect:
    """The dialect of CI and COS."""

    def sign(self, request: Request, host: str, credentials: Credentials, now: datetime) -> dict[str, str]:
        """Sign a request, if there is a key."""
        return sign(request, host, credentials, now)

    def secrets_of(self, credentials: Credentials, signed: Mapping[str, str]) -> list[str]:
        """Return key, token, ``SignKey`` and ``Signature``."""
        return secrets_of(credentials, signed)

    def error_text(self, status: int, body: bytes) -> bytes | None:
        """Decide by the status; a body with a node ``Error`` is no success."""
        return None if 200 <= status < 300 and not may_be_error(body) else body

    def may_be_time_refusal(self, response: Response) -> bool:
        """Decide by status, code and ``Date``."""
        return may_be_time_refusal(response)


CI_DIALECT = _CiDialect()
