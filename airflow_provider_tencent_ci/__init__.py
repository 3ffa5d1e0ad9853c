"""Apache Airflow provider for the batch jobs of Tencent Cloud Infinite (CI)."""

from __future__ import annotations

from typing import Any

__all__ = ["__version__", "get_provider_info"]

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """
    Describe this provider to Airflow (entry point ``apache_airflow_provider``).

    Runs in every Airflow command, worker and server: it imports one module with one dictionary, nothing else.
    """
    from airflow_provider_tencent_ci.provider_info import PROVIDER_INFO

    return {**PROVIDER_INFO, "versions": [__version__]}
