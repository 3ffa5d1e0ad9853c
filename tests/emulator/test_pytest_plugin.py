"""The shipped fixtures in a test suite like a user's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = "airflow_provider_tencent_ci.emulator.pytest_plugin"


@pytest.fixture
def run_suite(tmp_path: Path):
    """Runs a file of tests in a new process of pytest that has only this plugin, and returns its output."""

    def run_suite(code: str, *arguments: str) -> str:
        (tmp_path / "test_suite.py").write_text(code)
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-p", PLUGIN, *arguments, str(tmp_path)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return result.stdout + result.stderr

    return run_suite


def test_each_test_gets_the_emulator_of_the_session_after_a_reset(run_suite):
    output = run_suite(
        """
seen = set()


def test_one(tencent_ci_emulator, tencent_ci_emulator_server):
    assert tencent_ci_emulator is tencent_ci_emulator_server
    seen.add(tencent_ci_emulator.port)
    tencent_ci_emulator.add_objects("left-behind.mp4")
    tencent_ci_emulator.inject("reset", times=None)


def test_two(tencent_ci_emulator):
    seen.add(tencent_ci_emulator.port)
    assert len(seen) == 1
    assert tencent_ci_emulator.faults == []
    assert "left-behind.mp4" not in tencent_ci_emulator.bucket().objects
"""
    )
    assert "2 passed" in output


def test_the_default_connection_reaches_the_emulator_for_one_test(run_suite):
    output = run_suite(
        """
import json, os


def test_connected(tencent_ci_connection, tencent_ci_emulator):
    assert tencent_ci_connection == "tencent_ci_default"
    connection = json.loads(os.environ["AIRFLOW_CONN_TENCENT_CI_DEFAULT"])
    assert connection["extra"]["endpoint_url"] == tencent_ci_emulator.url


def test_not_connected():
    assert "AIRFLOW_CONN_TENCENT_CI_DEFAULT" not in os.environ
"""
    )
    assert "2 passed" in output


def test_an_error_inside_the_emulator_fails_the_test_that_caused_it(run_suite):
    output = run_suite(
        """
from tests.emulator.wire import JOBS, call, request_body


def test_broken(tencent_ci_emulator):
    tencent_ci_emulator.bucket().queues.clear()
    assert call(tencent_ci_emulator, "POST", JOBS, body=request_body()).status == 500


def test_well(tencent_ci_emulator):
    assert call(tencent_ci_emulator, "POST", JOBS, body=request_body()).status == 200
"""
    )
    assert "2 passed, 1 error" in output
    assert "StopIteration" in output


def test_the_fixtures_have_descriptions(run_suite):
    output = run_suite("", "--fixtures")
    for name in ("tencent_ci_emulator_server", "tencent_ci_emulator", "tencent_ci_connection"):
        assert f"\n{name}" in output
