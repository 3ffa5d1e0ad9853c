"""The values for the official chart and the recipe for an image, as ``docs/kubernetes.md`` shows them."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest

from airflow_provider_tencent_ci import __version__

ROOT = Path(__file__).parents[2]
HERE = ROOT / "docs" / "snippets" / "kubernetes"
PAGE = ROOT / "docs" / "kubernetes.md"

check = runpy.run_path(str(ROOT / "scripts" / "check-chart-values"))
checked = json.loads(Path(__file__).with_name("checked_chart_values.json").read_text("utf-8"))

SCHEMA = {
    "type": "object",
    "properties": {
        "triggerer": {"type": "object", "properties": {"replicas": {"type": "integer"}}, "additionalProperties": False},
    },
}
DEFAULTS = {
    "triggerer": {"replicas": 1},
    "workers": {"resources": {}, "kubernetes": {"env": []}},
    "config": {"core": {}},
}


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"triggerer": {"replicas": "two"}}, "$.triggerer.replicas: 'two' is not of type 'integer'"),
        ({"trigerer": {"replicas": 2}}, "$.trigerer: the chart has no such value"),
        ({"workers": {"celery": {"replicas": 2}}}, "$.workers.celery: the chart has no such value"),
        (
            {"workers": {"kubernetes": {"environment": []}}},
            "$.workers.kubernetes.environment: the chart has no such value",
        ),
    ],
)
def test_a_value_that_the_chart_does_not_have_is_a_fault(values, fault):
    assert check["faults"](values, SCHEMA, DEFAULTS) == [fault]


def test_options_of_airflow_and_names_of_kubernetes_are_free():
    values = {"workers": {"resources": {"limits": {"memory": "1Gi"}}}, "config": {"tencent_ci": {"deployment": "a"}}}
    assert check["faults"](values, SCHEMA, DEFAULTS) == []


def test_the_values_have_not_changed_since_they_were_checked_with_the_chart():
    """Else: ``scripts/check-chart-values`` with the chart, which the tests do not have."""
    assert checked["sha256"] == check["hashes"]()


def test_the_page_installs_the_chart_with_which_the_values_were_checked():
    install = shlex.split((HERE / "install.sh").read_text("utf-8").splitlines()[-1])
    assert install[install.index("--version") + 1] == checked["chart"]
    assert f"chart {checked['chart']}" in PAGE.read_text("utf-8")


def test_the_page_has_the_grace_periods_of_the_values():
    values = check["merged"](("values.yaml", "celery.yaml"))
    pods = {"task": values["workers"]["kubernetes"], "Celery worker": values["workers"]["celery"]}
    rows = re.findall(r"^\| (task|Celery worker|triggerer)\b[^|]*\| (\d+)", PAGE.read_text("utf-8"), re.M)
    shown = {pod: int(seconds) for pod, seconds in rows}
    pods["triggerer"] = values["triggerer"]
    assert shown == {pod: spec["terminationGracePeriodSeconds"] for pod, spec in pods.items()}


def recipe(word):
    """The lines of the recipe that begin with a word."""
    return re.findall(rf"^{word} (.+)$", (HERE / "airflow.Dockerfile").read_text("utf-8"), re.M)


def test_the_recipe_is_for_the_default_airflow_on_one_of_its_pythons():
    *_, last = (ROOT / "constraints" / "versions.txt").read_text("utf-8").splitlines()
    airflow, *pythons = last.split()
    [image] = recipe("FROM")
    assert image in {f"apache/airflow:{airflow}-python{python}" for python in pythons}


def test_the_recipe_has_no_line_that_the_smoke_test_does_not_execute():
    """``.ci/wheel-smoke`` executes each RUN line in an empty environment."""
    lines = (HERE / "airflow.Dockerfile").read_text("utf-8").splitlines()
    assert {line.split()[0] for line in lines if line} == {"FROM", "#", "COPY", "RUN"}
    assert not [line for line in lines if line.endswith("\\")]


def test_the_image_stays_that_of_airflow_s_own_user():
    assert recipe("USER") == []


def test_the_commands_build_the_wheel_that_the_recipe_copies():
    wheel, build, push = (shlex.split(line) for line in (HERE / "build.sh").read_text("utf-8").splitlines())
    [(pattern, folder)] = [line.split() for line in recipe("COPY")]
    assert fnmatch(f"airflow_provider_tencent_ci-{__version__}-py3-none-any.whl", pattern)
    assert all(f" {folder}*.whl" in line for line in recipe("RUN") if "install" in line)
    assert wheel[wheel.index("--wheel-dir") + 1] == build[-1]
    assert build[build.index("--file") + 1] == str((HERE / "airflow.Dockerfile").relative_to(ROOT))
    assert push[-1] == build[build.index("--tag") + 1]


def test_the_chart_runs_the_image_of_the_recipe_also_in_the_pods_of_tasks():
    """The image of ``images.airflow`` is that of the components only: the pods of tasks would not have the package."""
    values = check["merged"](("values.yaml",))
    image = f"{values['defaultAirflowRepository']}:{values['defaultAirflowTag']}"
    assert image in (HERE / "build.sh").read_text("utf-8")
    assert "images" not in values
