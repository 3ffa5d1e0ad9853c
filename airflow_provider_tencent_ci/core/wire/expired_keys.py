"""
Temporary keys have expired: which refusal says so, and whether the request is sent again with newer keys.

The exchange signs the request with the newer keys and sends it again, once: a second refusal is the answer
(``_answered`` in ``exchange.py``). How newer keys are got is in ``core/credentials/refresh.py``.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from airflow_provider_tencent_ci.core.wire.messages import Now, Response
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.service_config import ServiceConfig


def is_expired_credentials_refusal(response: Response) -> bool:
    """Whether the service refused a request unexecuted because its temporary keys have expired."""
    return 400 <= response.status < 500 and response.error.code == "ExpiredToken"


def can_be_refreshed(credentials: Credentials, config: ServiceConfig) -> Generator[Now, Any, bool]:
    """Record that these keys were refused as expired; return whether there may be others to try."""
    return config.credentials.discard(credentials, (yield Now()))
