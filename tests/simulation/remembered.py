"""Lets a process that runs many histories remember what depends on nothing but its input."""

from __future__ import annotations

from functools import lru_cache

from airflow_provider_tencent_ci.core.api import job_requests
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob

__all__ = ["remember_answers"]

_MOST = 10_000


def remember_answers() -> None:
    """
    Read each answer of the service once.

    Of ten answers nine have bytes that an earlier one had, in the same history or in another one, and no reader changes
    what it has read.
    """
    job_requests.read_xml = lru_cache(_MOST)(job_requests.read_xml)
    InventoryJob.from_xml = lru_cache(_MOST)(InventoryJob.from_xml)  # type: ignore[method-assign]
