"""Nothing that this package imports is deprecated in the Airflow at hand, nor what its example DAGs import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# A deprecated name is found through several frames of Airflow's (module __getattr__, the compat provider), so that the
# warning's own file says nothing. Whoever asked for it is the next frame that is neither Airflow's nor an import's.
COLLECT = """
import importlib, json, pkgutil, runpy, sys, traceback, warnings

found = []

def note(message, category, filename, lineno, file=None, line=None):
    if not issubclass(category, (DeprecationWarning, PendingDeprecationWarning, FutureWarning)):
        return
    files = [frame.filename for frame in reversed(traceback.extract_stack()[:-1])]
    between = ("importlib", "warnings.py", "/airflow/", "typing_extensions", "<string>")
    asked = next((file for file in files if not any(part in file for part in between)), "")
    if "airflow_provider_tencent_ci" in asked or "example_dags" in asked:
        found.append(f"{asked}: {category.__name__}: {message}")

import airflow
warnings.resetwarnings()
warnings.simplefilter("always")
warnings.showwarning = note
import airflow_provider_tencent_ci as package
names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    if not name.endswith(("__main__", ".openlineage")):
        importlib.import_module(name)
        warnings.showwarning = note
for path in sys.argv[1:]:
    runpy.run_path(path)
print(json.dumps([len(names), found]))
"""

PROBE = "import warnings\nwarnings.warn('old', DeprecationWarning, stacklevel=1)\n"


def collect(*paths: Path) -> list[str]:
    command = [sys.executable, "-c", COLLECT, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    modules, found = json.loads(done.stdout.splitlines()[-1])
    assert modules > 100
    return found


def test_package_and_examples_import_nothing_deprecated(tmp_path):
    examples = sorted((ROOT / "example_dags").glob("tencent_ci_*.py"))
    # One that does, to see that it would be found.
    probe = tmp_path / "example_dags" / "deprecated.py"
    probe.parent.mkdir()
    probe.write_text(PROBE, "utf-8")
    found = collect(*examples, probe)
    assert [line for line in found if str(probe) in line], found
    assert not [line for line in found if str(probe) not in line]
