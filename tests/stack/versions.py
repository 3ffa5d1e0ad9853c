"""What the running Airflow can do."""

from __future__ import annotations

import pytest
from airflow import __version__ as airflow_version

__all__ = ["IS_AIRFLOW_2", "only_airflow_2", "only_airflow_3"]

IS_AIRFLOW_2 = airflow_version < "3"


def only_airflow_2(reason):
    """Mark a test of what only 2.11 does."""
    return pytest.mark.skipif(not IS_AIRFLOW_2, reason=reason)


def only_airflow_3(reason):
    """Mark a test of what 2.11 does not do."""
    return pytest.mark.skipif(IS_AIRFLOW_2, reason=reason)
