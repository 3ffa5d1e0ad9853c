"""Which CAM actions a key may use, and the refusal of the others."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError

__all__ = ["check_permission", "may_use"]


def may_use(key: AccessKey, action: str) -> bool:
    """Whether a key may use an action, such as ``ci:DescribeInventoryTriggerJobs``."""
    return key.actions is None or action in key.actions


def check_permission(key: AccessKey, needed: Iterable[str]) -> None:
    """
    Refuse an action that a key may not use.

    :raises ServiceError: the key may not use one of the actions; the message names the first such action.
    """
    for action in needed:
        if not may_use(key, action):
            raise ServiceError(403, "AccessDenied", f"The key is not allowed to use the action {action}.")
