"""The features of the running Airflow."""

from __future__ import annotations

import pytest
from airflow import __version__ as airflow_version

__all__ = ["IS_AIRFLOW_2", "only_airflow_2", "only_airflow_3"]

IS_AIRFLOW_2 = airflow_version < "3"


def only_airflow_2(reason):
    """Mark a test for 2.11 only."""
    return pytest.mark.skipif(not IS_AIRFLOW_2, reason=reason)


def only_airflow_3(reason):
    """Mark a test for all versions but 2.11."""
    return pytest.mark.skipif(IS_AIRFLOW_2, reason=reason)
