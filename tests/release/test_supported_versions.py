"""``constraints/versions.txt`` is the one place of the supported versions: whatever else names them agrees with it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from configparser import ConfigParser
from importlib.metadata import metadata
from itertools import pairwise, product

import pytest
import yaml
from airflow import __version__ as airflow_version

from tests.release.supported_versions import (
    AIRFLOWS,
    DEFAULT_AIRFLOW,
    NEWEST_PYTHON,
    OLDEST_PYTHON,
    PYTHONS,
    PYTHONS_OF,
    ROOT,
    minor,
    numbers,
)

CI_RUN = (ROOT / ".ci" / "run").read_text("utf-8")
READ_FROM_THE_TABLE = ("Makefile", ".ci/run", ".ci/wheel-smoke", "scripts/refresh-constraints")
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("fuzz/*.md")}
    - {*ROOT.glob("docs/_build/**/*"), ROOT / "docs" / "benchmarks.md"}  # which records measurements
)
# The room that knows the versions of Airflow. Other modules may speak of a part of them.
MODULES = sorted((ROOT / "airflow_provider_tencent_ci" / "compat").glob("*.py"))


def name_of(path):
    return str(path.relative_to(ROOT))


def configuration(name):
    config = ConfigParser()
    config.read(ROOT / name, "utf-8")
    return config


def load(*path):
    return yaml.safe_load(ROOT.joinpath(*path).read_text("utf-8"))


def job(workflow, name):
    return load(".github", "workflows", f"{workflow}.yml")["jobs"][name]


def test_the_last_airflow_is_the_newest_and_the_default():
    assert sorted(AIRFLOWS, key=numbers) == AIRFLOWS
    assert len({minor(airflow) for airflow in AIRFLOWS}) == len(AIRFLOWS)
    assert all(pythons and len(set(pythons)) == len(pythons) for pythons in PYTHONS_OF.values())


def test_each_airflow_has_its_constraints():
    constrained = {path.stem.removeprefix("airflow-") for path in (ROOT / "constraints").glob("airflow-[0-9]*.txt")}
    assert set(AIRFLOWS) == constrained


@pytest.mark.skipif(airflow_version not in AIRFLOWS, reason="an Airflow that is not in the table")
def test_an_airflow_has_each_python_that_it_supports():
    classifiers = metadata("apache-airflow").get_all("Classifier")
    supported = {line.rpartition(" ")[2] for line in classifiers if "Programming Language :: Python :: 3." in line}
    assert set(PYTHONS_OF[airflow_version]) == supported & {*PYTHONS}


def test_the_metadata_name_each_python():
    config = configuration("setup.cfg")
    named = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", config["metadata"]["classifiers"], re.MULTILINE)
    assert named == PYTHONS
    after = f"3.{numbers(NEWEST_PYTHON)[1] + 1}"
    assert config["options"]["python_requires"] == f">={OLDEST_PYTHON},<{after}"
    assert f"apache-airflow>={minor(AIRFLOWS[0])}" in config["options"]["install_requires"].split()


def test_the_workflow_tests_each_airflow_on_each_of_its_pythons():
    matrix = job("ci", "tests")["strategy"]["matrix"]
    assert (matrix["airflow"], matrix["python"]) == (AIRFLOWS, PYTHONS)
    excluded = {(pair["airflow"], pair["python"]) for pair in matrix["exclude"]}
    supported = {(airflow, python) for airflow, pythons in PYTHONS_OF.items() for python in pythons}
    assert excluded == set(product(AIRFLOWS, PYTHONS)) - supported


def test_the_weekly_run_takes_the_oldest_and_the_newest_python():
    assert job("weekly", "newest")["strategy"]["matrix"]["python"] == [OLDEST_PYTHON, NEWEST_PYTHON]


def test_jobs_without_versions_of_their_own_use_the_default_airflow_and_the_oldest_python():
    inputs = load(".github", "actions", "python", "action.yml")["inputs"]
    assert (inputs["airflow"]["default"], inputs["python"]["default"]) == (DEFAULT_AIRFLOW, OLDEST_PYTHON)
    built = [step["with"]["python-version"] for step in job("release", "build")["steps"] if "setup-python" in str(step)]
    assert built == [OLDEST_PYTHON]
    assert load(".readthedocs.yaml")["build"]["tools"]["python"] == OLDEST_PYTHON


def test_rules_and_types_are_those_of_the_oldest_python():
    ruff = tomllib.loads((ROOT / "ruff.toml").read_text("utf-8"))
    assert ruff["target-version"] == f"py{OLDEST_PYTHON.replace('.', '')}"
    assert configuration("setup.cfg")["mypy"]["python_version"] == OLDEST_PYTHON


@pytest.mark.parametrize("path", READ_FROM_THE_TABLE)
def test_a_file_that_reads_the_table_has_no_copy_of_it(path):
    code = [line for line in (ROOT / path).read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    assert "constraints/versions.txt" in "\n".join(code)
    copied = [line for line in code for version in (*AIRFLOWS, *PYTHONS) if re.search(rf"(?<![\d.]){version}\b", line)]
    assert copied == []


# "Airflow 2.11 to 3.3", "Python 3.11 至 3.13"
AIRFLOW_RANGE = re.compile(rf"\b{re.escape(minor(AIRFLOWS[0]))} (?:to|至) (\d\.\d+)")
PYTHON_RANGE = re.compile(r"Python (3\.\d+) (?:to|至) (3\.\d+)")


def text_of(path):
    """The text; of the changelog, whose older sections stay as they are, the newest section."""
    text = path.read_text("utf-8")
    return "## ".join(text.split("\n## ")[:2]) if path.name == "CHANGELOG.md" else text


@pytest.mark.parametrize("path", [*PAGES, *MODULES], ids=name_of)
def test_a_range_of_versions_is_that_of_the_table(path):
    text = text_of(path)
    assert set(AIRFLOW_RANGE.findall(text)) <= {minor(DEFAULT_AIRFLOW)}
    assert set(PYTHON_RANGE.findall(text)) <= {(OLDEST_PYTHON, NEWEST_PYTHON)}


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_a_reader_is_told_both_ranges(name):
    text = (ROOT / name).read_text("utf-8")
    assert AIRFLOW_RANGE.search(text)
    assert PYTHON_RANGE.search(text)


@pytest.mark.parametrize("path", [*PAGES, ROOT / "Makefile"], ids=name_of)
def test_a_command_names_supported_versions(path):
    text = text_of(path)
    assert set(re.findall(r"(?:\bAIRFLOW|apache-airflow=)=(\d+\.[\d.]*\d)", text)) <= {*AIRFLOWS}
    assert set(re.findall(r"PYTHON=python(3\.\d+)", text)) <= {*PYTHONS}


def test_the_default_airflow_is_named_as_such():
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert f"With Python {OLDEST_PYTHON} to {NEWEST_PYTHON}, make and git" in contributing
    assert f"an environment in .venv with Airflow {DEFAULT_AIRFLOW}, this package" in contributing
    assert load("docs", "snippets", "kubernetes", "values.yaml")["airflowVersion"] == DEFAULT_AIRFLOW


def fake_python(folder, version, name=None):
    """An interpreter that knows its version, and answers everything else with a failure."""
    path = folder / (name or f"python{version}")
    path.write_text(f'#!/bin/sh\n[ "$1" = -c ] && {{ echo {version}; exit 0; }}\necho "asked: $*"; exit 3\n')
    path.chmod(0o755)
    return path


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize(("airflow", "python"), [*product(AIRFLOWS, ["3.10", *PYTHONS])])
def test_make_accepts_the_pythons_of_an_airflow_and_says_which(tmp_path, airflow, python):
    arguments = ("venv", f"AIRFLOW={airflow}", f"PYTHON={fake_python(tmp_path, python)}", f"VENV={tmp_path / 'venv'}")
    done = subprocess.run(["make", "-C", ROOT, *arguments], capture_output=True, text=True, check=False, timeout=60)
    supported = sorted(PYTHONS_OF[airflow], key=numbers)
    refusal = f"Airflow {airflow} needs one of these: Python {' '.join(supported)}."
    assert (refusal in done.stdout) == (python not in supported)
    assert ("asked: -m venv" in done.stdout) == (python in supported)


def function(name):
    return re.search(rf"^{name}\(\) \{{.*?^\}}|^{name}\(\) \{{.*\}}$", CI_RUN, re.MULTILINE | re.DOTALL)[0]


def local_run(tmp_path, main_python, part="Python"):
    """
    Return the Python, or the parts of tests and cases, with which ``.ci/run`` would test each Airflow.

    The machine has the interpreters in ``tmp_path/bin`` only.
    """
    table = re.search(r"^mapfile .*\n^DEFAULT_AIRFLOW=.*$", CI_RUN, re.MULTILINE)[0]
    names = (
        "left_out_on",
        "shares_on",
        "minor_version",
        "find_python",
        "pythons_for",
        "test_on",
        "test_on_these",
        "test_on_each",
    )
    main = fake_python(tmp_path, main_python, "python")
    (tmp_path / "main" / "bin").mkdir(parents=True)
    main.rename(tmp_path / "main" / "bin" / "python")
    script = f"""
        set -euo pipefail
        PROCESSES=6 SUMMARY=() VENVS=venvs MAIN_VENV={shlex.quote(str(tmp_path / "main"))}
        {table}
        {chr(10).join(map(function, names))}
        # It takes what it can read, as pytest may.
        section() {{ cat >/dev/null; printf 'TESTED %s, %s %s\\n' "$1" "$3" "${{4:-}}"; }}
        declare -A BESIDE_TITLES
        beside() {{ BESIDE_TITLES[$1]=$2; "${{@:3}}"; }}
        PATH={shlex.quote(str(tmp_path / "bin"))} PYENV_ROOT=/nowhere
        test_on_each
        """
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    pattern = r"TESTED tests on Airflow (\S+), Python (?P<Python>\S+), (?P<parts>.*)$"
    return {found[1]: found[part] for found in re.finditer(pattern, done.stdout, re.MULTILINE)}


def machine(tmp_path, pythons):
    (tmp_path / "bin").mkdir()
    for program in ("cat", "grep"):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program))
    for python in pythons:
        fake_python(tmp_path / "bin", python)


def test_the_local_run_takes_the_first_python_of_each_airflow(tmp_path):
    machine(tmp_path, PYTHONS)
    assert local_run(tmp_path, "3.0") == {airflow: pythons[0] for airflow, pythons in PYTHONS_OF.items()}


@pytest.mark.parametrize("main", PYTHONS)
def test_the_local_run_repeats_nothing_of_the_main_run(tmp_path, main):
    machine(tmp_path, [main])
    expected = {airflow: main for airflow, pythons in PYTHONS_OF.items() if main in pythons}
    expected.pop(DEFAULT_AIRFLOW, None)
    assert local_run(tmp_path, main) == expected


def test_three_lines_of_airflow_in_a_row_run_all_cases_and_two_all_tests(tmp_path):
    machine(tmp_path, PYTHONS)
    lines = sorted(local_run(tmp_path, "3.0", "parts").items(), key=lambda line: numbers(line[0]))
    shares = [re.findall(r"TENCENT_CI_\w+=(\S+)", parts) for airflow, parts in lines if airflow != DEFAULT_AIRFLOW]
    tests, cases = zip(*shares, strict=True)
    for three in zip(cases, cases[1:], cases[2:], strict=False):
        assert {*three} == {"1/3", "2/3", "3/3"}
    for two in pairwise(tests):
        assert "1/1" in two or {*two} == {"1/2", "2/2"}
    assert dict(lines)[DEFAULT_AIRFLOW].startswith("TENCENT_CI_TESTS=1/1 ")
