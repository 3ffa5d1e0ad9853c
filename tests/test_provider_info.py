"""The provider dictionary: a mistake in it would break the discovery of all providers of an installation."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import airflow
import jsonschema
import pytest

from airflow_provider_tencent_ci import __version__, get_provider_info

INFO = get_provider_info()
[CONNECTION] = INFO["connection-types"]


def test_the_provider_info_matches_the_schema_of_the_installed_airflow():
    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text("utf-8"))
    jsonschema.validate(INFO, schema)


@pytest.mark.skipif(airflow.__version__ < "3.3", reason="older versions do not know all keys yet")
def test_registries_can_read_the_provider_info_in_its_strict_form():
    schema = json.loads((Path(airflow.__file__).parent / "provider.yaml.schema.json").read_text("utf-8"))
    # Release data of Airflow's own providers; other providers do not have it.
    schema["required"] = sorted(set(schema["required"]) - {"state", "source-date-epoch"})
    # Airflow adds the link to the documentation, from the metadata, to the dictionary that it was given.
    jsonschema.validate({key: value for key, value in INFO.items() if key != "documentation-url"}, schema)


def test_airflow_finds_the_documentation():
    urls = dict(url.split(", ") for url in distribution("airflow-provider-tencent-ci").metadata.get_all("Project-URL"))
    assert urls["Documentation"].startswith("https://")


def test_the_provider_info_names_the_distribution():
    assert INFO["package-name"] == distribution("airflow-provider-tencent-ci").metadata["Name"]
    assert INFO["versions"] == [__version__] == [distribution("airflow-provider-tencent-ci").version]


def test_the_provider_info_is_declared_as_an_entry_point():
    points = distribution("airflow-provider-tencent-ci").entry_points.select(group="apache_airflow_provider")
    [point] = points
    assert point.load()() == INFO


@pytest.mark.parametrize("path", [CONNECTION["hook-class-name"], *INFO["extra-links"]])
def test_the_named_classes_exist(path):
    module, _, name = path.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), name), type)


def test_the_named_decorators_exist():
    from airflow.providers.common.compat.sdk import task

    for decorator in INFO["task-decorators"]:
        module, _, name = decorator["class-name"].rpartition(".")
        assert getattr(task, decorator["name"]) is getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers"])
def test_the_named_modules_exist(kind):
    for entry in INFO[kind]:
        for module in entry["python-modules"]:
            importlib.import_module(module)


def test_the_hook_and_the_metadata_match():
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

    assert TencentCIHook.conn_type == CONNECTION["connection-type"]
    assert TencentCIHook.hook_name == CONNECTION["hook-name"]


def test_every_form_field_can_be_drawn_and_the_token_is_masked():
    for field in CONNECTION["conn-fields"].values():
        assert field["label"]
        assert field["description"]
        assert field["schema"]["type"] == ["string", "null"]
    fields = ["region", "bucket", "token", "credentials", "role_arn", "endpoint_url", "max_connections"]
    assert list(CONNECTION["conn-fields"]) == fields
    assert CONNECTION["conn-fields"]["token"]["schema"]["format"] == "password"


def test_the_form_offers_each_kind_of_credentials():
    from airflow_provider_tencent_ci.hooks.connection_credentials import KINDS

    assert CONNECTION["conn-fields"]["credentials"]["schema"]["enum"] == list(KINDS)


def test_the_older_form_has_the_same_fields():
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

    pytest.importorskip("flask_appbuilder", reason="only Airflow 2.11 draws its form with it")
    pytest.importorskip("wtforms")
    widgets = TencentCIHook.get_connection_form_widgets()
    assert list(widgets) == list(CONNECTION["conn-fields"])
    assert widgets["token"].field_class.__name__ == "PasswordField"


def test_the_older_form_has_the_same_labels():
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

    behaviour = TencentCIHook.get_ui_field_behaviour()
    assert behaviour["relabeling"] == {"login": "SecretId", "password": "SecretKey"}
    assert behaviour["hidden_fields"] == ["host", "schema", "port"]


def airflow_command(*arguments):
    command = [sys.executable, "-m", "airflow", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    noise = [line for line in done.stderr.splitlines() if "tencent" in line.lower()]
    assert not noise, noise
    return done.stdout


def test_airflow_shows_the_provider():
    assert "airflow-provider-tencent-ci" in airflow_command("providers", "get", "airflow-provider-tencent-ci")


def test_airflow_shows_the_hook():
    [row] = [row for row in airflow_command("providers", "hooks", "-o", "plain").splitlines() if "tencent_ci" in row]
    assert "airflow-provider-tencent-ci" in row
    assert "True" not in row.split()[-1] or "Error" not in row


LOADED = """
import sys
from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator, BaseOperatorLink, XCom
import airflow.triggers.base
before = set(sys.modules)
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
print(*sorted(set(sys.modules) - before))
"""


def test_operator_and_sensor_load_no_http_or_xml_library():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=120, check=True)
    loaded = done.stdout.split()
    assert "airflow_provider_tencent_ci.operators.inventory_job" in loaded
    roots = {name.partition(".")[0] for name in loaded}
    assert not roots & {"requests", "aiohttp", "defusedxml", "urllib3", "yarl", "tencentcloud"}, sorted(roots)
