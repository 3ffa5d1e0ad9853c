"""The former place of :mod:`.inventory_job_event`. DAGs and rows of Airflow's database name it; for one release."""

from __future__ import annotations

from airflow_provider_tencent_ci.triggers.inventory_job_event import InventoryJobEventTrigger

__all__ = ["InventoryJobEventTrigger"]
