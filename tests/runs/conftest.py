from __future__ import annotations

import pytest

from tests.runs.dag_test import migrate_database


@pytest.fixture(scope="session", autouse=True)
def airflow_database() -> None:
    migrate_database()
