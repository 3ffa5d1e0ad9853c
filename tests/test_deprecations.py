"""This package and its example DAGs import nothing that is deprecated in the installed Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from airflow import __version__ as airflow_version

ROOT = Path(__file__).parents[1]

# A deprecated name is resolved in several frames of Airflow (a module's __getattr__, the compat provider), so the file
# of the warning is not the importer. The importer is the next frame, which may be another part of Airflow.
COLLECT = """
import importlib, json, pkgutil, runpy, sys, traceback, warnings

OWN = ("/airflow_provider_tencent_ci/", "/example_dags/")
found = []

def is_between(frame):
    files = ("importlib", "/warnings.py", "/_compat_utils.py", "/deprecation_tools.py")
    return frame.name == "__getattr__" or any(file in frame.filename for file in files)

def note(message, category, filename, lineno, file=None, line=None):
    if not issubclass(category, (DeprecationWarning, PendingDeprecationWarning, FutureWarning)):
        return
    frames = [frame for frame in reversed(traceback.extract_stack()[:-1]) if not is_between(frame)]
    # The first one is deprecated itself, or another module imports a deprecated name.
    asked = [frame.filename for frame in frames[:2] if any(own in frame.filename for own in OWN)]
    found.extend(f"{file}: {category.__name__}: {message}" for file in asked)

import airflow
warnings.resetwarnings()
warnings.simplefilter("always")
warnings.showwarning = note
import airflow_provider_tencent_ci as package
names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
if airflow.__version__.startswith(("2.", "3.0.")):  # whose server has no place for a page, so that none imports these
    names = [name for name in names if ".plugins." not in name or name.endswith(".jobs_page")]
for name in names:
    if not name.endswith(("__main__", ".openlineage")):
        importlib.import_module(name)
        warnings.showwarning = note
for path in sys.argv[1:]:
    runpy.run_path(path)
print(json.dumps([len(names), found]))
"""

# Imports a deprecated name: on 2.11, on 3.1 and later, on 3.0.
PROBE = """
try:
    from airflow.sensors.base_sensor_operator import BaseSensorOperator
except ImportError:
    from airflow.models import Variable
    from airflow.utils.task_group import TaskGroup
    try:
        from airflow.operators.bash import BashOperator
    except ImportError:
        pass
"""


def collect(*paths: Path) -> list[str]:
    command = [sys.executable, "-c", COLLECT, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    modules, found = json.loads(done.stdout.splitlines()[-1])
    assert modules > 100
    return found


def test_package_and_examples_import_nothing_deprecated(tmp_path):
    examples = sorted((ROOT / "example_dags").glob("tencent_ci_*.py"))
    if airflow_version < "3":  # which has no asset watchers
        examples = [path for path in examples if path.stem != "tencent_ci_watch"]
    # A file with a deprecated import, which must be detected.
    probe = tmp_path / "example_dags" / "deprecated.py"
    probe.parent.mkdir()
    probe.write_text(PROBE, "utf-8")
    found = collect(*examples, probe)
    assert [line for line in found if str(probe) in line], found
    assert not [line for line in found if str(probe) not in line]
