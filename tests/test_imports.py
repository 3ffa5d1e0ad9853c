"""The cost of importing operator and sensor, which every parse of a DAG file pays."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from airflow import __version__ as airflow_version

IMPORT = """
import json, sys
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
before = set(sys.modules)
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.skipif(airflow_version < "3.2", reason="older versions import other modules themselves")
def test_operator_and_sensor_import_little_more_than_themselves():
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, timeout=120, check=True)
    modules = json.loads(done.stdout.splitlines()[-1])
    own = [module for module in modules if module.startswith("airflow_provider_tencent_ci.")]
    assert len(own) < 34, own
    assert len(modules) - len(own) < 12, modules
    late = ("aiohttp", "requests", "defusedxml", "asgiref", "airflow.triggers", "airflow_provider_tencent_ci.core")
    assert not [module for module in modules if module.startswith(late)]
