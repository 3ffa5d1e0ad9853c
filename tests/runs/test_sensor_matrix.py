"""
Each cell of the table of results in ``docs/sensor.md``, in the three modes that ``dag.test`` has.

The modes without workers are in ``tests/sensors/test_workerless_matrix.py``.
"""

from __future__ import annotations

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.compat.triggerer_features import has_workerless_waits
from tests.runs.conftest import broken_in_airflow_3_0
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER
from tests.sensors.result_table import CASES, CONDITIONS, each_with_one_of, hasten_late_list, names_its_place, submit

MODES = {
    "poke": "deferrable=False",
    "reschedule": "deferrable=False, mode='reschedule'",
    "deferred": "deferrable=True",
}
again = broken_in_airflow_3_0("hands a sensor the time of its first look as text, so that a second look fails")
cells = [
    pytest.param(case, MODES[mode], id=f"{case}-{mode}", marks=[again] if mode == "reschedule" else [])
    for case, mode in each_with_one_of(MODES)
]


def test_the_page_has_each_condition_once():
    assert [case.condition for case in CASES[::4]] == list(CONDITIONS)


@pytest.mark.parametrize("number", [2, 3])
def test_each_condition_and_each_flag_meets_each_mode(number):
    pairs = each_with_one_of("abc"[:number])
    assert len({(case.condition, mode) for case, mode in pairs}) == len(CONDITIONS) * number
    assert len({(case.flag, mode) for case, mode in pairs}) == 4 * number


@pytest.mark.parametrize(("case", "mode"), cells)
def test_a_condition_has_the_same_result_in_each_mode(emulator, monkeypatch, case, mode):
    if "reschedule" in mode and "contact_timeout" in case.condition and not has_workerless_waits():
        pytest.skip("before 3.3 nothing is stored between two polls, so only timeout ends such a wait")
    hasten_late_list(monkeypatch)
    arguments = case.arguments(submit(emulator, case), mode)
    try:
        run = run_dag_file(HEADER + f"with dag:\n    InventoryJobSensor(task_id='wait', {arguments})\n")
    except AirflowTaskTimeout:  # which 2.11's dag.test lets through
        assert (airflow_version[0], case.state, case.error) == ("2", "failed", "AirflowTaskTimeout")
        return
    assert run.states == {"wait": case.state}
    if case.state == "failed" and case.error != "AirflowTaskTimeout":  # which is not noted
        assert type(run.failures[-1]).__name__ == case.error
        assert names_its_place(case, str(run.failures[-1]))
