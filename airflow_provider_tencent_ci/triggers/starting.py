"""The former place of :mod:`.sensor_start`. DAGs that were serialised before an update name it; for one release."""

from __future__ import annotations

from airflow_provider_tencent_ci.triggers.sensor_start import StartingInventoryJobTrigger

__all__ = ["StartingInventoryJobTrigger"]
