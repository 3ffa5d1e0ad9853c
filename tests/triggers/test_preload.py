"""The first trigger of a triggerer imports the client in a thread."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from airflow_provider_tencent_ci.emulator import Emulator

PROGRAM = """
import asyncio, json, sys, threading
from contextlib import suppress
from importlib import import_module

module, name, arguments = json.loads(sys.argv[1])
trigger = getattr(import_module("airflow_provider_tencent_ci.triggers." + module), name)(**arguments)
in_the_loop = []


class Watcher:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is threading.main_thread():
            in_the_loop.append(name)


async def main():
    sys.meta_path.insert(0, Watcher())
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            async for event in trigger.run():
                break


asyncio.run(main())
assert "airflow_provider_tencent_ci.transport.async_driver" in sys.modules
heavy = ("airflow_provider_tencent_ci", "requests", "urllib3", "aiohttp", "yarl", "multidict", "defusedxml")
print(json.dumps([name for name in in_the_loop if name.partition(".")[0] in heavy]))
"""

TRIGGERS = {
    "wait": ("inventory_job", "InventoryJobTrigger", {"job_id": "b1", "contact_timeout": 0.1}),
    "capacity": ("capacity", "InventoryJobCapacityTrigger", {"max_active_jobs": 1}),
    "events": ("inventory_job_event", "InventoryJobEventTrigger", {"poll_interval": 1}),
}


@pytest.mark.parametrize("trigger", TRIGGERS.values(), ids=TRIGGERS)
def test_a_trigger_imports_nothing_large_in_the_event_loop(trigger):
    with Emulator() as emulator:
        environment = {**os.environ, "AIRFLOW_CONN_TENCENT_CI_DEFAULT": json.dumps(emulator.connection())}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(trigger)],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
