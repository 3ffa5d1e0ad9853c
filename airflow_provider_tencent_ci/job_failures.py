"""The former place of ``outcome/failed_files.py``, which DAGs import from. It goes with the next release."""

from __future__ import annotations

from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures

__all__ = ["InventoryJobFailures"]
