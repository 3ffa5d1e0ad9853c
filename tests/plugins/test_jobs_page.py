"""The plugin in processes that do not use it, and in Airflow versions without plugin pages."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution

from airflow_provider_tencent_ci.plugins.airflow_plugin import JobsPagePlugin
from tests.plugins.conftest import has_pages

PARTS_OF_A_PAGE = {"fastapi_apps", "external_views"}

LOADED = """
import json, sys
from airflow import plugins_manager
from airflow.providers.common.compat.sdk import BaseOperator
before = set(sys.modules)
from airflow_provider_tencent_ci.plugins.airflow_plugin import JobsPagePlugin
print(json.dumps(sorted(set(sys.modules) - before)))
"""

PLUGINS = """
from airflow import plugins_manager
getattr(plugins_manager, "_get_plugins", getattr(plugins_manager, "ensure_plugins_loaded", None))()
errors = getattr(plugins_manager, "get_import_errors", lambda: plugins_manager.import_errors)()
print("errors:", errors)
"""


def python(script, folder):
    """Run a script outside the source tree, in which the package is found twice: there, and as installed."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=folder)


def test_the_plugin_is_declared_as_an_entry_point():
    [point] = distribution("airflow-provider-tencent-ci").entry_points.select(group="airflow.plugins")
    assert point.load() is JobsPagePlugin


def test_the_plugin_imports_no_other_module(tmp_path):
    modules = set(json.loads(python(LOADED, tmp_path).stdout.splitlines()[-1]))
    assert modules <= {
        "airflow_provider_tencent_ci",
        "airflow_provider_tencent_ci.plugins",
        "airflow_provider_tencent_ci.plugins.airflow_plugin",
    }


def test_the_plugin_loads_without_a_log_line(tmp_path):
    done = python(PLUGINS, tmp_path)
    assert done.stdout.splitlines()[-1] == "errors: {}"
    assert "tencent" not in done.stderr


def test_the_page_exists_only_in_an_airflow_with_plugin_pages():
    assert PARTS_OF_A_PAGE & vars(JobsPagePlugin).keys() == (PARTS_OF_A_PAGE if has_pages else set())


SWITCHED_OFF = """
import json
from airflow_provider_tencent_ci.plugins.airflow_plugin import JobsPagePlugin
print(json.dumps(sorted(vars(JobsPagePlugin))))
"""


def test_a_setting_disables_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__TENCENT_CI__JOBS_PAGE", "False")
    declared = json.loads(python(SWITCHED_OFF, tmp_path).stdout.splitlines()[-1])
    assert "name" in declared
    assert PARTS_OF_A_PAGE.isdisjoint(declared)
